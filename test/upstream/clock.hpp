// Time for the simulator: the two clocks it reads and the one textual form of a moment it speaks.
//
// A moment is a count of microseconds since 1970 UTC everywhere inside; text appears only at the edges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

[[nodiscard]] std::int64_t wall_us();
[[nodiscard]] std::int64_t monotonic_us();

// "2026-01-01T00:00:00.123456Z": always six digits, so that text order is time order.
[[nodiscard]] std::string format_time(std::int64_t us);

// "2026-01-01", the UTC day.
[[nodiscard]] std::string format_day(std::int64_t us);

// A day, or a day and a time with up to nine decimals and Z, an offset or nothing (UTC). Strict: a '+' that was not
// percent-encoded in a query has become a space by now and is refused, as a real service would.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);

// Seconds since 1970, with up to six decimals.
[[nodiscard]] std::optional<std::int64_t> parse_epoch(std::string_view text);

}  // namespace simulator
