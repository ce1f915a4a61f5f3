// Points and spans of time as upstreams write them. Nothing here reads a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace upstream::core {

using Duration = std::chrono::microseconds;
using Timestamp = std::chrono::sys_time<Duration>;  // UTC, microseconds
using Uptime = Duration;                            // since the machine started, by the steady clock

struct TimePattern;  // a format of the spec's own, in to_char's letters; defined in time_pattern.hpp

// How a point in time is written: in one of the ways that every spec knows, or by a pattern of its own (key `formats`).
class TimeFormat {
  public:
    enum Known : std::uint8_t { iso, iso_ms, date, epoch, epoch_ms, pattern };

    constexpr TimeFormat(Known known) : known_(known) {}
    explicit TimeFormat(std::shared_ptr<const TimePattern> of) : known_(pattern), pattern_(std::move(of)) {}

    [[nodiscard]] Known known() const { return known_; }
    [[nodiscard]] const TimePattern& own() const { return *pattern_; }  // if known() is pattern

    friend bool operator==(const TimeFormat& a, const TimeFormat& b) { return a.known_ == b.known_ && a.pattern_ == b.pattern_; }

  private:
    Known known_;
    std::shared_ptr<const TimePattern> pattern_{};
};

// The format of that name ("iso", "iso_ms", "date", "epoch", "epoch_ms"), if there is one.
[[nodiscard]] std::optional<TimeFormat> time_format(std::string_view name);

// To which side a format with fewer digits than a microsecond rounds.
enum class Round { down, up };

// Reads a point in time. iso and iso_ms accept 'YYYY-MM-DD', and 'YYYY-MM-DD(T| )HH:MM[:SS[.digits]]' with
// 'Z', '+HH:MM', '+HHMM', '+HH' or no zone (then UTC); digits past the sixth round down; second 60 is the next minute's first. date is 'YYYY-MM-DD'
// (a longer iso text is accepted and cut to its day). epoch and epoch_ms accept a decimal number, with sign and
// fraction. Anything else, or a year outside 0001..9999, is no value.
[[nodiscard]] std::optional<Timestamp> parse_time(std::string_view text, const TimeFormat& format);

// Writes a point in time. iso: 'YYYY-MM-DDTHH:MM:SS[.ffffff]Z', the fraction only if it is not zero and
// without trailing zeros; iso_ms: always three digits; date; epoch: whole seconds; epoch_ms: whole milliseconds.
// A time outside the years 0001..9999 is written as the nearest inside (epoch and epoch_ms as it is).
[[nodiscard]] std::string format_time(Timestamp time, const TimeFormat& format, Round round = Round::down);

// Reads a span such as '5 minutes' or '1.5 hours' (grammar: number, space, unit, optional s; units millisecond to
// year). A month counts 31 days and a year 366, so that a lookback never reads too little.
[[nodiscard]] std::optional<Duration> parse_interval(std::string_view text);

// Reads an instant: ISO date or timestamp, 'now', or '<interval> ago', relative to `now`.
[[nodiscard]] std::optional<Timestamp> parse_instant(std::string_view text, Timestamp now);

// Reads an HTTP date (RFC 9110 5.6.7: IMF-fixdate; the two obsolete forms too, two-digit years being 1970 to 2069).
[[nodiscard]] std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace upstream::core
