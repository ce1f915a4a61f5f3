#include "core/breaker.hpp"

#include <random>

#include <gtest/gtest.h>

namespace upstream::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Timestamp kStart{seconds(1'700'000'000)};
const BreakerRule kRule{.failures = 5, .cooldown = seconds(10), .longest = seconds(60)};

Circuit opened() {
    Circuit circuit;
    for (int i = 0; i < 5; ++i) circuit = after_failure(circuit, kRule, false, kStart, 0.5);
    return circuit;
}

TEST(Breaker, OpensAfterFiveFailuresInARow) {
    Circuit circuit;
    for (int i = 0; i < 4; ++i) circuit = after_failure(circuit, kRule, false, kStart, 0.5);
    EXPECT_TRUE(circuit.lets_through());
    circuit = after_failure(circuit, kRule, false, kStart, 0.5);
    EXPECT_FALSE(circuit.lets_through());
    EXPECT_EQ(circuit.state, Circuit::State::open);
    EXPECT_GT(circuit.probe_at, kStart);
    EXPECT_LE(circuit.probe_at, kStart + seconds(10));
}

TEST(Breaker, AnAnswerInBetweenBeginsTheCountAnew) {
    Circuit circuit;
    for (int i = 0; i < 40; ++i) {
        circuit = after_failure(circuit, kRule, false, kStart, 0.5);
        if (i % 4 == 3) circuit = after_answer(circuit, kStart);
    }
    EXPECT_TRUE(circuit.lets_through());
}

TEST(Breaker, HalfOpenLetsOneProbeThrough) {
    Circuit circuit = opened();
    EXPECT_FALSE(circuit.probe_is_due(kStart));
    const Timestamp later = kStart + seconds(10);
    ASSERT_TRUE(circuit.probe_is_due(later));
    circuit = begin_probe(circuit, later, seconds(30));
    EXPECT_FALSE(circuit.probe_is_due(later));
    EXPECT_FALSE(circuit.lets_through());
    EXPECT_TRUE(circuit.probe_is_due(later + seconds(30))) << "a prober that died is replaced";
    EXPECT_TRUE(after_answer(circuit, later).lets_through());
}

TEST(Breaker, AFailedProbeOpensItForLonger) {
    Circuit circuit = opened();
    Duration last{0};
    for (int i = 0; i < 3; ++i) {
        const Timestamp at = circuit.probe_at;
        circuit = after_failure(begin_probe(circuit, at, seconds(30)), kRule, true, at, 0.99);
        EXPECT_GT(circuit.probe_at - at, last);
        last = circuit.probe_at - at;
    }
    EXPECT_LE(last, kRule.longest);
}

TEST(Breaker, WhatWasSentBeforeDoesNotProlongIt) {
    const Circuit circuit = opened();
    EXPECT_EQ(after_failure(circuit, kRule, false, kStart + seconds(3), 0.5), circuit);
    const Circuit probing = begin_probe(circuit, kStart + seconds(10), seconds(30));
    EXPECT_EQ(after_failure(probing, kRule, false, kStart + seconds(11), 0.5), probing);
}

TEST(Breaker, WaitsAreSpreadOverTheWholeCooldown) {
    std::mt19937 random{5};
    std::uniform_real_distribution<double> uniform;
    int early = 0;
    for (int i = 0; i < 1000; ++i) {
        Circuit circuit;
        for (int j = 0; j < 5; ++j) circuit = after_failure(circuit, kRule, false, kStart, uniform(random));
        early += circuit.probe_at < kStart + seconds(5) ? 1 : 0;
    }
    EXPECT_GT(early, 300);
    EXPECT_LT(early, 600);
}

TEST(Breaker, ATroubledAccountIsNoTroubledHost) {
    for (const int status : {200, 304, 400, 401, 403, 404, 409, 429}) EXPECT_FALSE(is_host_trouble(Response{.status = status})) << status;
    for (const int status : {408, 500, 502, 503, 504}) EXPECT_TRUE(is_host_trouble(Response{.status = status})) << status;
    EXPECT_TRUE(is_host_trouble(Error{.code = Code::net_connect, .message = ""}));
    EXPECT_TRUE(is_host_trouble(Error{.code = Code::net_timeout, .message = ""}));
    EXPECT_FALSE(is_host_trouble(Error{.code = Code::too_large, .message = ""}));
    EXPECT_FALSE(is_host_trouble(Error{.code = Code::invalid_spec, .message = ""}));
}

TEST(Breaker, WithoutItsKeyFollowsTheRetryRule) {
    Source source;
    source.retry = {.base = milliseconds(50), .max = seconds(2)};
    EXPECT_EQ(BreakerRule::of(source).failures, 5);
    EXPECT_EQ(BreakerRule::of(source).cooldown, milliseconds(50));
    source.breaker = Breaker{.failures = 3, .cooldown = seconds(7)};
    EXPECT_EQ(BreakerRule::of(source).failures, 3);
    EXPECT_EQ(BreakerRule::of(source).cooldown, seconds(7));
}

}  // namespace
}  // namespace upstream::core
