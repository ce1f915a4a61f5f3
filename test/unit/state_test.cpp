// What the database keeps of a run: it comes back from its JSON as it went in.
#include <gtest/gtest.h>

#include "core/state.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

TEST(State, ProgressComesBackAsItWentIn) {
    Progress progress;
    progress.started_at = at("2026-01-02T03:04:05.678901Z");
    progress.full = true;
    progress.tier = 0;
    progress.partitions = 7;
    progress.part = Part{.values = {.lists = {{"region", "e\"u"}}, .parents = {{{"id", "1"}}, {{"id", "2"}}}},
                         .ids = {"{1}", "{2}"},
                         .seen = {"x", std::nullopt},
                         .cursor = position("2026-01-01T00:00:01Z"),
                         .validator = {.url = "17", .value = "\"v\""}};
    progress.start = position("2026-01-01T00:00:00Z");
    progress.end = position("2026-01-02T00:00:00.5Z");
    progress.pending = position("2026-01-01T12:00:00Z");
    progress.page = {.token = "n", .pages_before = 3, .records_before = 30, .size = 5, .resume = "", .total = 9, .anchors = {~0ULL, 2}, .ahead = {1}};
    progress.slices = 2;
    progress.unsure = true;
    progress.notice = "look";
    for (const Cursor::Type type : {Cursor::Type::timestamp, Cursor::Type::date}) {
        const std::string json = to_json(progress, type);
        const auto back = progress_from_json(json, type);
        ASSERT_TRUE(back);
        EXPECT_EQ(to_json(*back, type), json);
        EXPECT_EQ(back->end, progress.end) << "a run's end lies within a day, also where the cursor is a date";
        EXPECT_EQ(back->part->seen, progress.part->seen);
        EXPECT_EQ(back->page.anchors, progress.page.anchors);
        EXPECT_EQ(back->page.resume, "");
    }
}

TEST(State, WhatIsKeptBetweenRunsComesBackToo) {
    const Kept kept{.rescan_due = {at("2026-01-02"), at("2026-01-03T00:00:00.000001Z")}, .validator = {.url = "1", .value = "v"}};
    const Kept back = kept_from_json(to_json(kept));
    EXPECT_EQ(back.rescan_due, kept.rescan_due);
    EXPECT_EQ(back.validator.value, "v");
    EXPECT_TRUE(kept_from_json("nonsense").rescan_due.empty());
}

}  // namespace
}  // namespace upstream::core::test
