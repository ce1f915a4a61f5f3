// Reading schedules, and finding the next moment of one.
#include "core/schedule.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace upstream::core {

namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;

// February 29 on a given weekday comes every 28 years, or 40 around a century that is no leap year.
constexpr int kLongestWait = 41 * 366;

Error invalid(std::string_view text, std::string detail) {
    return {.code = Code::invalid_spec,
            .message = "\"" + std::string(text) + "\" is not a schedule",
            .detail = std::move(detail),
            .hint = "Write it as in \"06:00, 18:30\", or as a cron line such as \"*/15 8-18 * * 1-5\"."};
}

std::string_view trim(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text[0] == '-' || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// "06:00"
std::optional<int> time_of_day(std::string_view text) {
    constexpr std::size_t kSize = 5;
    if (text.size() != kSize || text[2] != ':') return std::nullopt;
    const auto hour = number(text.substr(0, 2));
    const auto minute = number(text.substr(3));
    if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
    return *hour * 60 + *minute;
}

// One field of a cron line, such as "*", "*/15", "1-5" or "0,30", into the bits of its values.
template <std::size_t Size>
bool read_field(std::string_view field, int least, int most, std::bitset<Size>& bits) {
    for (std::string_view part : split(field, ',')) {
        int step = 1;
        if (const std::size_t slash = part.find('/'); slash != std::string_view::npos) {
            const auto stated = number(part.substr(slash + 1));
            if (!stated || *stated < 1) return false;
            step = *stated;
            part = part.substr(0, slash);
        }
        int first = least;
        int last = most;
        if (part != "*") {
            const std::size_t dash = part.find('-');
            const auto from = number(part.substr(0, dash));
            const auto to = dash == std::string_view::npos ? from : number(part.substr(dash + 1));
            if (!from || !to || *from < least || *to > most || *from > *to) return false;
            first = *from;
            last = *to;
        }
        for (int value = first; value <= last; value += step) bits.set(static_cast<std::size_t>(value) % Size);
    }
    return true;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view text) {
    Schedule schedule;
    if (text.find(':') != std::string_view::npos) {
        for (const std::string_view part : split(text, ',')) {
            const auto minute = time_of_day(trim(part));
            if (!minute) return invalid(text, "\"" + std::string(trim(part)) + "\" is not a time of day.");
            schedule.minutes_.set(static_cast<std::size_t>(*minute));
        }
        schedule.days_.set();
        schedule.months_.set();
        schedule.weekdays_.set();
        return schedule;
    }
    std::vector<std::string_view> fields;
    for (const std::string_view field : split(trim(text), ' '))
        if (!field.empty()) fields.push_back(field);
    constexpr std::size_t kFields = 5;
    if (fields.size() != kFields) return invalid(text, "A cron line has five fields.");
    std::bitset<60> minutes_of_hour;
    std::bitset<24> hours;
    const std::array<bool, kFields> good{
        read_field(fields[0], 0, 59, minutes_of_hour), read_field(fields[1], 0, 23, hours), read_field(fields[2], 1, 31, schedule.days_),
        read_field(fields[3], 1, 12, schedule.months_), read_field(fields[4], 0, 7, schedule.weekdays_)};
    for (std::size_t i = 0; i < kFields; ++i)
        if (!good[i]) return invalid(text, "The field \"" + std::string(fields[i]) + "\" is not valid.");
    for (std::size_t hour = 0; hour < hours.size(); ++hour)
        for (std::size_t minute = 0; minute < minutes_of_hour.size(); ++minute)
            if (hours[hour] && minutes_of_hour[minute]) schedule.minutes_.set(hour * 60 + minute);
    schedule.either_day_ = !fields[2].starts_with('*') && !fields[4].starts_with('*');
    if (!schedule.find(Timestamp{})) return invalid(text, "There is no such day.");
    return schedule;
}

bool Schedule::falls_on(sys_days day) const {
    const std::chrono::year_month_day date{day};
    if (!months_[static_cast<unsigned>(date.month())]) return false;
    const bool by_day = days_[static_cast<unsigned>(date.day())];
    const bool by_weekday = weekdays_[std::chrono::weekday{day}.c_encoding()];
    return either_day_ ? by_day || by_weekday : by_day && by_weekday;
}

std::optional<Timestamp> Schedule::find(Timestamp after) const {
    sys_days day = std::chrono::floor<days>(after);
    auto from = static_cast<std::size_t>(std::chrono::floor<minutes>(after - day).count() + 1);
    for (int i = 0; i < kLongestWait; ++i, day += days{1}, from = 0) {
        if (!falls_on(day)) continue;
        for (std::size_t minute = from; minute < minutes_.size(); ++minute)
            if (minutes_[minute]) return Timestamp{day} + minutes{minute};
    }
    return std::nullopt;
}

// parse() made sure that there is one.
Timestamp Schedule::next(Timestamp after) const { return find(after).value_or(Timestamp::max()); }

}  // namespace upstream::core
