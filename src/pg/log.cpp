#include "pg/log.hpp"

#include "pg/error.hpp"

namespace upstream::pg {

void log_line(const std::string& message) {
    const char* const text = message.c_str();
    call([&] { ereport(LOG, (errmsg("pg_upstream: %s", text))); });
}

void log_warning(const std::string& message) {
    const char* const text = message.c_str();
    call([&] { ereport(WARNING, (errmsg("pg_upstream: %s", text))); });
}

}  // namespace upstream::pg
