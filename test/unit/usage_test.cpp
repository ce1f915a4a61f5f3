// The headers by which upstreams tell of their limits, well-formed and not.
#include "core/usage.hpp"

#include <random>

#include <gtest/gtest.h>

namespace upstream::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kNow{seconds(1'772'000'000)};

Response answer(int status, Headers headers) { return Response{.status = status, .headers = std::move(headers)}; }

std::optional<Duration> hold(const RateLimit& rules, const std::string& name, const std::string& value, int status = 429) {
    return read_limits(rules, answer(status, {{name, value}}), kNow).hold;
}

TEST(RetryAfter, IsSecondsOrADate) {
    EXPECT_EQ(hold({}, "Retry-After", "120"), seconds(120));
    EXPECT_EQ(hold({}, "retry-after", " 1.5 "), milliseconds(1500));
    EXPECT_EQ(hold({}, "Retry-After", "0"), seconds(0));
    const Timestamp then{std::chrono::sys_days{std::chrono::year{2026} / 2 / 25} + hours(7)};
    EXPECT_EQ(hold({}, "Retry-After", "Wed, 25 Feb 2026 07:00:00 GMT"), then - kNow);
}

TEST(RetryAfter, IsAtMostADay) {
    EXPECT_EQ(hold({}, "Retry-After", "1000000000"), hours(24));
    EXPECT_EQ(hold({}, "Retry-After", "99999999999999999999999999"), hours(24));
    EXPECT_EQ(hold({}, "Retry-After", "1e400"), hours(24));
    EXPECT_EQ(hold({}, "Retry-After", "Wed, 25 Feb 2099 07:00:00 GMT"), hours(24));
}

TEST(RetryAfter, ThatMakesNoSenseIsNone) {
    for (const char* text : {"-1", "-1e400", "soon", "", " ", "12 s", "0x10", "nan", "inf", "Wed, 25 Feb 1999 07:00:00 GMT", "\xff\xfe"})
        EXPECT_EQ(hold({}, "Retry-After", text), std::nullopt) << text;
}

TEST(RetryAfter, OfSeveralTheLongestCounts) {
    const RateLimit rules{.retry_after = {"x-retry-after", "retry-after"}};
    EXPECT_EQ(read_limits(rules, answer(429, {{"Retry-After", "3"}, {"X-Retry-After", "7"}}), kNow).hold, seconds(7));
    EXPECT_EQ(read_limits(rules, answer(429, {{"Retry-After", "9"}, {"Retry-After", "2"}, {"X-Retry-After", "oh"}}), kNow).hold, seconds(9));
}

TEST(RetryAfter, ComesInTheFormatThatTheSpecNames) {
    using Format = RateLimit::WaitFormat;
    EXPECT_EQ(hold({.retry_after_format = Format::ms}, "Retry-After", "1500"), milliseconds(1500));
    EXPECT_EQ(hold({.retry_after_format = Format::seconds}, "Retry-After", "15"), seconds(15));
    EXPECT_EQ(hold({.retry_after_format = Format::epoch}, "Retry-After", "1772000060"), seconds(60));
    EXPECT_EQ(hold({.retry_after_format = Format::epoch}, "Retry-After", "1771999999"), std::nullopt);
    EXPECT_EQ(hold({.retry_after_format = Format::iso}, "Retry-After", "2026-02-25T06:13:30Z"), seconds(10));
}

TEST(RetryAfter, OfASuccessIsNoReasonToWait) { EXPECT_EQ(hold({}, "Retry-After", "120", 200), std::nullopt); }

RateLimit remaining_rules(RateLimit::ResetFormat format) {
    return {.remaining = {"X-RateLimit-Remaining"}, .limit = {"X-RateLimit-Limit"}, .reset = {"X-RateLimit-Reset"}, .reset_format = format};
}

TEST(Remaining, OfNothingHoldsUntilTheReset) {
    using Format = RateLimit::ResetFormat;
    const auto told = [](Format format, const char* remaining, const char* reset) {
        return read_limits(remaining_rules(format),
                           answer(200, {{"x-ratelimit-remaining", remaining}, {"x-ratelimit-reset", reset}, {"x-ratelimit-limit", "200"}}), kNow);
    };
    EXPECT_EQ(told(Format::epoch, "0", "1772000030").hold, seconds(30));
    EXPECT_EQ(told(Format::epoch_ms, "0", "1772000030500").hold, milliseconds(30500));
    EXPECT_EQ(told(Format::seconds, "0", "12").hold, seconds(12));
    EXPECT_EQ(told(Format::ms, "0", "12").hold, milliseconds(12));
    EXPECT_EQ(told(Format::iso, "0", "2026-02-25T06:14:20Z").hold, seconds(60));
    EXPECT_EQ(told(Format::epoch, "5", "1772000030").hold, std::nullopt);
    EXPECT_EQ(told(Format::epoch, "5", "1772000030").remaining, 5);
    EXPECT_EQ(told(Format::epoch, "5", "1772000030").limit, 200);
    EXPECT_EQ(told(Format::epoch, "-3", "1772000030").remaining, 0);
    EXPECT_EQ(told(Format::epoch, "0", "1").hold, std::nullopt) << "a reset in the past";
    EXPECT_EQ(told(Format::epoch, "0", "1e300").hold, hours(24));
}

TEST(Remaining, AnsweredWith429TheResetIsTheWait) {
    EXPECT_EQ(read_limits(remaining_rules(RateLimit::ResetFormat::seconds), answer(429, {{"X-RateLimit-Reset", "9"}}), kNow).hold, seconds(9));
    EXPECT_EQ(read_limits(remaining_rules(RateLimit::ResetFormat::seconds), answer(429, {{"X-RateLimit-Reset", "9"}, {"Retry-After", "2"}}), kNow).hold,
              seconds(2));
}

TEST(Remaining, InAListTheFirstNumberCounts) {
    EXPECT_EQ(read_limits({.limit = {"RateLimit-Limit"}}, answer(200, {{"RateLimit-Limit", "100, 100;w=60"}}), kNow).limit, 100);
}

Told meta(const std::string& value, double at = 80) {
    const RateLimit rules{.usage = RateLimit::Usage{.name = "X-Business-Use-Case-Usage", .format = RateLimit::UsageFormat::meta_buc, .slow_down_at_percent = at}};
    return read_limits(rules, answer(200, {{"x-business-use-case-usage", value}}), kNow);
}

TEST(Usage, OfMetaIsTheLargestCounterOfAnyUseCase) {
    const Told told = meta(R"({"110": [{"type": "messenger", "call_count": 12, "total_cputime": 85, "total_time": 3, "estimated_time_to_regain_access": 0}],
                               "111": [{"type": "pages", "call_count": 40, "total_cputime": 1, "total_time": 1}]})");
    EXPECT_EQ(told.percent, 85);
    EXPECT_GT(told.spacing, seconds(1));
    EXPECT_LT(told.spacing, seconds(60));
    EXPECT_EQ(told.hold, std::nullopt);
    EXPECT_EQ(meta(R"({"call_count": 12, "total_time": 9, "total_cputime": 7})").percent, 12);
}

TEST(Usage, OfMetaSaysInMinutesWhenAccessIsRegained) {
    EXPECT_EQ(meta(R"({"110": [{"type": "messenger", "call_count": 100, "total_cputime": 1, "total_time": 1, "estimated_time_to_regain_access": 12}]})").hold,
              minutes(12));
    EXPECT_EQ(meta(R"({"call_count": 100})").hold, minutes(5)) << "used up, and nobody says for how long";
}

TEST(Usage, BelowTheThresholdSpacesNothing) {
    EXPECT_EQ(meta(R"({"call_count": 79})").spacing, Duration{0});
    EXPECT_EQ(meta(R"({"call_count": 80})").spacing, seconds(1));
    EXPECT_EQ(meta(R"({"call_count": 100})").spacing, seconds(60));
    EXPECT_EQ(meta(R"({"call_count": 100})", 100).spacing, seconds(1));
}

TEST(Usage, GarbageIsNotUsage) {
    for (const char* text : {"", "{", "[]", "null", "12", R"({"a": 1})", R"({"a": [1, null, {"call_count": "x"}]})", R"({"call_count": -5})"}) {
        EXPECT_EQ(meta(text).percent, std::nullopt) << text;
        EXPECT_EQ(meta(text).hold, std::nullopt) << text;
    }
}

TEST(Usage, IsUsedOverLimitOrPercent) {
    RateLimit rules{.usage = RateLimit::Usage{.name = "X-Shop", .format = RateLimit::UsageFormat::used_over_limit, .slow_down_at_percent = 80}};
    EXPECT_EQ(read_limits(rules, answer(200, {{"X-Shop", "32/40"}}), kNow).percent, 80);
    EXPECT_EQ(read_limits(rules, answer(200, {{"X-Shop", "32/40"}}), kNow).spacing, milliseconds(500));
    EXPECT_EQ(read_limits(rules, answer(200, {{"X-Shop", "3/0"}}), kNow).percent, std::nullopt);
    rules.usage->format = RateLimit::UsageFormat::percent;
    EXPECT_EQ(read_limits(rules, answer(200, {{"X-Shop", "most"}}), kNow).percent, std::nullopt);
    EXPECT_EQ(read_limits(rules, answer(200, {{"X-Shop", "91%"}}), kNow).percent, 91);
}

TEST(Usage, OfAnyBytesIsNeverMoreThanADay) {
    std::mt19937 random{17};
    const std::string letters = "0123456789-+.eE/%;, :{}[]\"GMTWedFb\x01\xff";
    const RateLimit rules{.remaining = {"a"}, .reset = {"b"}, .retry_after = {"c"}, .usage = RateLimit::Usage{.name = "d", .format = RateLimit::UsageFormat::meta_buc}};
    for (int i = 0; i < 20'000; ++i) {
        Headers headers;
        for (const char* name : {"a", "b", "c", "d"}) {
            std::string value;
            for (unsigned length = random() % 12; length > 0; --length) value += letters[random() % letters.size()];
            headers.emplace_back(name, value);
        }
        const Told told = read_limits(rules, answer(429, headers), kNow);
        ASSERT_TRUE(!told.hold || (*told.hold >= Duration{0} && *told.hold <= hours(24)));
    }
}

}  // namespace
}  // namespace upstream::core
