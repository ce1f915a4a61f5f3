// Reading and writing time, with calendrical types instead of the C library: no locale, no time zone, no clock.
#include "core/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/time_pattern.hpp"

namespace upstream::core {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

// The years that ISO 8601 writes with four digits; Postgres has more, upstreams do not.
constexpr Timestamp kFirst = sys_days(std::chrono::year(1) / 1 / 1);
constexpr Timestamp kLast = sys_days(std::chrono::year(10000) / 1 / 1) - Duration(1);

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<Timestamp> in_range(Timestamp time) {
    return time >= kFirst && time <= kLast ? std::optional(time) : std::nullopt;
}

// Takes a text apart from the left; the first thing that does not fit makes everything after it fail.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] char peek() const { return ok_ && !rest_.empty() ? rest_[0] : '\0'; }

    bool take(char c) {
        if (peek() != c || c == '\0') return false;
        rest_.remove_prefix(1);
        return true;
    }

    Scanner& expect(std::string_view text) {
        ok_ = ok_ && rest_.starts_with(text);
        if (ok_) rest_.remove_prefix(text.size());
        return *this;
    }

    // Exactly `count` digits; 0 if they are not there.
    int digits(int count) {
        int value = 0;
        for (; count > 0; --count) {
            ok_ = ok_ && !rest_.empty() && is_digit(rest_[0]);
            if (!ok_) return 0;
            value = value * 10 + (rest_[0] - '0');
            rest_.remove_prefix(1);
        }
        return value;
    }

    // All digits that follow, at least one.
    std::string_view all_digits() {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_digit);
        const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        ok_ = ok_ && !found.empty();
        if (!ok_) return {};
        rest_.remove_prefix(found.size());
        return found;
    }

    // The index of the word of `words` that stands here.
    template <std::size_t N>
    std::size_t word(const std::array<std::string_view, N>& words) {
        for (std::size_t i = 0; ok_ && i < N; ++i)
            if (rest_.starts_with(words[i])) {
                rest_.remove_prefix(words[i].size());
                return i;
            }
        ok_ = false;
        return 0;
    }

    bool check(bool condition) { return ok_ = ok_ && condition; }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

sys_days calendar_day(Scanner& in, int year, int month, int day) {
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    return in.check(year >= 1 && date.ok()) ? sys_days(date) : sys_days();
}

// HH:MM
minutes hour_and_minute(Scanner& in) {
    const int hour = in.digits(2);
    const int minute = in.expect(":").digits(2);
    in.check(hour <= 23 && minute <= 59);
    return hours(hour) + minutes(minute);
}

// :SS. A leap second is the next minute's first, as in Postgres.
seconds second_of_minute(Scanner& in) {
    const int second = in.expect(":").digits(2);
    in.check(second <= 60);
    return seconds(second);
}

seconds clock_time(Scanner& in) {
    const minutes minute = hour_and_minute(in);
    return minute + second_of_minute(in);
}

// The first `count` digits of a fraction as a whole number; missing ones are zeros.
std::int64_t leading_digits(std::string_view fraction, std::size_t count) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    return value;
}

// How far a zone is east of Greenwich.
minutes zone_offset(Scanner& in) {
    if (in.take('Z') || in.done()) return minutes(0);
    const bool west = in.take('-');
    if (!west) in.expect("+");
    const int hour = in.digits(2);
    const bool whole_hours = in.done();
    in.take(':');
    const int minute = whole_hours ? 0 : in.digits(2);
    in.check(hour <= 23 && minute <= 59);
    const minutes offset = hours(hour) + minutes(minute);
    return west ? -offset : offset;
}

struct IsoTime {
    sys_days day;    // as written
    Timestamp time;  // in UTC
};

std::optional<IsoTime> parse_iso(std::string_view text) {
    Scanner in(text);
    const int year = in.digits(4);
    const int month = in.expect("-").digits(2);
    const sys_days day = calendar_day(in, year, month, in.expect("-").digits(2));
    Timestamp time = day;
    if (!in.done()) {
        if (!in.take('T')) in.expect(" ");
        time += hour_and_minute(in);
        if (in.peek() == ':') {
            time += second_of_minute(in);
            if (in.take('.')) time += Duration(leading_digits(in.all_digits(), 6));
        }
        time -= zone_offset(in);
    }
    if (!in.done() || !in_range(time)) return std::nullopt;
    return IsoTime{day, time};
}

// A decimal number of units since 1970, a unit being 10^digits microseconds.
std::optional<Timestamp> parse_epoch(std::string_view text, std::size_t digits) {
    Scanner in(text);
    const bool negative = in.take('-');
    if (!negative) in.take('+');
    const std::string_view whole = in.all_digits();
    const std::string_view fraction = in.take('.') ? in.all_digits() : std::string_view{};
    std::int64_t units = 0;
    const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), units);
    constexpr std::int64_t kMost = 1'000'000'000'000;  // more seconds or milliseconds than any year in range ...
    if (!in.done() || read.ec != std::errc{} || units > kMost * (digits == 6 ? 1 : 1000)) return std::nullopt;

    std::int64_t microseconds = leading_digits(fraction, digits);
    for (std::size_t i = 0; i < digits; ++i) units *= 10;  // ... so that this cannot overflow
    microseconds += units;
    if (negative) {
        const bool more = fraction.size() > digits && fraction.find_first_not_of('0', digits) != std::string_view::npos;
        microseconds = -microseconds - (more ? 1 : 0);
    }
    return in_range(Timestamp(Duration(microseconds)));
}

void append_number(std::string& out, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

std::string format_date(sys_days day) {
    const std::chrono::year_month_day date(day);
    std::string out;
    append_number(out, static_cast<int>(date.year()), 4);
    append_number(out += '-', static_cast<unsigned>(date.month()), 2);
    append_number(out += '-', static_cast<unsigned>(date.day()), 2);
    return out;
}

std::string format_iso(Timestamp time, std::size_t fraction_digits) {
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::hh_mm_ss<Duration> clock(time - day);
    std::string out = format_date(day);
    append_number(out += 'T', clock.hours().count(), 2);
    append_number(out += ':', clock.minutes().count(), 2);
    append_number(out += ':', clock.seconds().count(), 2);
    std::string fraction;
    append_number(fraction, clock.subseconds().count(), 6);
    fraction.resize(fraction_digits);
    if (!fraction.empty()) out += '.' + fraction;
    return out += 'Z';
}

template <class Unit>
std::chrono::sys_time<Unit> rounded(Timestamp time, Round round) {
    return round == Round::up ? std::chrono::ceil<Unit>(time) : std::chrono::floor<Unit>(time);
}

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kLongDays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

int month_number(Scanner& in) { return static_cast<int>(in.word(kMonths)) + 1; }

std::optional<Timestamp> http_date(const Scanner& in, sys_days day, seconds clock) {
    return in.done() ? std::optional<Timestamp>(day + clock) : std::nullopt;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<Timestamp> parse_imf_date(std::string_view text) {
    Scanner in(text);
    in.word(kDays);
    const int day = in.expect(", ").digits(2);
    const int month = month_number(in.expect(" "));
    const sys_days date = calendar_day(in, in.expect(" ").digits(4), month, day);
    const seconds clock = clock_time(in.expect(" "));
    return http_date(in.expect(" GMT"), date, clock);
}

// "Sunday, 06-Nov-94 08:49:37 GMT". RFC 9110 reads the year as at most 50 years ahead; without a clock, as 1970 to 2069.
std::optional<Timestamp> parse_rfc850_date(std::string_view text) {
    Scanner in(text);
    in.word(kLongDays);
    const int day = in.expect(", ").digits(2);
    const int month = month_number(in.expect("-"));
    const int year = in.expect("-").digits(2);
    const sys_days date = calendar_day(in, year + (year >= 70 ? 1900 : 2000), month, day);
    const seconds clock = clock_time(in.expect(" "));
    return http_date(in.expect(" GMT"), date, clock);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<Timestamp> parse_asctime_date(std::string_view text) {
    Scanner in(text);
    in.word(kDays);
    const int month = month_number(in.expect(" "));
    const int day = in.expect(" ").take(' ') ? in.digits(1) : in.digits(2);
    const seconds clock = clock_time(in.expect(" "));
    return http_date(in, calendar_day(in, in.expect(" ").digits(4), month, day), clock);
}

}  // namespace

std::optional<TimeFormat> time_format(std::string_view name) {
    if (name == "iso") return TimeFormat::iso;
    if (name == "iso_ms") return TimeFormat::iso_ms;
    if (name == "date") return TimeFormat::date;
    if (name == "epoch") return TimeFormat::epoch;
    if (name == "epoch_ms") return TimeFormat::epoch_ms;
    return std::nullopt;
}

std::optional<Timestamp> parse_time(std::string_view text, const TimeFormat& format) {
    if (format == TimeFormat::epoch) return parse_epoch(text, 6);
    if (format == TimeFormat::epoch_ms) return parse_epoch(text, 3);
    if (format.known() == TimeFormat::pattern) {
        const auto time = format.own().read(text);
        return time ? in_range(*time) : std::nullopt;
    }
    const std::optional<IsoTime> iso = parse_iso(text);
    if (!iso) return std::nullopt;
    return format == TimeFormat::date ? Timestamp(iso->day) : iso->time;
}

std::string format_time(Timestamp time, const TimeFormat& format, Round round) {
    if (format == TimeFormat::epoch) return std::to_string(rounded<seconds>(time, round).time_since_epoch().count());
    if (format == TimeFormat::epoch_ms)
        return std::to_string(rounded<milliseconds>(time, round).time_since_epoch().count());
    time = std::clamp(time, kFirst, kLast);
    if (format.known() == TimeFormat::pattern) return format.own().print(time, round);
    if (format == TimeFormat::date)
        return format_date(std::min(rounded<days>(time, round), std::chrono::floor<days>(kLast)));
    if (format == TimeFormat::iso_ms)
        return format_iso(std::min(Timestamp(rounded<milliseconds>(time, round)), kLast), 3);
    std::size_t digits = 6;
    for (std::int64_t rest = (time - std::chrono::floor<seconds>(time)).count(); digits > 0 && rest % 10 == 0; rest /= 10)
        --digits;
    return format_iso(time, digits);
}

std::optional<Duration> parse_interval(std::string_view text) {
    struct Unit {
        std::string_view name;
        Duration length;
    };
    static constexpr std::array<Unit, 8> kUnits{{{"millisecond", milliseconds(1)},
                                                 {"second", seconds(1)},
                                                 {"minute", minutes(1)},
                                                 {"hour", hours(1)},
                                                 {"day", days(1)},
                                                 {"week", days(7)},
                                                 {"month", days(31)},
                                                 {"year", days(366)}}};
    Scanner in(text);
    const std::string_view whole = in.all_digits();
    const std::string_view fraction = in.take('.') ? in.all_digits() : std::string_view{};
    if (!in.expect(" ").ok()) return std::nullopt;
    std::string_view name = text.substr(text.find(' ') + 1);
    if (name.ends_with('s')) name.remove_suffix(1);
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == name; });
    if (unit == kUnits.end()) return std::nullopt;

    std::int64_t count = 0;
    if (std::from_chars(whole.data(), whole.data() + whole.size(), count).ec != std::errc{}) return std::nullopt;
    const std::int64_t most = std::numeric_limits<std::int64_t>::max() / unit->length.count() - 1;
    if (count > most) return std::nullopt;
    // Fifteen digits are exact in a double, and more than a microsecond's worth of a year.
    const double part = static_cast<double>(leading_digits(fraction, 15)) / 1e15;
    const auto rest = std::llround(part * static_cast<double>(unit->length.count()));
    return Duration(count * unit->length.count() + rest);
}

std::optional<Timestamp> parse_instant(std::string_view text, Timestamp now) {
    static constexpr std::string_view kAgo = " ago";
    if (text == "now") return now;
    if (!text.ends_with(kAgo)) return parse_time(text, TimeFormat::iso);
    const std::optional<Duration> span = parse_interval(text.substr(0, text.size() - kAgo.size()));
    if (!span || !in_range(now) || *span > now - kFirst) return std::nullopt;
    return now - *span;
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
    if (const auto time = parse_imf_date(text)) return time;
    if (const auto time = parse_rfc850_date(text)) return time;
    return parse_asctime_date(text);
}

}  // namespace upstream::core
