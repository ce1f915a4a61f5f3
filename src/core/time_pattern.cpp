#include "core/time_pattern.hpp"

#include <algorithm>
#include <array>

namespace upstream::core {
namespace {

using Field = TimePattern::Field;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::months;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::years;

struct Letters {
    std::string_view text;
    Field field;
    int digits;
};

constexpr std::array<Letters, 10> kLetters{{{"YYYY", Field::year, 4},
                                            {"MM", Field::month, 2},
                                            {"DD", Field::day, 2},
                                            {"HH24", Field::hour, 2},
                                            {"MI", Field::minute, 2},
                                            {"SS", Field::second, 2},
                                            {"MS", Field::millisecond, 3},
                                            {"US", Field::microsecond, 6},
                                            {"TZH", Field::zone_hour, 2},
                                            {"TZM", Field::zone_minute, 2}}};

int digits_of(Field field) {
    for (const Letters& letters : kLetters)
        if (letters.field == field) return letters.digits;
    return 0;
}

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

Error wrong(std::string message, std::string hint) {
    return Error{.code = Code::invalid_spec, .message = std::move(message), .hint = std::move(hint)};
}

const char* const kKnown = "Known are YYYY, MM, DD, HH24, MI, SS, MS, US, TZH and TZM; put other letters in double quotes.";

bool has(const TimePattern& pattern, Field field) {
    return std::any_of(pattern.parts.begin(), pattern.parts.end(), [&](const auto& part) { return part.field == field; });
}

void append_digits(std::string& out, std::int64_t value, int digits) {
    const std::string text = std::to_string(value);
    out.append(static_cast<std::size_t>(std::max<int>(0, digits - static_cast<int>(text.size()))), '0');
    out += text;
}

template <class Unit>
Timestamp rounded(Timestamp time, Round round) {
    return round == Round::up ? std::chrono::ceil<Unit>(time) : std::chrono::floor<Unit>(time);
}

// The first of this month or year, or of the next.
Timestamp rounded_date(Timestamp time, Round round, bool to_month) {
    const std::chrono::year_month_day date{std::chrono::floor<days>(time)};
    std::chrono::year_month_day first = date.year() / (to_month ? date.month() : std::chrono::January) / 1;
    if (round == Round::up && sys_days{first} < time) first = to_month ? first + months{1} : first + years{1};
    return sys_days{first};
}

Timestamp rounded_to(const TimePattern& pattern, Timestamp time, Round round) {
    if (has(pattern, Field::microsecond)) return time;
    if (has(pattern, Field::millisecond)) return rounded<milliseconds>(time, round);
    if (has(pattern, Field::second)) return rounded<seconds>(time, round);
    if (has(pattern, Field::minute)) return rounded<minutes>(time, round);
    if (has(pattern, Field::hour)) return rounded<hours>(time, round);
    if (has(pattern, Field::day)) return rounded<days>(time, round);
    return rounded_date(time, round, has(pattern, Field::month));
}

// Takes exactly that many digits off the text.
std::optional<int> take_digits(std::string_view& text, int count) {
    int value = 0;
    for (; count > 0; --count) {
        if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
        value = value * 10 + (text.front() - '0');
        text.remove_prefix(1);
    }
    return value;
}

struct Reading {
    int year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0, fraction = 0, zone_hour = 0, zone_minute = 0;
    bool west = false;

    void set(Field field, int value) {
        switch (field) {
            case Field::literal: break;
            case Field::year: year = value; break;
            case Field::month: month = value; break;
            case Field::day: day = value; break;
            case Field::hour: hour = value; break;
            case Field::minute: minute = value; break;
            case Field::second: second = value; break;
            case Field::millisecond: fraction = value * 1000; break;
            case Field::microsecond: fraction = value; break;
            case Field::zone_hour: zone_hour = value; break;
            case Field::zone_minute: zone_minute = value; break;
        }
    }

    [[nodiscard]] std::optional<Timestamp> time() const {
        const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                               std::chrono::day{static_cast<unsigned>(day)}};
        if (year < 1 || !date.ok() || hour > 23 || minute > 59 || second > 60 || zone_hour > 23 || zone_minute > 59) return std::nullopt;
        const minutes zone = hours{zone_hour} + minutes{zone_minute};
        return sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + Duration{fraction} - (west ? -zone : zone);
    }
};

}  // namespace

Result<TimePattern> TimePattern::parse(std::string_view text) {
    TimePattern pattern{.written = std::string{text}};
    const auto add_literal = [&](std::string_view literal) {
        if (pattern.parts.empty() || pattern.parts.back().field != Field::literal) pattern.parts.emplace_back();
        pattern.parts.back().text += literal;
    };
    while (!text.empty()) {
        if (text.front() == '"') {
            const std::size_t end = text.find('"', 1);
            if (end == std::string_view::npos) return wrong("a quote is not closed", "Write letters that stand for themselves as in \"T\".");
            add_literal(text.substr(1, end - 1));
            text.remove_prefix(end + 1);
            continue;
        }
        const auto* const letters = std::find_if(kLetters.begin(), kLetters.end(), [&](const Letters& l) { return text.starts_with(l.text); });
        if (letters != kLetters.end()) {
            if (has(pattern, letters->field)) return wrong(std::string{letters->text} + " stands there twice", "");
            pattern.parts.push_back({.field = letters->field});
            text.remove_prefix(letters->text.size());
            continue;
        }
        if (is_letter(text.front())) return wrong("\"" + std::string{text.substr(0, 1)} + "\" begins no known field", kKnown);
        add_literal(text.substr(0, 1));
        text.remove_prefix(1);
    }
    if (!has(pattern, Field::year)) return wrong("has no year", kKnown);
    if (has(pattern, Field::millisecond) && has(pattern, Field::microsecond)) return wrong("has both MS and US", "US holds the whole fraction.");
    return pattern;
}

std::optional<Timestamp> TimePattern::read(std::string_view text) const {
    Reading reading;
    for (const Part& part : parts) {
        if (part.field == Field::literal) {
            if (!text.starts_with(part.text)) return std::nullopt;
            text.remove_prefix(part.text.size());
            continue;
        }
        if (part.field == Field::zone_hour) {
            if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
            reading.west = text.front() == '-';
            text.remove_prefix(1);
        }
        const auto value = take_digits(text, digits_of(part.field));
        if (!value) return std::nullopt;
        reading.set(part.field, *value);
    }
    return text.empty() ? reading.time() : std::nullopt;
}

std::string TimePattern::print(Timestamp time, Round round) const {
    time = rounded_to(*this, time, round);
    const auto day = std::chrono::floor<days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss<Duration> clock{time - day};
    std::string out;
    for (const Part& part : parts) {
        std::int64_t value = 0;
        switch (part.field) {
            case Field::literal: out += part.text; continue;
            case Field::year: value = static_cast<int>(date.year()); break;
            case Field::month: value = static_cast<unsigned>(date.month()); break;
            case Field::day: value = static_cast<unsigned>(date.day()); break;
            case Field::hour: value = clock.hours().count(); break;
            case Field::minute: value = clock.minutes().count(); break;
            case Field::second: value = clock.seconds().count(); break;
            case Field::millisecond: value = clock.subseconds().count() / 1000; break;
            case Field::microsecond: value = clock.subseconds().count(); break;
            case Field::zone_hour: out += '+'; break;
            case Field::zone_minute: break;
        }
        append_digits(out, value, digits_of(part.field));
    }
    return out;
}

}  // namespace upstream::core
