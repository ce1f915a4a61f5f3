// Schedules by the clock: what is one, and when the next moment comes.
#include "core/schedule.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;
using test::iso;

std::string next(std::string_view schedule, std::string_view after) {
    const Result<Schedule> parsed = Schedule::parse(schedule);
    return parsed ? iso(parsed->next(at(after))) : parsed.error().message + ": " + parsed.error().detail;
}

TEST(Schedule, TimesOfDayComeEveryDay) {
    EXPECT_EQ(next("06:00, 18:30", "2026-03-01T05:59:59Z"), "2026-03-01T06:00:00Z");
    EXPECT_EQ(next("06:00,18:30", "2026-03-01T06:00:00Z"), "2026-03-01T18:30:00Z");
    EXPECT_EQ(next("18:30, 06:00", "2026-03-01T18:30:00.5Z"), "2026-03-02T06:00:00Z");
}

TEST(Schedule, ACronLineComesByItsFiveFields) {
    EXPECT_EQ(next("*/15 * * * *", "2026-03-01T10:14:59Z"), "2026-03-01T10:15:00Z");
    EXPECT_EQ(next("*/15 * * * *", "2026-03-01T10:45:00Z"), "2026-03-01T11:00:00Z");
    EXPECT_EQ(next("0 8-10/2 * * *", "2026-03-01T08:00:00Z"), "2026-03-01T10:00:00Z");
    EXPECT_EQ(next("30 4 1,15 * *", "2026-03-01T05:00:00Z"), "2026-03-15T04:30:00Z");
    EXPECT_EQ(next("0 0 * 6 *", "2026-07-01T00:00:00Z"), "2027-06-01T00:00:00Z");
}

TEST(Schedule, SundayIsZeroAndSeven) {
    EXPECT_EQ(next("0 0 * * 0", "2026-03-02T00:00:00Z"), "2026-03-08T00:00:00Z");
    EXPECT_EQ(next("0 0 * * 7", "2026-03-02T00:00:00Z"), "2026-03-08T00:00:00Z");
    EXPECT_EQ(next("0 9 * * 1-5", "2026-03-06T09:00:00Z"), "2026-03-09T09:00:00Z");
}

TEST(Schedule, OfTwoRestrictedDaysEitherWillDo) {
    EXPECT_EQ(next("0 0 13 * 5", "2026-03-01T00:00:00Z"), "2026-03-06T00:00:00Z");
    EXPECT_EQ(next("0 0 13 * 5", "2026-04-10T00:00:00Z"), "2026-04-13T00:00:00Z");
}

TEST(Schedule, ADayThatIsRareIsWaitedFor) {
    EXPECT_EQ(next("0 0 29 2 *", "2026-03-01T00:00:00Z"), "2028-02-29T00:00:00Z");
    EXPECT_EQ(next("0 0 29 2 *", "2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

TEST(Schedule, WhatIsNoneIsRefused) {
    for (const char* text : {"", "noon", "24:00", "6:00", "06:60", "06:00,", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
                             "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *", "-1 * * * *", "0 0 30 2 *"})
        EXPECT_FALSE(Schedule::parse(text)) << text;
}

}  // namespace
}  // namespace upstream::core
