// What runs do to the cursor: where they begin, what they may learn, where they stop, and where they go on.
#include "core/sync.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/driven_sync.hpp"

namespace upstream::core::test {
namespace {

State from(int seconds) { return {.cursor = at_second(seconds)}; }

TEST(FirstRun, ReadsEverythingAndRemembersTheHighest) {
    DrivenSync run{stream_of(kUnordered)};
    EXPECT_TRUE(run.incremental());
    EXPECT_EQ(run.start(), "fetch /items");
    run.read(page({{1, 30}, {2, 10}, {3, 20}}));
    EXPECT_EQ(run.cursor(), "30");
}

TEST(FirstRun, BeginsWhereTheSpecSays) {
    DrivenSync run{stream_of(kUnordered + R"(, "initial": "10 minutes ago")")};
    EXPECT_EQ(run.start(), "fetch /items?from=400");
    DrivenSync later{stream_of(kUnordered + R"(, "initial": "10 minutes ago")"), kNoAuth, from(500)};
    EXPECT_EQ(later.start(), "fetch /items?from=500") << "later runs go by the cursor";
}

TEST(FirstRun, MayBeginWhereTheAccountSays) {
    const std::string source = kNoAuth + R"(, "account": {"properties": {"since": {"type": "string"}}})";
    const std::string stream = stream_of(kUnordered + R"(, "initial": "{account.since}")");
    DrivenSync run{stream, source, {}, 1, {.settings = {{"since", "1970-01-01T00:05:00Z"}}}};
    EXPECT_EQ(run.start(), "fetch /items?from=300");
    DrivenSync wrong{stream, source, {}, 1, {.settings = {{"since", "soon"}}}};
    EXPECT_EQ(wrong.start(), "fail invalid_spec");
}

TEST(Lookback, RereadsWhatLiesShortlyBehindTheCursor) {
    DrivenSync run{stream_of(kUnordered, "60 seconds"), kNoAuth, from(500)};
    EXPECT_EQ(run.start(), "fetch /items?from=440");
}

TEST(OldestFirst, MovesTheCursorPageByPage) {
    DrivenSync run{stream_of(kOldestFirst)};
    run.start();
    run.read(page({{1, 10}, {2, 20}}, "b"));
    EXPECT_EQ(run.cursor(), "20");
    run.read(page({{3, 20}, {4, 40}}, "c"));
    EXPECT_EQ(run.cursor(), "40");
    EXPECT_EQ(run.read(page({})), "done: 3 requests");
    EXPECT_EQ(run.cursor(), "40");
}

TEST(OldestFirst, OutOfOrderWaitsForTheEnd) {
    DrivenSync run{stream_of(kOldestFirst)};
    run.start();
    run.read(page({{1, 10}, {2, 30}, {3, 20}}, "b"));
    EXPECT_EQ(run.cursor(), "none");
    run.read(page({{4, 40}}, "c"));
    EXPECT_EQ(run.cursor(), "none") << "once out of order, never trusted again in this read";
    run.read(page({{5, 50}}));
    EXPECT_EQ(run.cursor(), "50");
}

TEST(OldestFirst, OutOfOrderBetweenPagesWaitsForTheEnd) {
    DrivenSync run{stream_of(kOldestFirst)};
    run.start();
    run.read(page({{1, 10}, {2, 30}}, "b"));
    run.read(page({{3, 20}, {4, 40}}, "c"));
    EXPECT_EQ(run.cursor(), "30");
    run.read(page({{5, 50}}));
    EXPECT_EQ(run.cursor(), "50");
}

TEST(OldestFirst, ABreachIsSeenAcrossACrash) {
    DrivenSync first{stream_of(kOldestFirst)};
    first.start();
    first.read(page({{1, 10}, {2, 30}}, "b"));
    DrivenSync second{stream_of(kOldestFirst), kNoAuth, first.committed};
    second.start();
    second.read(page({{3, 20}, {4, 40}}, "c"));
    EXPECT_EQ(second.cursor(), "30");
}

TEST(Unordered, MovesTheCursorAtTheEndOnly) {
    DrivenSync run{stream_of(kUnordered), kNoAuth, from(5)};
    run.start();
    run.read(page({{1, 90}, {2, 10}}, "b"));
    EXPECT_EQ(run.cursor(), "5");
    EXPECT_EQ(run.pending(), at_second(90));
    run.read(page({{3, 50}}));
    EXPECT_EQ(run.cursor(), "90");
    EXPECT_EQ(run.pending(), std::nullopt);
}

TEST(NewestFirst, StopsOnceAPageReachesBelowTheBound) {
    DrivenSync run{stream_of(kNewestFirst, "60 seconds"), kNoAuth, from(500)};
    EXPECT_EQ(run.start(), "fetch /items");
    EXPECT_EQ(run.read(page({{1, 900}, {2, 500}}, "b")), "fetch /items?after=b") << "within the lookback";
    EXPECT_EQ(run.read(page({{3, 450}, {4, 440}}, "c")), "fetch /items?after=c") << "rows at the very bound may follow";
    EXPECT_EQ(run.answer(page({{5, 440}, {6, 439}}, "d")), "apply 5 6, last");
    EXPECT_EQ(run.commit(), "done: 3 requests");
    EXPECT_EQ(run.cursor(), "900");
}

TEST(NewestFirst, TheFirstRunGoesToTheEnd) {
    DrivenSync run{stream_of(kNewestFirst)};
    run.start();
    EXPECT_EQ(run.read(page({{1, 900}}, "b")), "fetch /items?after=b");
    EXPECT_EQ(run.cursor(), "none");
    EXPECT_EQ(run.read(page({{2, 1}})), "done: 2 requests");
    EXPECT_EQ(run.cursor(), "900");
}

TEST(NewestFirst, OutOfOrderIsWalkedToTheEnd) {
    DrivenSync run{stream_of(kNewestFirst), kNoAuth, from(500)};
    run.start();
    EXPECT_EQ(run.read(page({{1, 800}, {2, 900}}, "b")), "fetch /items?after=b");
    EXPECT_EQ(run.read(page({{3, 100}}, "c")), "fetch /items?after=c");
    EXPECT_EQ(run.read(page({{4, 600}})), "done: 3 requests; the list is not newest first, as the spec says: it is read to its end");
}

TEST(NewestFirst, OutOfOrderBetweenPagesIsWalkedToTheEnd) {
    DrivenSync run{stream_of(kNewestFirst), kNoAuth, from(500)};
    run.start();
    run.read(page({{1, 800}}, "b"));
    EXPECT_EQ(run.read(page({{2, 900}, {3, 100}}, "c")), "fetch /items?after=c");
}

TEST(NewestFirst, OutOfOrderBeforeACrashIsWalkedToTheEndAfterIt) {
    DrivenSync first{stream_of(kNewestFirst), kNoAuth, from(500)};
    first.start();
    first.read(page({{1, 800}, {2, 900}}, "b"));
    DrivenSync second{stream_of(kNewestFirst), kNoAuth, first.committed};
    EXPECT_EQ(second.start(), "fetch /items?after=b");
    EXPECT_EQ(second.read(page({{3, 100}}, "c")), "fetch /items?after=c");
}

TEST(NewestFirst, OutOfOrderInTheFirstRunPassesItsBeginningToo) {
    const std::string stream = stream_of(kNewestFirst + R"(, "initial": "1970-01-01T00:08:20Z")");
    DrivenSync first{stream};
    first.start();
    first.read(page({{1, 800}, {2, 900}}, "b"));
    DrivenSync second{stream, kNoAuth, first.committed};
    second.start();
    EXPECT_EQ(second.read(page({{3, 100}}, "c")), "fetch /items?after=c");
}

// What the upstream should filter and does not: rows so much older than the bound that no rounding explains them.
constexpr int kDay = 86'400;
DrivenSync with_ignored_bound(State state) {
    DrivenSync run{stream_of(R"("filter": "server", "order": "desc")"), kNoAuth, std::move(state)};
    run.now = second(9 * kDay);
    run.start();
    return run;
}

TEST(NewestFirst, StopsBelowABoundThatTheUpstreamIgnores) {
    DrivenSync run = with_ignored_bound(from(5 * kDay));
    EXPECT_EQ(run.read(page({{1, 8 * kDay}, {2, 7 * kDay}}, "b")), "fetch /items?from=432000&after=b");
    EXPECT_EQ(run.answer(page({{3, 1 * kDay}}, "c")), "apply 3, last");
}

TEST(NewestFirst, OutOfOrderIsWalkedToTheEndThoughItsBoundIsIgnored) {
    DrivenSync run = with_ignored_bound(from(5 * kDay));
    run.read(page({{1, 7 * kDay}, {2, 8 * kDay}}, "b"));
    EXPECT_EQ(run.read(page({{3, 1 * kDay}}, "c")), "fetch /items?from=432000&after=c");
}

TEST(NewestFirst, OutOfOrderBeforeACrashIsWalkedToTheEndAfterItThoughItsBoundIsIgnored) {
    DrivenSync first = with_ignored_bound(from(5 * kDay));
    first.read(page({{1, 7 * kDay}, {2, 8 * kDay}}, "b"));
    DrivenSync second = with_ignored_bound(first.committed);
    EXPECT_EQ(second.read(page({{3, 1 * kDay}}, "c")), "fetch /items?from=432000&after=c");
}

TEST(NewestFirst, RowsWithoutAPositionDoNotStopIt) {
    DrivenSync run{stream_of(kNewestFirst), kNoAuth, from(500)};
    run.start();
    EXPECT_EQ(run.read(R"({"data": [{"id": 1}, {"id": 2, "at": null}], "next": "b"})"), "fetch /items?after=b");
}

TEST(Cursor, NeverPassesTheRunsStart) {
    for (const std::string& cursor : {kOldestFirst, kNewestFirst, kUnordered}) {
        DrivenSync run{stream_of(cursor)};
        run.start();
        run.now = second(2000);
        run.read(page({{1, 1000}}, "b"));
        run.read(page({{2, 1000}, {3, 1001}}));
        EXPECT_EQ(run.cursor(), "1000") << cursor;
    }
}

TEST(Cursor, OfRowsFromTheFutureOnlyStaysWhereItWas) {
    DrivenSync run{stream_of(kUnordered), kNoAuth, from(500)};
    run.start();
    EXPECT_EQ(run.read(page({{1, 5000}})), "done: 1 request");
    EXPECT_EQ(run.cursor(), "500");
}

TEST(Cursor, NeverPassesTheEndThatTheSpecStates) {
    for (const std::string& order : {kOldestFirst, kNewestFirst, kUnordered}) {
        DrivenSync run{stream_of(order + R"(, "end": "100 seconds ago")")};
        run.start();
        run.read(page({{1, 900}}, "b"));
        run.read(page({{2, 901}}));
        EXPECT_EQ(run.cursor(), "900") << order << ": what is younger is not settled yet";
    }
}

TEST(Cursor, NeverMovesBackwards) {
    for (const std::string& cursor : {kOldestFirst, kNewestFirst, kUnordered}) {
        DrivenSync run{stream_of(cursor, "60 seconds"), kNoAuth, from(500)};
        run.start();
        run.read(page({{1, 450}}, "b"));
        EXPECT_EQ(run.cursor(), "500") << cursor;
        run.read(page({}));
        EXPECT_EQ(run.cursor(), "500") << cursor;
    }
}

TEST(Cursor, OfAnEmptyListStaysAbsent) {
    DrivenSync run{stream_of(kUnordered)};
    run.start();
    EXPECT_EQ(run.read(page({})), "done: 1 request");
    EXPECT_EQ(run.cursor(), "none");
}

// Numbers have no run's start to stop at. Rows that change while the list is walked get the highest numbers, and only
// on the first page is it sure that none of them hides behind a page already read.
TEST(IntegerCursor, UnlessOldestFirstLearnsFromTheFirstPageOnly) {
    const auto stream = [](const std::string& order) {
        return R"("records": "$.data", "params": {"from": "{cursor.start}"},
                  "pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "after"}},
                  "cursor": {"field": "at", "type": "integer", "filter": "server", "order": ")" + order + "\"}";
    };
    for (const auto& [order, expected] : {std::pair{"unknown", 40}, std::pair{"desc", 40}, std::pair{"asc", 90}}) {
        DrivenSync run{stream(order), kNoAuth, {.cursor = 5}};
        EXPECT_EQ(run.start(), "fetch /items?from=5");
        run.read(page({{1, 40}}, "b"));
        DrivenSync after_crash{stream(order), kNoAuth, run.committed};
        after_crash.start();
        after_crash.read(page({{2, 90}}));
        EXPECT_EQ(after_crash.committed.cursor, expected) << order;
    }
}

TEST(FullRefresh, ReadsEverythingAndKeepsTheCursor) {
    State state = from(500);
    state.full_refresh = true;
    DrivenSync run{stream_of(kOldestFirst), kNoAuth, state};
    EXPECT_FALSE(run.incremental());
    EXPECT_EQ(run.start(), "fetch /items") << "no lower bound";
    run.read(page({{1, 10}}, "b"));
    EXPECT_TRUE(run.committed.full_refresh) << "half done";
    EXPECT_EQ(run.cursor(), "500");
    EXPECT_EQ(run.read(page({{2, 600}})), "done: 2 requests");
    EXPECT_FALSE(run.committed.full_refresh);
    EXPECT_EQ(run.cursor(), "600");
}

TEST(FullRefresh, NewestFirstDoesNotStopAtKnownRows) {
    State state = from(500);
    state.full_refresh = true;
    DrivenSync run{stream_of(kNewestFirst), kNoAuth, state};
    run.start();
    EXPECT_EQ(run.read(page({{1, 600}, {2, 400}}, "b")), "fetch /items?after=b");
}

TEST(FullRefresh, GoesOnAsOneAfterACrash) {
    State state = from(500);
    state.full_refresh = true;
    DrivenSync first{stream_of(kOldestFirst), kNoAuth, state};
    first.start();
    first.read(page({{1, 10}}, "b"));
    DrivenSync second{stream_of(kOldestFirst), kNoAuth, first.committed};
    EXPECT_FALSE(second.incremental());
    EXPECT_EQ(second.start(), "fetch /items?after=b");
}

TEST(FullRefresh, IsWhatAStreamWithoutCursorDoes) {
    DrivenSync run{stream_of()};
    EXPECT_FALSE(run.incremental());
    run.start();
    run.read(page({{1, 10}}));
    EXPECT_EQ(run.cursor(), "none");
}

TEST(Resume, GoesOnWithTheSameBoundsAndTheHighestSoFar) {
    const std::string stream = stream_of(kUnordered + R"(, "end": "100 seconds ago")", "60 seconds") ;
    DrivenSync first{stream, kNoAuth, from(500)};
    EXPECT_EQ(first.start(), "fetch /items?from=440");
    first.read(page({{1, 700}}, "b"));
    DrivenSync second{stream, kNoAuth, first.committed};
    second.now = second.now + std::chrono::hours(1);
    EXPECT_EQ(second.start(), "fetch /items?from=440&after=b");
    second.read(page({{2, 600}, {3, 2000}}));
    EXPECT_EQ(second.cursor(), "700") << "2000 lies behind the start of the read, which was before the crash";
}

TEST(Resume, OldestFirstKeepsTheBoundThoughTheCursorHasMoved) {
    DrivenSync first{stream_of(kOldestFirst), kNoAuth, from(500)};
    first.start();
    first.read(page({{1, 700}}, "b"));
    EXPECT_EQ(first.cursor(), "700");
    DrivenSync second{stream_of(kOldestFirst), kNoAuth, first.committed};
    EXPECT_EQ(second.start(), "fetch /items?from=500&after=b") << "the token belongs to that request";
}

TEST(Resume, BeforeTheFirstPageSendsTheSameBounds) {
    DrivenSync first{stream_of(kUnordered + R"(, "initial": "10 minutes ago")")};
    first.start();
    first.answer(answer("", 500));
    DrivenSync second{stream_of(kUnordered + R"(, "initial": "10 minutes ago")"), kNoAuth, first.committed};
    second.now = second.now + std::chrono::minutes(1);
    EXPECT_EQ(second.start(), "fetch /items?from=400") << "relative to the start of the read";
}

TEST(Resume, CountsPagesAndRecordsOn) {
    const std::string stream = R"("records": "$.data", "pagination": {"type": "page", "total": "$.total", "inject": {"in": "query", "name": "p"}})";
    DrivenSync first{stream};
    first.start();
    first.read(R"({"total": 3, "data": [{"id": 1}, {"id": 2}]})");
    DrivenSync second{stream, kNoAuth, first.committed};
    EXPECT_EQ(second.start(), "fetch /items?p=2");
    EXPECT_EQ(second.read(R"({"total": 3, "data": [{"id": 3}]})"), "done: 1 request");
}

}  // namespace
}  // namespace upstream::core::test
