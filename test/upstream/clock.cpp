// Reading the clocks, and turning moments into text and back.
#include "clock.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>

namespace simulator {

namespace {

constexpr std::int64_t kSecond = 1'000'000;

std::int64_t read_clock(clockid_t which) {
    timespec now{};
    clock_gettime(which, &now);
    return static_cast<std::int64_t>(now.tv_sec) * kSecond + now.tv_nsec / 1000;
}

// Reads text from left to right; every step says whether it could be taken.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    [[nodiscard]] bool done() const { return at_ == text_.size(); }

    bool take(char wanted) {
        if (done() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    bool digits(int count, int& value) {
        value = 0;
        for (int i = 0; i < count; ++i) {
            if (!digit()) return false;
            value = value * 10 + (text_[at_++] - '0');
        }
        return true;
    }

    // The decimals after a point as microseconds; what is finer than that is cut off.
    bool fraction(int max_digits, std::int64_t& us) {
        std::int64_t unit = kSecond / 10;
        int count = 0;
        for (us = 0; digit(); ++count, unit /= 10) us += (text_[at_++] - '0') * unit;
        return count > 0 && count <= max_digits;
    }

  private:
    [[nodiscard]] bool digit() const { return !done() && text_[at_] >= '0' && text_[at_] <= '9'; }

    std::string_view text_;
    std::size_t at_ = 0;
};

bool scan_offset(Scanner& scanner, std::int64_t& minutes) {
    minutes = 0;
    if (scanner.take('Z') || scanner.take('z')) return true;
    int sign = 0;
    if (scanner.take('+')) {
        sign = 1;
    } else if (scanner.take('-')) {
        sign = -1;
    } else {
        return true;
    }
    int hour = 0;
    int minute = 0;
    if (!scanner.digits(2, hour)) return false;
    scanner.take(':');
    if (!scanner.done() && !scanner.digits(2, minute)) return false;
    minutes = sign * (hour * 60 + minute);
    return hour < 24 && minute < 60;
}

}  // namespace

std::int64_t wall_us() { return read_clock(CLOCK_REALTIME); }

std::int64_t monotonic_us() { return read_clock(CLOCK_MONOTONIC); }

std::string format_time(std::int64_t us) {
    using namespace std::chrono;
    const sys_time<microseconds> moment{microseconds{us}};
    const auto midnight = floor<days>(moment);
    const year_month_day date{midnight};
    const auto rest = (moment - midnight).count();
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(rest / (3600 * kSecond)), static_cast<int>(rest / (60 * kSecond) % 60),
                  static_cast<int>(rest / kSecond % 60), static_cast<int>(rest % kSecond));
    return text;
}

std::string format_day(std::int64_t us) { return format_time(us).substr(0, 10); }

std::optional<std::int64_t> parse_time(std::string_view text) {
    Scanner scanner(text);
    int year = 0;
    int month = 0;
    int day = 0;
    if (!scanner.digits(4, year) || !scanner.take('-') || !scanner.digits(2, month) || !scanner.take('-') ||
        !scanner.digits(2, day)) {
        return std::nullopt;
    }
    using namespace std::chrono;
    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return std::nullopt;
    const std::int64_t midnight =
        static_cast<std::int64_t>(sys_days{date}.time_since_epoch().count()) * 86400 * kSecond;
    if (scanner.done()) return midnight;

    int hour = 0;
    int minute = 0;
    int second = 0;
    std::int64_t us = 0;
    std::int64_t offset = 0;
    if (!scanner.take('T') && !scanner.take(' ')) return std::nullopt;
    if (!scanner.digits(2, hour) || !scanner.take(':') || !scanner.digits(2, minute)) return std::nullopt;
    if (scanner.take(':') && !scanner.digits(2, second)) return std::nullopt;
    if (scanner.take('.') && !scanner.fraction(9, us)) return std::nullopt;
    if (!scan_offset(scanner, offset) || !scanner.done()) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    return midnight + (hour * 3600 + minute * 60 + second - offset * 60) * kSecond + us;
}

std::optional<std::int64_t> parse_epoch(std::string_view text) {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    const auto point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    if (whole.empty() || whole.size() > 11) return std::nullopt;
    std::int64_t seconds = 0;
    for (const char c : whole) {
        if (c < '0' || c > '9') return std::nullopt;
        seconds = seconds * 10 + (c - '0');
    }
    std::int64_t us = 0;
    if (point != std::string_view::npos) {
        Scanner scanner(text.substr(point + 1));
        if (!scanner.fraction(6, us) || !scanner.done()) return std::nullopt;
    }
    const std::int64_t moment = seconds * kSecond + us;
    return negative ? -moment : moment;
}

}  // namespace simulator
