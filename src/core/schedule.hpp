// When a stream is due by the clock rather than by an interval (key `at`): times of day, or a cron line. All times are UTC.
//
//   "06:00, 18:30"      every day at these times
//   "*/15 8-18 * * 1-5" minute, hour, day of month, month, day of week (0 or 7 is Sunday); if both days are restricted, either will do
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"

namespace upstream::core {

class Schedule {
  public:
    // Code::invalid_spec if the text is neither, or names a day that never comes, such as February 30.
    static Result<Schedule> parse(std::string_view text);

    // The first such minute that begins after `after`.
    [[nodiscard]] Timestamp next(Timestamp after) const;

  private:
    static constexpr int kMinutes = 24 * 60;

    [[nodiscard]] bool falls_on(std::chrono::sys_days day) const;
    [[nodiscard]] std::optional<Timestamp> find(Timestamp after) const;

    std::bitset<kMinutes> minutes_{};       // of the day
    std::bitset<32> days_{};                // of the month, from 1
    std::bitset<13> months_{};              // from 1
    std::bitset<7> weekdays_{};             // Sunday is 0
    bool either_day_ = false;               // days_ and weekdays_ are both restricted
};

}  // namespace upstream::core
