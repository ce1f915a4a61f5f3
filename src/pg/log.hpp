// Lines in the server's log. For operators: once where something is handled, nothing per row.
#pragma once

#include <string>

namespace upstream::pg {

void log_line(const std::string& message);     // LOG
void log_warning(const std::string& message);  // WARNING

}  // namespace upstream::pg
