// A run as a whole: its partitions, its slices, what it reads again, and how it reacts to answers that are no pages.
#include <gtest/gtest.h>

#include <functional>

#include "unit/driven_sync.hpp"

namespace upstream::core::test {
namespace {

using Do = ResponseRule::Do;

Source source_with(const std::string& cursor, const std::function<void(Stream&)>& change) {
    Source source = source_of(stream_of(cursor), kNoAuth);
    change(source.streams.front());
    return source;
}

Part part(const std::string& board, std::optional<Position> cursor = {}) {
    const Words lists{{"board", board}};
    return {.values = {.lists = lists}, .ids = {partition_id({}, lists)}, .cursor = cursor};
}

Source boards(const std::function<void(Stream&)>& change = [](Stream&) {}) {
    return source_with(kOldestFirst, [&](Stream& stream) {
        stream.partitions = {{.name = "board", .values = {"a", "b"}}};
        stream.path = *Text::parse("/boards/{partition.board}");
        change(stream);
    });
}

// ---------------------------------------------------------------- partitions

TEST(Partitions, EachIsReadFromItsOwnCursorAndEndsWithItsLastPage) {
    DrivenSync run{boards(), {}};
    EXPECT_EQ(run.start(), "find partitions, at most 1000");
    EXPECT_EQ(run.find({part("a", at_second(10)), part("b")}), "fetch /boards/a?from=10");
    EXPECT_EQ(run.answer(page({{1, 20}})), "apply 1, partition ends");
    EXPECT_EQ(run.apply().part_end->part.cursor, at_second(20));
    EXPECT_EQ(run.commit(), "fetch /boards/b");
    EXPECT_EQ(run.answer(page({{2, 30}})), "apply 2, partition ends");
    EXPECT_EQ(run.commit(), "find partitions, at most 1000") << "there may be more";
    EXPECT_EQ(run.find({}), "apply, last");
    EXPECT_EQ(run.commit(), "done: 2 requests");
    EXPECT_EQ(run.cursor(), "none") << "the model itself has none";
}

TEST(Partitions, NothingOpenEndsTheRunWithoutARequest) {
    DrivenSync run{boards(), {}};
    run.start();
    EXPECT_EQ(run.find({}), "apply, last");
    EXPECT_EQ(run.commit(), "done: 0 requests");
}

TEST(Partitions, RunGoesOnWithinTheOneThatWasHalfRead) {
    DrivenSync first{boards(), {}};
    first.start();
    first.find({part("a"), part("b")});
    first.read(page({{1, 20}}, "n"));
    const std::string text = to_json(*first.committed.read, Cursor::Type::timestamp);
    State state = first.committed;
    state.read = progress_from_json(text, Cursor::Type::timestamp);
    DrivenSync second{boards(), state};
    EXPECT_EQ(second.start(), "fetch /boards/a?after=n");
    EXPECT_EQ(second.answer(page({{2, 30}})), "apply 2, partition ends");
    EXPECT_EQ(second.apply().part_end->part.ids, part("a").ids);
}

TEST(Partitions, RowsTakeTheirValues) {
    Field board{.column = "board", .value = *Text::parse("{partition.board}")};
    DrivenSync run{boards(), {}, {board}};
    run.start();
    run.find({part("a"), part("b")});
    run.answer(page({{1, 20}}));
    EXPECT_EQ(values_of(run.apply().batch, 0), std::vector<std::string>{"a"});
    run.commit();
    run.answer(page({{2, 20}}));
    EXPECT_EQ(values_of(run.apply().batch, 0), std::vector<std::string>{"b"});
}

TEST(Partitions, LimitOfParentsCountsOverTheRun) {
    Source source = boards([](Stream& stream) { stream.parent = Parent{.table = "t", .limit = 2}; });
    DrivenSync run{std::move(source), {}};
    EXPECT_EQ(run.start(), "find partitions, at most 2");
    run.find({part("a"), part("b")});
    run.read(page({}));
    EXPECT_EQ(run.read(page({})), "apply, last");
}

TEST(Partitions, OneMayBeSkippedByRule) {
    Source source = boards([](Stream& stream) { stream.responses = {{.status = {403}, .action = Do::skip_partition}}; });
    DrivenSync run{std::move(source), {}};
    run.start();
    run.find({part("a", at_second(5)), part("b")});
    EXPECT_EQ(run.answer(answer("{}", 403)), "apply, skipped");
    EXPECT_EQ(run.commit(), "fetch /boards/b");
}

// ---------------------------------------------------------------- slices

Source sliced(const std::function<void(Stream&)>& change = [](Stream&) {}) {
    return source_with(kUnordered, [&](Stream& stream) {
        stream.cursor->step = std::chrono::seconds(300);
        stream.params = {{"from", {*Text::parse("{cursor.start}")}}, {"to", {*Text::parse("{cursor.end}")}}};
        change(stream);
    });
}

TEST(Slices, FollowEachOtherToTheRunsStart) {
    DrivenSync run{sliced(), {.cursor = at_second(100)}};
    EXPECT_EQ(run.start(), "fetch /items?from=100&to=400");
    EXPECT_EQ(run.read(page({{1, 350}})), "fetch /items?from=400&to=700");
    EXPECT_EQ(run.cursor(), "350") << "a slice that is complete moves the cursor";
    EXPECT_EQ(run.read(page({})), "fetch /items?from=700&to=1000");
    EXPECT_EQ(run.answer(page({{2, 900}})), "apply 2, last");
    run.commit();
    EXPECT_EQ(run.cursor(), "900");
}

TEST(Slices, CursorMayFollowTheirEnds) {
    DrivenSync run{sliced([](Stream& stream) { stream.cursor->advance_to_slice_end = true; }), {.cursor = at_second(100)}};
    run.start();
    run.read(page({}));
    EXPECT_EQ(run.cursor(), "400");
    run.read(page({}));
    run.read(page({}));
    EXPECT_EQ(run.cursor(), "1000") << "the run's start at the most";
}

TEST(Slices, CursorDoesNotPassASliceThatIsNotComplete) {
    DrivenSync run{sliced(), {.cursor = at_second(100)}};
    run.start();
    run.read(page({{1, 950}}));
    EXPECT_EQ(run.cursor(), "400") << "the upstream gave more than it was asked for";
}

// ---------------------------------------------------------------- bounds

TEST(Bounds, ExclusiveOnesAreWidenedByTheGranularity) {
    DrivenSync run{sliced([](Stream& stream) {
                       stream.cursor->exclusive = true;
                       stream.cursor->granularity = std::chrono::seconds(10);
                   }),
                   {.cursor = at_second(105)}};
    EXPECT_EQ(run.start(), "fetch /items?from=90&to=420");
}

TEST(Bounds, CursorOlderThanTheRetentionIsFollowedByAFullRead) {
    DrivenSync run{source_with(kUnordered, [](Stream& stream) { stream.cursor->retention = std::chrono::seconds(300); }), {.cursor = at_second(100)}};
    EXPECT_EQ(run.start(), "fetch /items");
    EXPECT_NE(run.read(page({{1, 900}})).find("older than the upstream's retention"), std::string::npos);
}

TEST(Bounds, LookbackDoesNotReachBehindTheRetention) {
    DrivenSync run{source_with(kUnordered,
                               [](Stream& stream) {
                                   stream.cursor->retention = std::chrono::seconds(300);
                                   stream.cursor->lookback = at_second(100);
                               }),
                   {.cursor = at_second(750)}};
    EXPECT_EQ(run.start(), "fetch /items?from=700");
}

TEST(Bounds, IgnoredFilterIsNoticed) {
    constexpr std::int64_t kDay = 86'400;
    DrivenSync run{source_with(kUnordered, [](Stream&) {}), {.cursor = at_second(3 * kDay)}};
    run.now = second(4 * kDay);
    run.start();
    EXPECT_NE(run.read(page({{1, 10}, {2, 3 * kDay + 5}})).find("ignore the lower bound"), std::string::npos);
}

TEST(Bounds, PageInTheFarFutureStopsTheRun) {
    DrivenSync run{source_with(kUnordered, [](Stream&) {}), {.cursor = at_second(10)}};
    run.start();
    EXPECT_EQ(run.answer(page({{1, 9'000'000}, {2, 9'000'001}})), "fail cursor_insane");
    EXPECT_EQ(run.cursor(), "10");
}

TEST(Bounds, OpaqueCursorIsSentAsItWasFound) {
    const auto opaque = [](Stream& stream) { stream.cursor->type = Cursor::Type::opaque; };
    DrivenSync run{source_with(kUnordered, opaque), {.opaque = "tok1"}};
    EXPECT_EQ(run.start(), "fetch /items?from=tok1");
    run.read(R"({"data": [{"id": 1, "at": "x"}, {"id": 2, "at": "tok2"}]})");
    EXPECT_EQ(run.committed.opaque, "tok2");
}

// ---------------------------------------------------------------- rescans

TEST(Rescan, WidestTierThatIsDueIsRead) {
    const auto tiers = [](Stream& stream) {
        stream.rescan = {{.every = {std::chrono::seconds(60)}, .lookback = {std::chrono::seconds(200)}},
                         {.every = {std::chrono::seconds(600)}, .lookback = {std::chrono::seconds(500)}}};
    };
    const auto from = [&](std::int64_t first_due, std::int64_t second_due) {
        DrivenSync run{source_with(kUnordered, tiers), {.cursor = at_second(990), .kept = {.rescan_due = {second(first_due), second(second_due)}}}};
        return run.start();
    };
    EXPECT_EQ(from(1001, 1001), "fetch /items?from=990");
    EXPECT_EQ(from(1000, 1001), "fetch /items?from=800");
    EXPECT_EQ(from(1000, 1000), "fetch /items?from=500");
    DrivenSync run{source_with(kUnordered, tiers), {.cursor = at_second(990), .kept = {.rescan_due = {second(900), second(900)}}}};
    run.start();
    run.read(page({{1, 600}}));
    EXPECT_EQ(run.cursor(), "990") << "old rows do not move the cursor";
    EXPECT_EQ(run.committed.kept.rescan_due, (std::vector{second(1060), second(1600)})) << "the narrow one is done with the wide one";
}

// ---------------------------------------------------------------- rules and conditional requests

TEST(Rules, EachActionDoesWhatItSays) {
    const auto after = [](Do action, const Response& response) {
        DrivenSync run{source_with("", [&](Stream& stream) { stream.responses = {{.condition = Condition{.path = *Path::parse("$.e"), .exists = true}, .action = action}}; }), {}};
        run.start();
        return run.answer(response);
    };
    const Response odd = answer(R"({"e": 1, "data": [{"id": 1}]})");
    EXPECT_EQ(after(Do::ok, answer(R"({"e": 1, "data": [{"id": 1}]})", 418)), "apply 1, last");
    EXPECT_EQ(after(Do::empty, odd), "apply, last");
    EXPECT_EQ(after(Do::retry, odd), "fail server_error");
    EXPECT_EQ(after(Do::rate_limited, odd), "fail rate_limited");
    EXPECT_EQ(after(Do::reauth, odd), "fail needs_reauth");
    EXPECT_EQ(after(Do::fail, odd), "fail http_error");
    EXPECT_EQ(after(Do::retry, answer(R"({"data": []})")), "apply, last") << "where none applies, the built-in ones do";
}

TEST(Rules, AnswerThatIsNoJsonIsOneText) {
    const Condition busy{.path = *Path::parse("$"), .contains = "too many"};
    DrivenSync run{source_with("", [&](Stream& stream) { stream.responses = {{.condition = busy, .action = Do::rate_limited}}; }), {}};
    run.start();
    EXPECT_EQ(run.answer(answer("<p>too many requests</p>", 503)), "fail rate_limited");
}

TEST(Rules, ShrinkPageHalvesTheSizeForThisRequest) {
    DrivenSync run{source_with("",
                               [](Stream& stream) {
                                   stream.pagination.size = 100;
                                   stream.params = {{"n", {*Text::parse("{page.size}")}}};
                                   stream.responses = {{.status = {500}, .action = Do::shrink_page}};
                               }),
                   {}};
    EXPECT_EQ(run.start(), "fetch /items?n=100");
    EXPECT_EQ(run.answer(answer("{}", 500)), "fetch /items?n=50");
    EXPECT_EQ(run.answer(answer("{}", 500)), "fetch /items?n=25");
    EXPECT_EQ(run.read(page({{1, 1}}, "b")), "fetch /items?n=100&after=b");
}

TEST(Rules, ResetPaginationBeginsTheSliceAnew) {
    DrivenSync run{source_with(kUnordered, [](Stream& stream) { stream.responses = {{.status = {409}, .action = Do::reset_pagination}}; }), {}};
    run.start();
    run.read(page({{1, 1}}, "b"));
    EXPECT_EQ(run.answer(answer("{}", 409)), "fetch /items");
    for (int i = 0; i < 2; ++i) {
        run.read(page({{1, 1}}, "b"));
        EXPECT_EQ(run.answer(answer("{}", 409)), "fetch /items");
    }
    run.read(page({{1, 1}}, "b"));
    EXPECT_EQ(run.answer(answer("{}", 409)), "fail page_token_expired") << "three times is enough";
}

TEST(Conditional, NotModifiedEndsTheRunWithNothing) {
    const auto etags = [](Stream& stream) { stream.conditional = Stream::Conditional::etag; };
    DrivenSync first{source_with("", etags), {}};
    first.start();
    first.answer(answer(page({{1, 1}}), 200, {{"ETag", "\"v1\""}}));
    first.commit();
    Source source = source_with("", etags);
    source.streams.front().incremental = true;
    DrivenSync second{std::move(source), first.committed};
    second.start();
    EXPECT_EQ(header_of(second.fetch().request, "If-None-Match"), "\"v1\"");
    EXPECT_EQ(second.answer(answer("", 304)), "apply, last");
}

TEST(Conditional, ListOfSeveralPagesIsNotJudgedByItsFirst) {
    Source source = source_with("", [](Stream& stream) { stream.conditional = Stream::Conditional::etag; });
    DrivenSync run{std::move(source), {}};
    run.start();
    run.answer(answer(page({{1, 1}}, "b"), 200, {{"ETag", "\"v1\""}}));
    run.commit();
    EXPECT_TRUE(run.committed.kept.validator.empty());
}

// ---------------------------------------------------------------- drift

Source numbered(Pagination::Type type, Pagination::Drift drift) {
    Source source = source_of(R"("records": "$.data", "pagination": {"type": "offset", "size": 2, "inject": {"in": "query", "name": "o"}})", kNoAuth);
    Pagination& pagination = source.streams.front().pagination;
    pagination.type = type;
    pagination.start = type == Pagination::Type::page ? 1 : 0;
    pagination.drift = drift;
    return source;
}

TEST(Drift, OffsetOverlapGoesBackWhenRowsHaveMovedUp) {
    DrivenSync run{numbered(Pagination::Type::offset, Pagination::Drift::overlap), {}};
    EXPECT_EQ(run.start(), "fetch /items?o=0");
    EXPECT_EQ(run.read(page({{1, 0}, {2, 0}})), "fetch /items?o=1");
    EXPECT_EQ(run.read(page({{2, 0}, {3, 0}})), "fetch /items?o=2");
    EXPECT_EQ(run.read(page({{5, 0}, {6, 0}})), "fetch /items?o=0") << "row 3 is no longer where it was: something may have slipped past";
    EXPECT_EQ(run.read(page({{3, 0}, {4, 0}})), "fetch /items?o=1");
    EXPECT_EQ(run.read(page({{4, 0}, {5, 0}})), "fetch /items?o=2");
    EXPECT_EQ(run.read(page({{5, 0}})), "done: 6 requests");
}

TEST(Drift, PageOverlapReadsThePageBeforeOnceMore) {
    DrivenSync run{numbered(Pagination::Type::page, Pagination::Drift::overlap), {}};
    EXPECT_EQ(run.start(), "fetch /items?o=1");
    EXPECT_EQ(run.read(page({{1, 0}, {2, 0}})), "fetch /items?o=2");
    EXPECT_EQ(run.read(page({{4, 0}})), "fetch /items?o=1") << "row 3 may have moved there";
    EXPECT_EQ(run.read(page({{2, 0}, {3, 0}})), "done: 3 requests");
}

TEST(Drift, ChangedTotalRestartsTheSlice) {
    Source source = numbered(Pagination::Type::page, Pagination::Drift::restart_slice);
    source.streams.front().pagination.total = *Path::parse("$.total");
    DrivenSync run{std::move(source), {}};
    run.start();
    EXPECT_EQ(run.read(R"({"data": [{"id": 1}, {"id": 2}], "total": 5})"), "fetch /items?o=2");
    EXPECT_EQ(run.read(R"({"data": [{"id": 4}, {"id": 5}], "total": 4})"), "fetch /items?o=1");
}

// ---------------------------------------------------------------- pipelining

TEST(Pipeline, NextRequestLeavesBeforeThePageIsWritten) {
    DrivenSync run{source_with("", [](Stream&) {}), {}};
    run.start();
    run.answer(page({{1, 1}}, "b"));
    ASSERT_TRUE(run.apply().next);
    EXPECT_TRUE(run.apply().next->request.url.ends_with("after=b"));
}

TEST(Pipeline, FailureWaitsForThePagesBeforeIt) {
    DrivenSync run{source_with("", [](Stream&) {}), {}};
    run.start();
    run.answer(page({{1, 1}}, "b"));
    const State first = run.apply().state;
    EXPECT_EQ(run.answer(answer("", 500)), "await");
    run.committed = first;
    EXPECT_EQ(run.applied(), "fail server_error");
    EXPECT_EQ(run.committed.read->page.token, "b");
}

TEST(Pipeline, RefusedPageMakesAllAfterItVoid) {
    DrivenSync run{source_with(kOldestFirst, [](Stream&) {}), {}};
    run.start();
    run.answer(page({{1, 1}}, "b"));
    run.answer(page({{2, 2}}, "c"));
    EXPECT_EQ(run.refuse(Code::target_busy), "fail target_busy");
    EXPECT_EQ(run.cursor(), "none");
}

}  // namespace
}  // namespace upstream::core::test
