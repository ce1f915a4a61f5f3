// A run: its pages, its tokens, its failures and its guards. What it does to the cursor is in sync_cursor_test.cpp.
#include "core/sync.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "unit/driven_sync.hpp"

namespace upstream::core::test {
namespace {

using namespace std::chrono_literals;

TEST(FullRead, FollowsEveryKindOfPagination) {
    struct Case {
        std::string pagination, first;
        Response first_answer;
        std::string second;
        Response second_answer;
    };
    const std::string inject = R"("inject": {"in": "query", "name": "p"})";
    const Response full = test::answer(page({{1, 10}, {2, 20}}));
    const Response rest = test::answer(page({{3, 30}}));
    const std::vector<Case> cases{
        {R"("type": "cursor", "path": "$.next", )" + inject, "/items", test::answer(page({{1, 10}, {2, 20}}, "b")), "/items?p=b", rest},
        {R"("type": "page", "size": 2, )" + inject, "/items?p=1", full, "/items?p=2", rest},
        {R"("type": "offset", "size": 2, )" + inject, "/items?p=0", full, "/items?p=2", rest},
        {R"("type": "link_header")", "/items", test::answer(page({{1, 10}, {2, 20}}), 200, {{"Link", "</v1/items?p=b>; rel=\"next\""}}), "/items?p=b", rest},
        {R"("type": "next_url", "path": "$.next")", "/items", test::answer(page({{1, 10}, {2, 20}}, "/v1/items?p=b")), "/items?p=b", rest},
    };
    for (const Case& c : cases) {
        DrivenSync run{R"("records": "$.data", "pagination": {)" + c.pagination + "}"};
        EXPECT_EQ(run.start(), "fetch " + c.first) << c.pagination;
        EXPECT_EQ(run.answer(c.first_answer), "apply 1 2") << c.pagination;
        EXPECT_EQ(run.commit(), "fetch " + c.second) << c.pagination;
        EXPECT_EQ(run.answer(c.second_answer), "apply 3, last") << c.pagination;
        EXPECT_EQ(run.commit(), "done: 2 requests") << c.pagination;
        EXPECT_FALSE(run.committed.reading()) << c.pagination;
    }
}

TEST(FullRead, WithoutPaginationIsOneRequest) {
    DrivenSync run{R"("records": "$.data")"};
    EXPECT_EQ(run.start(), "fetch /items");
    EXPECT_EQ(run.answer(page({{1, 10}})), "apply 1, last");
    EXPECT_EQ(run.commit(), "done: 1 request");
}

TEST(FullRead, AnEmptyListIsAppliedTooSoThatTheRunIsFinished) {
    DrivenSync run{stream_of()};
    run.start();
    EXPECT_EQ(run.answer(page({})), "apply, last");
    EXPECT_EQ(run.commit(), "done: 1 request");
}

TEST(Tally, CountsWhatCameSinceTheLastCommit) {
    DrivenSync run{stream_of()};
    run.start();
    const std::string body = page({{1, 10}, {2, 20}}, "b");
    run.answer(body);
    EXPECT_EQ(run.apply().tally.requests, 1);
    EXPECT_EQ(run.apply().tally.pages, 1);
    EXPECT_EQ(run.apply().tally.received, 2);
    EXPECT_EQ(run.apply().tally.bytes, static_cast<std::int64_t>(body.size()));
    run.commit();
    run.answer(test::answer("sorry", 500));
    EXPECT_EQ(run.failure().tally.requests, 1) << "the failed request, and not again the one before";
    EXPECT_EQ(run.failure().tally.pages, 0);
    EXPECT_EQ(run.failure().tally.bytes, 5);
}

Account account_with_token(Duration left) {
    return {.token = Token{.access = "old", .expires_at = second(1000) + left, .lifetime = 1h}};
}

TEST(AccessToken, IsRefreshedBeforeItEnds) {
    DrivenSync run{stream_of(), kOAuth, {}, 1, account_with_token(1min)};
    EXPECT_EQ(run.start(), "get token");
    EXPECT_EQ(run.get_token().refused, std::nullopt) << "nobody refused the old one";
    EXPECT_EQ(run.give_token("new"), "fetch /items");
    EXPECT_EQ(header_of(run.fetch().request, "Authorization"), "Bearer new");
}

TEST(AccessToken, IsHadBeforeTheFirstRequestIfThereIsNone) {
    DrivenSync run{stream_of(), kOAuth};
    EXPECT_EQ(run.start(), "get token");
    EXPECT_EQ(run.give_token("new"), "fetch /items");
}

TEST(AccessToken, ThatEndsBetweenTwoPagesIsRefreshedThere) {
    DrivenSync run{stream_of(), kOAuth, {}, 1, account_with_token(1h)};
    run.start();
    run.now += 56min;
    EXPECT_EQ(run.read(page({{1, 10}}, "b")), "get token");
    EXPECT_EQ(run.give_token("new"), "fetch /items?after=b");
}

TEST(AccessToken, ThatLivesShorterThanItsMarginIsUsedNevertheless) {
    DrivenSync run{stream_of(), kOAuth};
    run.start();
    EXPECT_EQ(run.give_token("new", 0s), "fetch /items") << "else tokens would be asked for for ever";
}

TEST(Unauthorized, IsTriedAgainWithANewToken) {
    DrivenSync run{stream_of(), kOAuth, {}, 1, account_with_token(1h)};
    run.start();
    EXPECT_EQ(run.answer(test::answer("", 401)), "get token");
    EXPECT_EQ(run.get_token().refused, "old");
    EXPECT_EQ(run.give_token("new"), "fetch /items");
    EXPECT_EQ(run.answer(page({{1, 10}})), "apply 1, last");
    EXPECT_EQ(run.apply().tally.requests, 2);
}

TEST(Unauthorized, WithANewTokenIsFinal) {
    DrivenSync run{stream_of(), kOAuth, {}, 1, account_with_token(1h)};
    run.start();
    run.answer(test::answer("", 401));
    run.give_token("new");
    EXPECT_EQ(run.answer(test::answer("", 401)), "fail auth_failed");
}

TEST(Unauthorized, AnotherPageHasItsOwnSecondTry) {
    DrivenSync run{stream_of(), kOAuth, {}, 1, account_with_token(1h)};
    run.start();
    run.answer(test::answer("", 401));
    run.give_token("second");
    EXPECT_EQ(run.read(page({{1, 10}}, "b")), "fetch /items?after=b");
    EXPECT_EQ(run.answer(test::answer("", 401)), "get token");
    EXPECT_EQ(run.get_token().refused, "second");
}

TEST(Unauthorized, WithoutOAuthIsFinal) {
    DrivenSync run{stream_of(), R"("auth": {"type": "bearer", "token": "{secret.token}"})", {}, 1, {.secrets = {{"token", "t"}}}};
    run.start();
    EXPECT_EQ(run.answer(test::answer("", 401)), "fail auth_failed");
}

TEST(TokenRefused, EndsTheRunAndOnlyAPersonHelps) {
    DrivenSync run{stream_of(), kOAuth};
    run.start();
    EXPECT_EQ(run.refuse_token(Code::needs_reauth), "fail needs_reauth");
    EXPECT_EQ(run.wait(), std::nullopt);
}

TEST(TokenRefused, ForAWhileWaitsAsLongAsTheTokenEndpointSays) {
    DrivenSync run{stream_of(), kOAuth};
    run.start();
    EXPECT_EQ(run.refuse_token(Code::server_error, run.now + 77s), "fail server_error");
    EXPECT_EQ(run.wait(), 77.0);
}

TEST(Failure, WaitsTwiceAsLongEachTimeAndASuccessForgets) {
    State state;
    for (const double wait : {10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0}) {
        DrivenSync run{stream_of(), kNoAuth, state};
        run.start();
        EXPECT_EQ(run.answer(test::answer("", 503)), "fail server_error");
        EXPECT_EQ(run.wait(), wait);
        state = run.committed;
    }
    DrivenSync run{stream_of(), kNoAuth, state};
    run.start();
    run.read(page({{1, 10}}, "b"));
    EXPECT_EQ(run.answer(test::answer("", 503)), "fail server_error");
    EXPECT_EQ(run.wait(), 10.0) << "a page was read in between";
}

TEST(Failure, WaitsAsLongAsTheUpstreamAsks) {
    for (const int status : {429, 503}) {
        DrivenSync run{stream_of(), kNoAuth};
        run.start();
        run.answer(test::answer("", status, {{"Retry-After", "120"}}));
        EXPECT_EQ(run.wait(), 120.0);
    }
}

TEST(Failure, ShowsNoSecretThatTheAnswerEchoes) {
    DrivenSync run{stream_of(), kNoAuth, {}, 1, {.secrets = {{"key", "sesame-open-sesame"}}, .token = Token{.access = "granted-access"}}};
    run.start();
    EXPECT_EQ(run.answer(test::answer("no sesame-open-sesame, no granted-access: try sesame-open-sesame", 400)), "fail http_error");
    EXPECT_EQ(run.failure().error.detail, "The answer begins with: no ***, no ***: try ***");
}

TEST(Failure, IsNotShorterThanItsBackoffWhateverTheUpstreamAsks) {
    DrivenSync run{stream_of(), kNoAuth};
    run.start();
    EXPECT_EQ(run.answer(test::answer("", 429, {{"Retry-After", "0"}})), "fail rate_limited");
    EXPECT_EQ(run.wait(), 10.0);
}

TEST(Failure, OfTheNetworkIsTriedAgainAtTheSamePage) {
    DrivenSync run{stream_of(), kNoAuth};
    run.start();
    run.read(page({{1, 10}}, "b"));
    EXPECT_EQ(run.break_off(Code::net_timeout), "fail net_timeout");
    EXPECT_EQ(run.wait(), 10.0);
    DrivenSync again{stream_of(), kNoAuth, run.committed};
    EXPECT_EQ(again.start(), "fetch /items?after=b");
}

TEST(Failure, ThatNeedsMendingIsTriedSlowly) {
    struct Case {
        Response response;
        std::string expected;
    };
    const std::vector<Case> cases{{test::answer("{}", 403), "fail forbidden"},
                                  {test::answer("{}", 404), "fail http_error"},
                                  {test::answer(R"({"error": "odd"})"), "fail shape"},
                                  {test::answer("<html>"), "fail not_json"}};
    for (const Case& c : cases) {
        DrivenSync run{stream_of(kUnordered), kNoAuth};
        run.start();
        EXPECT_EQ(run.answer(c.response), c.expected);
        EXPECT_GE(run.wait().value(), 48.0);
        EXPECT_LE(run.wait().value(), 60.0);
    }
}

TEST(RateLimited, OfSeveralHeadersTheLongestWaitCounts) {
    DrivenSync run{stream_of(), R"("auth": {"type": "none"}, "rate_limit": {"retry_after": ["x-first", "x-second"]})"};
    run.start();
    EXPECT_EQ(run.answer(test::answer("", 429, {{"x-first", "5"}, {"x-second", "500"}})), "fail rate_limited");
    EXPECT_GE(run.wait().value(), 500.0);
}

TEST(RateLimited, ByARuleTheResetTellsHowLongWhateverTheStatus) {
    DrivenSync run{stream_of(), R"("auth": {"type": "none"}, "rate_limit": {"reset": "x-reset", "reset_format": "seconds"},
        "responses": [{"when": {"status": 400}, "do": "rate_limited"}])"};
    run.start();
    EXPECT_EQ(run.answer(test::answer("{}", 400, {{"x-reset", "700"}})), "fail rate_limited");
    EXPECT_GE(run.wait().value(), 700.0);
}

TEST(Jitter, FollowsFromTheSeed) {
    const auto wait = [](std::uint64_t seed) {
        DrivenSync run{stream_of(), R"("auth": {"type": "none"}, "retry": {"base": "100 seconds", "jitter": 1})", {}, seed};
        run.start();
        run.answer(test::answer("", 500));
        return run.wait().value();
    };
    std::set<double> waits;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        EXPECT_EQ(wait(seed), wait(seed));
        EXPECT_GE(wait(seed), 10.0);
        EXPECT_LT(wait(seed), 100.0);
        waits.insert(wait(seed));
    }
    EXPECT_GE(waits.size(), 50U) << "models that failed together do not come back together";
    EXPECT_LT(*waits.begin(), 30.0);
    EXPECT_GT(*waits.rbegin(), 80.0);
}

TEST(Refused, LeavesTheStateAsItWasBeforeThePage) {
    for (const std::string& cursor : {kOldestFirst, kNewestFirst, kUnordered}) {
        for (const std::string next : {"c", ""}) {
            DrivenSync run{stream_of(cursor), kNoAuth, {.cursor = at_second(1), .failures = 3}};
            run.start();
            run.read(page({{1, 10}}, "b"));
            const State before = run.committed;
            run.answer(page({{2, 9}}, next));
            EXPECT_EQ(run.refuse(Code::target_error), "fail target_error");
            EXPECT_EQ(run.committed.cursor, before.cursor) << cursor << next;
            EXPECT_EQ(run.committed.read->pending, before.read->pending) << cursor << next;
            EXPECT_TRUE(run.committed.reading()) << cursor << next;
            EXPECT_EQ(run.committed.read->page.token, "b") << cursor << next;
            EXPECT_EQ(run.committed.failures, before.failures + 1);
        }
    }
}

TEST(Refused, AgainAndAgainWaitsLongerAndLonger) {
    DrivenSync run{stream_of(kUnordered), kNoAuth, {.failures = 4}};
    run.start();
    run.answer(page({{1, 10}}));
    run.refuse(Code::target_busy);
    EXPECT_EQ(run.committed.failures, 5);
    EXPECT_EQ(run.wait(), 160.0);
}

TEST(ExpiredPageToken, RestartsTheReadOnceFromTheCommittedCursor) {
    for (const int status : {400, 404, 409, 410, 422}) {
        DrivenSync run{stream_of(kUnordered), kNoAuth, {.cursor = at_second(100)}};
        run.start();
        EXPECT_EQ(run.read(page({{1, 110}}, "b")), "fetch /items?from=100&after=b");
        EXPECT_EQ(run.answer(test::answer("", status)), "fetch /items?from=100");
        EXPECT_EQ(run.read(page({{1, 110}}, "b")), "fetch /items?from=100&after=b") << "the same token again is no loop";
        EXPECT_EQ(run.answer(test::answer("", status)), "fail page_token_expired");
        EXPECT_FALSE(run.committed.reading()) << "the next run begins anew, too";
        EXPECT_EQ(run.cursor(), "100");
    }
}

TEST(ExpiredPageToken, OldestFirstRestartsWhereThePagesCameTo) {
    DrivenSync run{stream_of(kOldestFirst), kNoAuth, {.cursor = at_second(100)}};
    run.start();
    run.read(page({{1, 110}}, "b"));
    EXPECT_EQ(run.answer(test::answer("", 410)), "fetch /items?from=110");
}

TEST(ExpiredPageToken, OfAnEarlierRunIsMetAtOnce) {
    DrivenSync first{stream_of(kUnordered), kNoAuth};
    first.start();
    first.read(page({{1, 110}}, "b"));
    DrivenSync second{stream_of(kUnordered), kNoAuth, first.committed};
    EXPECT_EQ(second.start(), "fetch /items?after=b");
    EXPECT_EQ(second.answer(test::answer("", 410)), "fetch /items");
}

TEST(ExpiredPageToken, IsNotSuspectedOnTheFirstPageNorOfNumbers) {
    DrivenSync first{stream_of(), kNoAuth};
    first.start();
    EXPECT_EQ(first.answer(test::answer("", 404)), "fail http_error");
    DrivenSync numbered{R"("records": "$.data", "pagination": {"type": "page", "inject": {"in": "query", "name": "p"}})", kNoAuth};
    numbered.start();
    numbered.read(page({{1, 10}}));
    EXPECT_EQ(numbered.answer(test::answer("", 404)), "fail http_error");
}

TEST(Loop, APageTokenThatComesTwiceEndsTheRun) {
    DrivenSync run{stream_of()};
    run.start();
    run.read(page({{1, 10}}, "b"));
    EXPECT_EQ(run.read(page({{2, 20}}, "b")), "fail cursor_loop");
    EXPECT_FALSE(run.committed.reading()) << "the next run does not begin within the circle";
}

TEST(Loop, TokensThatGoInACircleEndTheRun) {
    DrivenSync run{stream_of()};
    run.start();
    run.read(page({{1, 10}}, "a"));
    run.read(page({{2, 20}}, "b"));
    EXPECT_EQ(run.read(page({{3, 30}}, "a")), "fail cursor_loop");
}

TEST(Loop, APageThatRepeatsEndsTheRunThoughItsTokenIsNew) {
    const std::string stream = R"("records": "$.data", "pagination": {"type": "page", "inject": {"in": "query", "name": "p"}})";
    DrivenSync run{stream};
    run.start();
    EXPECT_EQ(run.read(page({{1, 10}})), "fetch /items?p=2");
    EXPECT_EQ(run.read(page({{1, 10}})), "fail cursor_loop");
}

TEST(Loop, DoesNotMoveTheCursor) {
    for (const std::string& cursor : {kOldestFirst, kNewestFirst, kUnordered}) {
        DrivenSync run{stream_of(cursor), kNoAuth, {.cursor = at_second(5)}};
        run.start();
        run.read(page({{1, 10}}, "b"));
        const std::string before = run.cursor();
        EXPECT_EQ(run.read(page({{2, 20}}, "b")), "fail cursor_loop");
        EXPECT_EQ(run.cursor(), before) << cursor << ": the rows of the last page were not applied";
    }
}

TEST(EmptyPages, AHundredInARowEndTheRun) {
    DrivenSync run{stream_of()};
    run.start();
    for (int i = 1; i < 100; ++i) ASSERT_EQ(run.read(page({}, "t" + std::to_string(i))), "fetch /items?after=t" + std::to_string(i));
    EXPECT_EQ(run.read(page({}, "t100")), "fail cursor_loop");
}

TEST(EmptyPages, ARecordInBetweenCountsFromZero) {
    DrivenSync run{stream_of()};
    run.start();
    for (int i = 1; i < 250; ++i) {
        const std::string token = "t" + std::to_string(i);
        ASSERT_EQ(run.read(i % 99 == 0 ? page({{i, i}}, token) : page({}, token)), "fetch /items?after=" + token);
    }
}

const std::string kTwoPages =
    R"("records": "$.data", "pagination": {"type": "cursor", "path": "$.next", "max_pages": 2, "inject": {"in": "query", "name": "after"}})";

TEST(MaxPages, MorePagesEndTheRun) {
    DrivenSync run{kTwoPages};
    run.start();
    EXPECT_EQ(run.read(page({{1, 10}}, "b")), "fetch /items?after=b");
    EXPECT_EQ(run.read(page({{2, 20}}, "c")), "fail page_limit");
}

TEST(MaxPages, ExactlySoManyAreGood) {
    DrivenSync run{kTwoPages};
    run.start();
    run.read(page({{1, 10}}, "b"));
    EXPECT_EQ(run.read(page({{2, 20}})), "done: 2 requests");
}

TEST(MaxPages, CountOverRunsOfOneRead) {
    DrivenSync first{kTwoPages};
    first.start();
    first.read(page({{1, 10}}, "b"));
    DrivenSync second{kTwoPages, kNoAuth, first.committed};
    EXPECT_EQ(second.start(), "fetch /items?after=b");
    EXPECT_EQ(second.read(page({{2, 20}}, "c")), "fail page_limit");
}

TEST(MaxPages, TheLastPageMayReachTheKnownRows) {
    DrivenSync run{kTwoPages + R"(, "cursor": {"field": "at", "type": "timestamp", "format": "epoch", "order": "desc", "lookback": "0 seconds"})",
                   kNoAuth, {.cursor = at_second(50)}};
    run.start();
    run.read(page({{1, 100}}, "b"));
    EXPECT_EQ(run.answer(page({{2, 49}}, "c")), "apply 2, last") << "the page after it is not wanted";
}

}  // namespace
}  // namespace upstream::core::test
