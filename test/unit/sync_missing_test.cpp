// Deletions by absence: when a run says that what it has not met is gone.
#include "core/sync.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/driven_sync.hpp"

namespace upstream::core::test {
namespace {

const std::string kMissing = R"(, "primary_key": ["id"], "deletes": {"mode": "missing"})";

TEST(Missing, IsLookedForAfterTheLastPage) {
    DrivenSync run{stream_of() + kMissing};
    run.start();
    EXPECT_EQ(run.read(page({{1, 10}}, "b")), "fetch /items?after=b");
    run.answer(page({{2, 20}}));
    EXPECT_FALSE(run.apply().last);
    EXPECT_FALSE(run.apply().sweeps);
    EXPECT_EQ(run.commit(), "apply, last");
    EXPECT_TRUE(run.apply().sweeps);
    EXPECT_EQ(run.commit(), "done: 2 requests");
    EXPECT_FALSE(run.committed.reading());
}

TEST(Missing, IsLookedForAfterACrashWithoutAnotherRequest) {
    DrivenSync run{stream_of() + kMissing};
    run.start();
    run.read(page({{1, 10}}));
    DrivenSync again{stream_of() + kMissing, kNoAuth, run.committed};
    EXPECT_EQ(again.start(), "apply, last");
    EXPECT_TRUE(again.apply().sweeps);
}

TEST(Missing, ThatIsTooMuchLetsTheNextRunReadEverything) {
    DrivenSync run{stream_of() + kMissing};
    run.start();
    run.read(page({{1, 10}}));
    EXPECT_EQ(run.refuse(Code::too_many_missing, Refused::From::run), "fail too_many_missing");
    EXPECT_FALSE(run.committed.reading());
}

TEST(Missing, IsNotLookedForByARunThatBeginsAtTheCursor) {
    DrivenSync run{stream_of(kNewestFirst) + kMissing, kNoAuth, State{.cursor = at_second(20)}};
    run.start();
    run.answer(page({{2, 30}, {1, 10}}, "b"));
    EXPECT_TRUE(run.apply().last);
    EXPECT_FALSE(run.apply().sweeps);
    State full{.cursor = at_second(20), .full_refresh = true};
    DrivenSync all{stream_of(kNewestFirst) + kMissing, kNoAuth, full};
    all.start();
    EXPECT_EQ(all.read(page({{2, 30}, {1, 10}})), "apply, last");
    EXPECT_TRUE(all.apply().sweeps);
}

TEST(Missing, IsNotLookedForIfAPartitionWasLeftOut) {
    Source source = source_of(stream_of() + kMissing, kNoAuth);
    Stream& stream = source.streams.front();
    stream.partitions = {{.name = "board", .values = {"a", "b"}}};
    stream.path = *Text::parse("/boards/{partition.board}");
    stream.responses = {{.status = {403}, .action = ResponseRule::Do::skip_partition}};
    const auto part = [](const std::string& board) {
        const Words lists{{"board", board}};
        return Part{.values = {.lists = lists}, .ids = {partition_id({}, lists)}};
    };
    DrivenSync run{std::move(source), {}};
    run.start();
    run.find({part("a"), part("b")});
    run.read(page({{1, 10}}));
    run.answer(answer("", 403));
    run.commit();
    EXPECT_EQ(run.find({}), "apply, last");
    EXPECT_FALSE(run.apply().sweeps);
    EXPECT_EQ(run.apply().notice, "a list was left out: rows that are gone were not looked for");
}

TEST(Missing, IsNotLookedForAfterACrashEither) {
    Progress read{.started_at = second(900), .full = true, .incomplete = true, .part = Part{}};
    const auto again = progress_from_json(to_json(read, Cursor::Type::integer), Cursor::Type::integer);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->incomplete);
    read.read_all = true;
    EXPECT_TRUE(progress_from_json(to_json(read, Cursor::Type::integer), Cursor::Type::integer)->read_all);
}

}  // namespace
}  // namespace upstream::core::test
