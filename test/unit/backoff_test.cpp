// Which answers are failures, and when to try again.
#include "core/backoff.hpp"
#include "core/usage.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::at;

constexpr double kAlmostOne = 0.999999;

TEST(Backoff, DoublesFromBaseToMax) {
    const Retry retry{.base = 1s, .max = 60s, .jitter = 0.0};
    const std::vector<Duration> waits{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
    for (std::size_t i = 0; i < waits.size(); ++i) EXPECT_EQ(backoff(retry, static_cast<int>(i) + 1, 0.0), waits[i]) << i + 1;
}

TEST(Backoff, StaysAtMaxHoweverManyFailures) {
    EXPECT_EQ(backoff({.base = 1s, .max = 1h, .jitter = 0.0}, 1'000'000'000, 0.0), 1h);
}

TEST(Backoff, JitterIsThePartThatIsRandom) {
    const Retry half{.base = 10s, .max = 60s, .jitter = 0.5};
    EXPECT_EQ(backoff(half, 1, 0.0), 5s);
    EXPECT_EQ(backoff(half, 1, 0.5), 7500ms);
    EXPECT_LT(backoff(half, 1, kAlmostOne), 10s);
}

TEST(Backoff, FullJitterKeepsATenthSoThatNobodyRetriesAtOnce) {
    const Retry full{.base = 10s, .max = 60s, .jitter = 1.0};
    EXPECT_EQ(backoff(full, 1, 0.0), 1s);
    EXPECT_GT(backoff(full, 1, kAlmostOne), 9990ms);
}

TEST(RetryRule, FailuresThatPassByThemselvesFollowTheSpec) {
    const Retry spec{.base = 3s, .max = 9s};
    for (const Code code : {Code::net_dns, Code::net_connect, Code::net_tls, Code::net_timeout, Code::net_partial, Code::rate_limited,
                            Code::server_error, Code::page_token_expired, Code::target_busy, Code::fenced}) {
        EXPECT_TRUE(is_transient(code)) << name(code);
        EXPECT_EQ(retry_rule(spec, code).base, 3s) << name(code);
    }
}

TEST(RetryRule, FailuresThatNeedMendingWaitFromAMinuteToAnHour) {
    const Retry spec{.base = 1ms, .max = 2ms};
    for (const Code code : {Code::invalid_spec, Code::too_large, Code::not_json, Code::decode, Code::shape, Code::auth_failed,
                            Code::forbidden, Code::http_error, Code::cursor_loop, Code::page_limit, Code::target_error}) {
        EXPECT_FALSE(is_transient(code)) << name(code);
        EXPECT_EQ(retry_rule(spec, code).base, 1min) << name(code);
        EXPECT_EQ(retry_rule(spec, code).max, 1h) << name(code);
    }
}

TEST(RetryAfter, ReadsSecondsAndDates) {
    struct Case {
        std::string header;
        std::optional<Duration> expected;
    };
    const std::vector<Case> cases{
        {"0", 0s},
        {"120", 120s},
        {"Fri, 02 Jan 2026 00:02:00 GMT", 2min},
        {"Fri, 02 Jan 2026 00:00:00 GMT", std::nullopt},  // now: nothing to wait for
        {"Thu, 01 Jan 2026 00:00:00 GMT", std::nullopt},
        {"-5", std::nullopt},
        {"soon", std::nullopt},
        {"", std::nullopt},
        {"1.5", 1500ms},  // some upstreams count in fractions
        {"86400", 24h},
        {"86401", 24h},
        {"99999999999999999999999999", 24h},
        {"Fri, 02 Jan 2099 00:00:00 GMT", 24h},
    };
    const Timestamp now = at("2026-01-02T00:00:00Z");
    for (const Case& c : cases) EXPECT_EQ(asked_wait(Source{}, answer("", 429, {{"Retry-After", c.header}}), now), c.expected) << c.header;
}

TEST(RetryAfter, NoHeaderIsNoWish) { EXPECT_EQ(asked_wait(Source{}, answer("", 503), at("2026-01-02")), std::nullopt); }

TEST(FailureOf, NamesWhatAStatusMeans) {
    struct Case {
        int status;
        std::string code;
    };
    const std::vector<Case> cases{{301, "http_error"},   {304, "http_error"},   {400, "http_error"},   {401, "auth_failed"},
                                  {403, "forbidden"},    {404, "http_error"},   {408, "server_error"}, {410, "http_error"},
                                  {429, "rate_limited"}, {500, "server_error"}, {503, "server_error"}, {599, "server_error"}};
    for (const Case& c : cases) {
        const auto failure = failure_of(answer("no", c.status), Retry{});
        ASSERT_TRUE(failure) << c.status;
        EXPECT_EQ(name(failure->code), c.code) << c.status;
        EXPECT_EQ(failure->message, "upstream answered " + std::to_string(c.status));
    }
}

TEST(FailureOf, SuccessIsNone) {
    for (const int status : {200, 201, 204, 299}) EXPECT_FALSE(failure_of(answer("", status), Retry{})) << status;
}

TEST(FailureOf, AStatusThatTheSpecRetriesIsTransient) {
    EXPECT_EQ(failure_of(answer("", 409), Retry{.on = {"409"}})->code, Code::server_error);
    EXPECT_EQ(failure_of(answer("", 423), Retry{.on = {"4xx"}})->code, Code::server_error);
    EXPECT_EQ(failure_of(answer("", 409), Retry{.on = {"423"}})->code, Code::http_error);
    EXPECT_EQ(failure_of(answer("", 429), Retry{.on = {"429"}})->code, Code::rate_limited);
}

TEST(FailureOf, ShowsTheBeginningOfTheBodyInOneLine) {
    EXPECT_EQ(failure_of(answer("<html>\n\x01sorry", 500), Retry{})->detail, "The answer begins with: <html>  sorry");
    EXPECT_EQ(failure_of(answer("", 500), Retry{})->detail, "The answer has no body.");
    EXPECT_LT(failure_of(answer(std::string(10'000, 'x'), 500), Retry{})->detail.size(), 300U);
}

TEST(FailureOf, SaysThatRedirectsAreNotFollowed) {
    EXPECT_NE(failure_of(answer("", 302), Retry{})->hint.find("Redirects are not followed"), std::string::npos);
}

}  // namespace
}  // namespace upstream::core
