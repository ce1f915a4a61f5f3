// Time formats of a spec's own: what is understood, read and printed.
#include "core/time_pattern.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;
using test::code_of;
using test::iso;

TimeFormat format(const std::string& pattern) { return TimeFormat{std::make_shared<const TimePattern>(*TimePattern::parse(pattern))}; }

TEST(TimePattern, IsReadAndPrinted) {
    struct Case {
        std::string pattern, text, time;
    };
    const std::vector<Case> cases{
        {"YYYY-MM-DD HH24:MI:SS", "2026-03-01 10:00:07", "2026-03-01T10:00:07Z"},
        {"YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"", "2026-03-01T10:00:07.250Z", "2026-03-01T10:00:07.25Z"},
        {"YYYYMMDDHH24MISS", "20260301100007", "2026-03-01T10:00:07Z"},
        {"DD/MM/YYYY", "01/03/2026", "2026-03-01T00:00:00Z"},
        {"YYYY-MM", "2026-03", "2026-03-01T00:00:00Z"},
        {"YYYY-MM-DD HH24:MI:SS.US", "2026-03-01 10:00:07.000001", "2026-03-01T10:00:07.000001Z"},
        {"YYYY-MM-DD\"T\"HH24:MI:SSTZHTZM", "2026-03-01T10:00:07+0000", "2026-03-01T10:00:07Z"},
        {"YYYY-MM-DD HH24:MI TZH:TZM", "2026-03-01 10:00 +00:00", "2026-03-01T10:00:00Z"},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(iso(parse_time(c.text, format(c.pattern))), c.time) << c.pattern;
        EXPECT_EQ(format_time(at(c.time), format(c.pattern)), c.text) << c.pattern;
    }
}

TEST(TimePattern, AZoneThatIsReadCounts) {
    EXPECT_EQ(iso(parse_time("2026-03-01 10:00 -05:30", format("YYYY-MM-DD HH24:MI TZH:TZM"))), "2026-03-01T15:30:00Z");
    EXPECT_EQ(iso(parse_time("2026-03-01 10:00 +02", format("YYYY-MM-DD HH24:MI TZH"))), "2026-03-01T08:00:00Z");
}

TEST(TimePattern, WhatDoesNotFitIsNoTime) {
    for (const char* text : {"", "2026-03-01", "2026-03-01 10:00:0", "2026-03-01 10:00:07 ", "2026-02-30 10:00:07", "2026-03-01 24:00:00", "2026-3-1 10:00:07",
                             "x026-03-01 10:00:07", "0000-03-01 10:00:07"})
        EXPECT_EQ(iso(parse_time(text, format("YYYY-MM-DD HH24:MI:SS"))), "nothing") << text;
}

TEST(TimePattern, PrintsTheNearestOfItsSmallestField) {
    const Timestamp time = at("2026-12-31T23:59:59.999999Z");
    EXPECT_EQ(format_time(time, format("YYYY-MM-DD HH24:MI:SS"), Round::down), "2026-12-31 23:59:59");
    EXPECT_EQ(format_time(time, format("YYYY-MM-DD HH24:MI:SS"), Round::up), "2027-01-01 00:00:00");
    EXPECT_EQ(format_time(time, format("HH24 DD.MM.YYYY"), Round::up), "00 01.01.2027");
    EXPECT_EQ(format_time(time, format("YYYYMMDD"), Round::up), "20270101");
    EXPECT_EQ(format_time(time, format("YYYY-MM"), Round::up), "2027-01");
    EXPECT_EQ(format_time(at("2026-12-01T00:00:00Z"), format("YYYY-MM"), Round::up), "2026-12");
    EXPECT_EQ(format_time(time, format("YYYY"), Round::down), "2026");
}

TEST(TimePattern, WhatToCharWouldTakeDifferentlyIsRefused) {
    for (const char* pattern : {"", "HH24:MI", "YYYY-MM-DDTHH24", "YYYY-Mon", "YY-MM", "YYYY-MM-DD \"T", "YYYY YYYY", "YYYY.MS.US", "YYYY HH12"})
        EXPECT_EQ(code_of(TimePattern::parse(pattern)), "invalid_spec") << pattern;
}

}  // namespace
}  // namespace upstream::core
