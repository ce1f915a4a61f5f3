// Which answers are looked at first when there are more than can be written.
#include "core/answers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace upstream::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Uptime kStart{0};
constexpr Duration kLongest = seconds(1);

std::string take(Answers<char>& answers, Uptime now) {
    const std::vector<char> taken = answers.take(now, kLongest);
    return {taken.begin(), taken.end()};
}

TEST(Answers, OfTheRunsThatBeganFirstGoFirst) {
    Answers<char> answers{2};
    answers.add('c', kStart + seconds(3), kStart + seconds(5));
    answers.add('a', kStart + seconds(1), kStart + seconds(5));
    answers.add('b', kStart + seconds(2), kStart + seconds(5));
    EXPECT_EQ(take(answers, kStart + seconds(5)), "ab");
    answers.add('a', kStart + seconds(1), kStart + seconds(5));
    EXPECT_EQ(take(answers, kStart + seconds(5)), "ac");
    EXPECT_TRUE(answers.empty());
}

TEST(Answers, WithoutARankAreAllTakenAtOnceAndFirst) {
    Answers<char> answers{1};
    answers.add('a', kStart, kStart);
    for (const char name : {'x', 'y', 'z'}) answers.add(name, std::nullopt, kStart);
    EXPECT_EQ(take(answers, kStart), "xyza");
}

TEST(Answers, ThatHaveWaitedLongEnoughGoBeforeOlderRuns) {
    Answers<char> answers{1};
    answers.add('b', kStart + seconds(2), kStart + seconds(5));
    for (int turn = 0; turn < 10; ++turn) {
        answers.add('a', kStart + seconds(1), kStart + seconds(5));
        EXPECT_EQ(take(answers, kStart + seconds(5) + turn * milliseconds(100)), "a");
    }
    answers.add('a', kStart + seconds(1), kStart + seconds(6));
    EXPECT_EQ(take(answers, kStart + seconds(6)), "ba");
}

TEST(Answers, OfYoungerRunsWaitWhileThoseOfOlderOnesComeQuickly) {
    Answers<char> answers{2};
    const Uptime older = kStart + seconds(1), younger = kStart + seconds(2);
    const auto take_at = [&](Uptime now) {
        const std::vector<char> taken = answers.take(now, kLongest, older);
        return std::string{taken.begin(), taken.end()};
    };
    Uptime now = kStart + seconds(5);
    answers.add('b', younger, now);
    answers.add('a', older, now);
    EXPECT_EQ(take_at(now), "a");
    EXPECT_EQ(take_at(now), "");
    EXPECT_EQ(answers.next(now), now + milliseconds(1));
    answers.add('a', older, now);
    EXPECT_EQ(answers.next(now), now);
    now += milliseconds(1);
    EXPECT_EQ(take_at(now), "a");
    EXPECT_EQ(answers.next(now), now + milliseconds(1));
    now += milliseconds(1);
    EXPECT_EQ(take_at(now), "b") << "the next one of the older run is overdue";
    answers.add('b', younger, now);
    EXPECT_EQ(take_at(now), "b") << "and the younger ones do not wait for it again";
    EXPECT_EQ(answers.next(now), std::nullopt);
}

TEST(Answers, OfYoungerRunsWaitNoLongerThanOthersThoughOlderOnesComeQuickly) {
    Answers<char> answers{2};
    const Uptime older = kStart + seconds(1);
    answers.add('b', kStart + seconds(2), kStart + seconds(5));
    answers.add('a', older, kStart + seconds(6));
    const std::vector<char> taken = answers.take(kStart + seconds(6), kLongest, older);
    EXPECT_EQ(std::string(taken.begin(), taken.end()), "ba");
}

}  // namespace
}  // namespace upstream::core
