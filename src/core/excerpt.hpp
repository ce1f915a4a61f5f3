// What an error may show of a text that came from an upstream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace upstream::core {

// The beginning of a text as one line of valid UTF-8: at most `bytes` long and never cut inside a character, control characters as
// spaces, bytes that are no UTF-8 as '?'.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t bytes = 200);

}  // namespace upstream::core
