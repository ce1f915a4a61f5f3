// The ledger against a simulated upstream: no window of its ever counts more than the limit, and little of the limit is left unused.
#include "core/budget.hpp"

#include <algorithm>
#include <queue>
#include <random>

#include <gtest/gtest.h>

namespace upstream::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The most that any window of that length counts. Windows that begin with an arrival are the worst.
double fullest_window(const std::vector<std::pair<Uptime, double>>& arrivals, Duration per) {
    double most = 0;
    double sum = 0;
    std::size_t first = 0;
    for (const auto& [at, units] : arrivals) {
        sum += units;
        while (arrivals[first].first <= at - per) sum -= arrivals[first++].second;
        most = std::max(most, sum);
    }
    return most;
}

// Some processes that share one ledger, draw sets of permits whenever they can, and use them; the way to the upstream takes a random time, of which it counts a
// request at a random moment. A process that dies settles nothing.
struct Simulation {
    Allowance allowance;
    milliseconds longest_way{50};
    double cost = 1;
    int deaths_percent = 0;
    std::vector<std::pair<Uptime, double>> arrivals{};

    void run(Duration length, std::uint32_t seed) {
        std::mt19937 random{seed};
        Ledger ledger;
        struct End {
            Uptime at;
            Uptime booked;
            bool operator<(const End& other) const { return at > other.at; }
        };
        std::priority_queue<End> ends;
        const Duration limit = longest_way * 20;  // of a request's time
        Uptime now = seconds(1000);
        const Uptime end = now + length;
        while (now < end) {
            while (!ends.empty() && ends.top().at <= now) {
                if (static_cast<int>(random() % 100) >= deaths_percent) ledger.settle(allowance, ends.top().booked, cost, ends.top().at);
                ends.pop();
            }
            ledger.expire(allowance, now);
            const auto set = 1 + random() % 8;
            for (unsigned i = 0; i < set && ledger.left(allowance) >= cost; ++i) {
                const Uptime booked = ledger.book(allowance, cost, now + limit);
                if (random() % 50 == 0) {
                    ledger.give_back(booked, cost);
                    continue;
                }
                const Duration way{static_cast<Duration::rep>(random() % static_cast<unsigned>(Duration{longest_way}.count()))};
                arrivals.emplace_back(now + Duration{static_cast<Duration::rep>(random() % static_cast<unsigned>(way.count() + 1))}, cost);
                ends.push({now + way, booked});
            }
            Uptime next = ledger.when(allowance, cost, now);
            if (!ends.empty()) next = std::min(next, ends.top().at);
            now = std::max(next, now + Duration{1});
        }
        std::ranges::sort(arrivals);
    }

    [[nodiscard]] double used(Duration length) const {
        double units = 0;
        for (const auto& arrival : arrivals) units += arrival.second;
        return units / (allowance.limit * static_cast<double>(length.count()) / static_cast<double>(allowance.per.count()));
    }
};

TEST(Budget, NoWindowOfAMinuteCountsMoreThanTheLimit) {
    Simulation simulation{.allowance = {.limit = 150, .per = seconds(60)}, .longest_way = milliseconds(2000)};
    simulation.run(std::chrono::hours(2), 1);
    EXPECT_LE(fullest_window(simulation.arrivals, seconds(60)), 150);
    EXPECT_GE(simulation.used(std::chrono::hours(2)), 0.95);
}

TEST(Budget, NoWindowOfASecondCountsMoreThanTheLimit) {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        Simulation simulation{.allowance = {.limit = 2.0 * seed, .per = seconds(1)}, .longest_way = milliseconds(30)};
        simulation.run(std::chrono::minutes(10), seed);
        ASSERT_LE(fullest_window(simulation.arrivals, seconds(1)), 2.0 * seed);
        EXPECT_GE(simulation.used(std::chrono::minutes(10)), 0.95) << seed;
    }
}

TEST(Budget, UnitsOfACostThatIsNoWholeNumberAddUp) {
    Simulation simulation{.allowance = {.limit = 10, .per = seconds(10)}, .longest_way = milliseconds(100), .cost = 0.7};
    simulation.run(std::chrono::hours(1), 7);
    EXPECT_LE(fullest_window(simulation.arrivals, seconds(10)), 10 + 1e-6);
    EXPECT_GE(simulation.used(std::chrono::hours(1)), 0.9);  // 14 requests of 0.7 are 9.8
}

TEST(Budget, ProcessesThatDieCostTimeButNeverTheLimit) {
    Simulation simulation{.allowance = {.limit = 20, .per = seconds(5)}, .longest_way = milliseconds(200), .deaths_percent = 30};
    simulation.run(std::chrono::hours(1), 3);
    EXPECT_LE(fullest_window(simulation.arrivals, seconds(5)), 20);
    EXPECT_GT(simulation.used(std::chrono::hours(1)), 0.5);
}

TEST(Budget, ABucketOfTokensNeverRunsDry) {
    Simulation simulation{.allowance = {.limit = 200, .per = seconds(60)}, .longest_way = milliseconds(500)};
    simulation.run(std::chrono::hours(1), 11);
    double tokens = 200;
    Uptime last = simulation.arrivals.front().first;
    for (const auto& [at, units] : simulation.arrivals) {
        tokens = std::min(200.0, tokens + 200.0 * std::chrono::duration<double>(at - last).count() / 60) - units;
        last = at;
        ASSERT_GE(tokens, -1e-6);
    }
}

TEST(Budget, AThousandPermitsMakeAFewEntries) {
    Ledger ledger;
    const Allowance allowance{.limit = 100'000, .per = std::chrono::hours(24)};
    for (int i = 0; i < 50'000; ++i) ledger.book(allowance, 1, seconds(i));
    EXPECT_LE(ledger.entries().size(), 130U);
    EXPECT_EQ(ledger.spent(), 50'000);
}

TEST(Budget, TellsWhenUnitsComeFree) {
    Ledger ledger;
    const Allowance allowance{.limit = 2, .per = seconds(10)};
    ledger.book(allowance, 1, seconds(100));
    ledger.book(allowance, 1, seconds(104));
    EXPECT_EQ(ledger.when(allowance, 1, seconds(105)) / seconds(1), 110);
    EXPECT_EQ(ledger.when(allowance, 2, seconds(105)) / seconds(1), 114);
    EXPECT_EQ(ledger.when(allowance, 3, seconds(105)) / seconds(1), 124);
    ledger.expire(allowance, seconds(111));
    EXPECT_EQ(ledger.when(allowance, 1, seconds(111)), seconds(111));
}

TEST(Budget, WhatIsInFlightIsKeptUntilItIsAnswered) {
    Ledger ledger;
    const Allowance allowance{.limit = 1, .per = seconds(1)};
    const Uptime booked = ledger.book(allowance, 1, seconds(160));
    ledger.expire(allowance, seconds(120));
    EXPECT_EQ(ledger.left(allowance) >= 1, false);
    ledger.settle(allowance, booked, 1, seconds(120));
    ledger.expire(allowance, seconds(122));
    EXPECT_GE(ledger.left(allowance), 1);
}

TEST(Budget, ABootForgetsNothing) {
    Ledger ledger;
    const Allowance allowance{.limit = 5, .per = seconds(60)};
    ledger.book(allowance, 3, seconds(1'000'000));
    ledger.restart(allowance, seconds(10));
    ledger.expire(allowance, seconds(60));
    EXPECT_EQ(ledger.spent(), 3);
    ledger.expire(allowance, seconds(72));
    EXPECT_EQ(ledger.spent(), 0);
}

TEST(Budget, ALimitBelowOneRequestStretchesItsWindow) {
    const Allowance allowance = Allowance::of(0.5, seconds(1), 0, 1);
    EXPECT_EQ(allowance.limit, 1);
    EXPECT_EQ(allowance.per, seconds(2));
    EXPECT_EQ(Allowance::of(200, seconds(60), 0.1, 1).limit, 180);
}

TEST(Budget, IsTheSameAfterBeingStored) {
    Ledger ledger;
    const Allowance allowance{.limit = 5, .per = seconds(60)};
    ledger.book(allowance, 0.1, seconds(100));
    ledger.book(allowance, 2, seconds(200));
    EXPECT_EQ(ledger_from_json(to_json(ledger)).entries(), ledger.entries());
    EXPECT_TRUE(ledger_from_json("nonsense").entries().empty());
    EXPECT_TRUE(ledger_from_json("[[1], 2, [\"x\", 1]]").entries().empty());
}

TEST(Budget, MatchesPathsBySegment) {
    EXPECT_TRUE(matches_path("", "/anything"));
    EXPECT_TRUE(matches_path("/orders", "/orders"));
    EXPECT_FALSE(matches_path("/orders", "/orders/1"));
    EXPECT_TRUE(matches_path("/orders/*/lines", "/orders/7/lines"));
    EXPECT_FALSE(matches_path("/orders/*/lines", "/orders/7/8/lines"));
    EXPECT_TRUE(matches_path("/orders/**", "/orders/7/8/lines"));
    EXPECT_TRUE(matches_path("/**", "/"));
    EXPECT_FALSE(matches_path("/orders/*", "/orders"));
}

}  // namespace
}  // namespace upstream::core
