// Reading and writing points and spans of time.
#include "core/time.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace upstream::core {
namespace {

using namespace std::chrono_literals;

std::string show(std::optional<Timestamp> time) { return time ? format_time(*time, TimeFormat::iso) : "nothing"; }

std::string read(std::string_view text, TimeFormat format) { return show(parse_time(text, format)); }

Timestamp time(std::string_view text) { return parse_time(text, TimeFormat::iso).value(); }

// Some thousand points over all years, none of them round.
std::vector<Timestamp> samples() {
    std::vector<Timestamp> found;
    const Timestamp last = time("9999-12-31T23:59:59.999999Z");
    for (Timestamp t = time("0001-01-01"); t <= last; t += 31h * 24 * 30 + 59min + 7s + 654'321us) found.push_back(t);
    found.push_back(last);
    return found;
}

TEST(Time, KnowsTheNamesOfFormats) {
    EXPECT_EQ(time_format("iso"), TimeFormat::iso);
    EXPECT_EQ(time_format("iso_ms"), TimeFormat::iso_ms);
    EXPECT_EQ(time_format("date"), TimeFormat::date);
    EXPECT_EQ(time_format("epoch"), TimeFormat::epoch);
    EXPECT_EQ(time_format("epoch_ms"), TimeFormat::epoch_ms);
    EXPECT_EQ(time_format("ISO"), std::nullopt);
    EXPECT_EQ(time_format(""), std::nullopt);
}

TEST(Time, ReadsIso) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"2025-11-23", "2025-11-23T00:00:00Z"},
        {"2025-11-23T10:20", "2025-11-23T10:20:00Z"},
        {"2025-11-23 10:20:30", "2025-11-23T10:20:30Z"},
        {"2025-11-23T10:20:30Z", "2025-11-23T10:20:30Z"},
        {"2025-11-23T10:20:30.5Z", "2025-11-23T10:20:30.5Z"},
        {"2025-11-23T10:20:30.123456789Z", "2025-11-23T10:20:30.123456Z"},
        {"1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"},
        {"2025-11-23T10:20:30+02:00", "2025-11-23T08:20:30Z"},
        {"2025-11-23T10:20:30-0530", "2025-11-23T15:50:30Z"},
        {"2025-11-23T10:20+14", "2025-11-22T20:20:00Z"},
        {"2025-12-31T23:59:60Z", "2026-01-01T00:00:00Z"},
        {"2024-02-29", "2024-02-29T00:00:00Z"},
        {"0001-01-01", "0001-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(read(text, TimeFormat::iso), expected) << text;
        EXPECT_EQ(read(text, TimeFormat::iso_ms), expected) << text;
    }
}

TEST(Time, RefusesWhatIsNotIso) {
    for (const char* text :
         {"", " ", "now", "2025", "2025-11", "2025-1-1", "2025-13-01", "2025-00-10", "2025-02-29", "1900-02-29", "2025-04-31", "2025-11-00",
          "0000-01-01", "-2025-01-01", "+2025-01-01", "10000-01-01", "20251123", "2025/11/23", "2025-11-23T", "2025-11-23T10", "2025-11-23T1020",
          "2025-11-23T24:00", "2025-11-23T10:60", "2025-11-23T10:20:61", "2025-11-23T10:20:30.", "2025-11-23T10:20:30,5", "2025-11-23T10:20.5",
          "2025-11-23T10:20:30.Z", "2025-11-23T10:20:30z", "2025-11-23t10:20:30", "2025-11-23T10:20:30+", "2025-11-23T10:20:30+2",
          "2025-11-23T10:20:30+02:", "2025-11-23T10:20:30+02:0", "2025-11-23T10:20:30+24:00", "2025-11-23T10:20:30+02:60",
          "2025-11-23T10:20:30 +02:00", "2025-11-23T10:20:30ZZ", "2025-11-23Z", " 2025-11-23", "2025-11-23 ", "2025-11-23  10:20", "٢٠٢٥-11-23",
          "0001-01-01T00:00+01:00", "9999-12-31T23:00-02:00"})
        EXPECT_EQ(read(text, TimeFormat::iso), "nothing") << text;
}

TEST(Time, ADateIsTheDayAsWritten) {
    EXPECT_EQ(read("2025-11-23", TimeFormat::date), "2025-11-23T00:00:00Z");
    EXPECT_EQ(read("2025-11-23T23:59:59.9-08:00", TimeFormat::date), "2025-11-23T00:00:00Z");
    EXPECT_EQ(read("2025-11-23Tea", TimeFormat::date), "nothing");
}

TEST(Time, ReadsEpoch) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"0", "1970-01-01T00:00:00Z"},
        {"-0", "1970-01-01T00:00:00Z"},
        {"1700000000", "2023-11-14T22:13:20Z"},
        {"+1700000000.5", "2023-11-14T22:13:20.5Z"},
        {"0001700000000.000000000", "2023-11-14T22:13:20Z"},
        {"-1", "1969-12-31T23:59:59Z"},
        {"-0.25", "1969-12-31T23:59:59.75Z"},
        {"0.0000019", "1970-01-01T00:00:00.000001Z"},
        {"-0.0000019", "1969-12-31T23:59:59.999998Z"},
        {"253402300799.999999", "9999-12-31T23:59:59.999999Z"},
        {"-62135596800", "0001-01-01T00:00:00Z"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(read(text, TimeFormat::epoch), expected) << text;
    EXPECT_EQ(read("1700000000123", TimeFormat::epoch_ms), "2023-11-14T22:13:20.123Z");
    EXPECT_EQ(read("1700000000123.4567", TimeFormat::epoch_ms), "2023-11-14T22:13:20.123456Z");
    EXPECT_EQ(read("-1.5", TimeFormat::epoch_ms), "1969-12-31T23:59:59.9985Z");
    EXPECT_EQ(read("253402300799999", TimeFormat::epoch_ms), "9999-12-31T23:59:59.999Z");
}

TEST(Time, RefusesWhatIsNoEpoch) {
    for (const char* text : {"", "-", "+", ".5", "5.", "1e9", "0x10", " 1", "1 ", "--1", "+-1", "1,5", "nan", "2025-11-23"}) {
        EXPECT_EQ(read(text, TimeFormat::epoch), "nothing") << text;
        EXPECT_EQ(read(text, TimeFormat::epoch_ms), "nothing") << text;
    }
}

TEST(Time, RefusesAnEpochOutsideTheYears) {
    for (const char* text : {"253402300800", "-62135596801", "-62135596800.0000001", "999999999999", "9223372036854775807",
                             "-9223372036854775808", "99999999999999999999999999999999"})
        EXPECT_EQ(read(text, TimeFormat::epoch), "nothing") << text;
    for (const char* text : {"253402300800000", "-62135596800001", "9223372036854775807", "999999999999999999"})
        EXPECT_EQ(read(text, TimeFormat::epoch_ms), "nothing") << text;
}

TEST(Time, WritesEveryFormat) {
    const Timestamp t = time("2025-11-23T10:20:30.1205Z");
    EXPECT_EQ(format_time(t, TimeFormat::iso), "2025-11-23T10:20:30.1205Z");
    EXPECT_EQ(format_time(t, TimeFormat::iso_ms), "2025-11-23T10:20:30.120Z");
    EXPECT_EQ(format_time(t, TimeFormat::date), "2025-11-23");
    EXPECT_EQ(format_time(t, TimeFormat::epoch), "1763893230");
    EXPECT_EQ(format_time(t, TimeFormat::epoch_ms), "1763893230120");
    EXPECT_EQ(format_time(time("2025-11-23"), TimeFormat::iso), "2025-11-23T00:00:00Z");
    EXPECT_EQ(format_time(time("2025-11-23"), TimeFormat::iso_ms), "2025-11-23T00:00:00.000Z");
}

TEST(Time, RoundsUpWhereAsked) {
    const Timestamp t = time("2025-12-31T23:59:59.9995Z");
    EXPECT_EQ(format_time(t, TimeFormat::iso, Round::up), "2025-12-31T23:59:59.9995Z");
    EXPECT_EQ(format_time(t, TimeFormat::iso_ms, Round::up), "2026-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(t, TimeFormat::date, Round::up), "2026-01-01");
    EXPECT_EQ(format_time(t, TimeFormat::epoch, Round::up), "1767225600");
    EXPECT_EQ(format_time(t, TimeFormat::epoch_ms, Round::up), "1767225600000");
    EXPECT_EQ(format_time(time("2025-12-31"), TimeFormat::date, Round::up), "2025-12-31");
    EXPECT_EQ(format_time(time("1969-12-31T23:59:59.5Z"), TimeFormat::epoch), "-1");
    EXPECT_EQ(format_time(time("1969-12-31T23:59:59.5Z"), TimeFormat::epoch, Round::up), "0");
}

TEST(Time, WritesNoYearOutsideFourDigits) {
    EXPECT_EQ(format_time(time("9999-12-31T23:59:59.999999Z"), TimeFormat::date, Round::up), "9999-12-31");
    EXPECT_EQ(format_time(Timestamp::max(), TimeFormat::iso), "9999-12-31T23:59:59.999999Z");
    EXPECT_EQ(format_time(Timestamp::min(), TimeFormat::iso), "0001-01-01T00:00:00Z");
}

TEST(Time, ReadsWhatItWrites) {
    for (const Timestamp t : samples()) {
        ASSERT_EQ(parse_time(format_time(t, TimeFormat::iso), TimeFormat::iso), t) << show(t);
        ASSERT_EQ(parse_time(format_time(t, TimeFormat::iso_ms), TimeFormat::iso), std::chrono::floor<std::chrono::milliseconds>(t));
        ASSERT_EQ(parse_time(format_time(t, TimeFormat::date), TimeFormat::date), std::chrono::floor<std::chrono::days>(t));
        ASSERT_EQ(parse_time(format_time(t, TimeFormat::epoch), TimeFormat::epoch), std::chrono::floor<std::chrono::seconds>(t));
        ASSERT_EQ(parse_time(format_time(t, TimeFormat::epoch_ms), TimeFormat::epoch_ms),
                  std::chrono::floor<std::chrono::milliseconds>(t));
    }
}

TEST(Time, RoundsDownToBeforeAndUpToAfter) {
    for (const TimeFormat format : {TimeFormat::iso, TimeFormat::iso_ms, TimeFormat::date, TimeFormat::epoch, TimeFormat::epoch_ms}) {
        std::vector<Timestamp> points = samples();
        points.pop_back();  // nothing is after the last
        for (const Timestamp t : points) {
            ASSERT_LE(parse_time(format_time(t, format, Round::down), format), t) << show(t);
            ASSERT_GE(parse_time(format_time(t, format, Round::up), format), t) << show(t);
        }
    }
}

TEST(Interval, ReadsNumberAndUnit) {
    const std::vector<std::pair<std::string, Duration>> cases{
        {"1 millisecond", 1ms},      {"0.5 milliseconds", 500us}, {"30 seconds", 30s},    {"5 minutes", 5min},    {"1.5 hours", 90min},
        {"1 day", 24h},              {"2 weeks", 336h},           {"1 month", 744h},      {"1 year", 8784h},      {"0 seconds", 0us},
        {"0.000001 second", 1us},    {"5 minute", 5min},          {"1 hours", 1h},        {"0.1 day", 144min},    {"007 days", 168h},
        {"0.333333333333333333 second", 333'333us}};
    for (const auto& [text, expected] : cases) EXPECT_EQ(parse_interval(text), expected) << text;
}

TEST(Interval, RefusesAnythingElse) {
    for (const char* text : {"", "5", "minutes", " 5 minutes", "5  minutes", "5 minutes ", "5minutes", "-5 minutes", "+5 minutes", ".5 hours",
                             "5. hours", "1,5 hours", "5 min", "5 Minutes", "5 minutess", "5 s", "5 ", "1 hour 30 minutes", "1e3 seconds",
                             "PT5M", "5 microseconds", "5 decades"})
        EXPECT_EQ(parse_interval(text), std::nullopt) << text;
}

TEST(Interval, RefusesWhatDoesNotFit) {
    for (const char* text : {"300000 years", "9223372036854775807 milliseconds", "99999999999999999999 seconds", "9223372036854776 milliseconds"})
        EXPECT_EQ(parse_interval(text), std::nullopt) << text;
    EXPECT_TRUE(parse_interval("200000 years").has_value());
}

TEST(Instant, ReadsAllForms) {
    const Timestamp now = time("2025-11-23T10:20:30.5Z");
    EXPECT_EQ(parse_instant("now", now), now);
    EXPECT_EQ(show(parse_instant("30 days ago", now)), "2025-10-24T10:20:30.5Z");
    EXPECT_EQ(show(parse_instant("1.5 hours ago", now)), "2025-11-23T08:50:30.5Z");
    EXPECT_EQ(show(parse_instant("2020-01-01", now)), "2020-01-01T00:00:00Z");
    EXPECT_EQ(show(parse_instant("2020-01-01T00:00:00+01:00", now)), "2019-12-31T23:00:00Z");
}

TEST(Instant, RefusesAnythingElse) {
    const Timestamp now = time("2025-11-23");
    for (const char* text : {"", "ago", " ago", "Now", "now ", "30 days", "30 days  ago", "30 days from now", "3000 years ago",
                             "200000 years ago", "yesterday", "1700000000"})
        EXPECT_EQ(parse_instant(text, now), std::nullopt) << text;
}

TEST(HttpDate, ReadsTheThreeForms) {
    for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"})
        EXPECT_EQ(show(parse_http_date(text)), "1994-11-06T08:49:37Z") << text;
    EXPECT_EQ(show(parse_http_date("Wed Nov 16 08:49:37 1994")), "1994-11-16T08:49:37Z");
    EXPECT_EQ(show(parse_http_date("Sunday, 06-Nov-33 08:49:37 GMT")), "2033-11-06T08:49:37Z");
    EXPECT_EQ(show(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT")), "2017-01-01T00:00:00Z");
}

TEST(HttpDate, RefusesAnythingElse) {
    for (const char* text : {"", "120", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
                             "Son, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun Nov 6 08:49:37 1994",
                             "Sun, 06 Nov 0000 08:49:37 GMT", "1994-11-06T08:49:37Z"})
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

}  // namespace
}  // namespace upstream::core
