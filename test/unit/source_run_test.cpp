// What a run reads: cursors, slices, tiers, parents, partitions, schedules.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::one;
using test::problems_of;
using test::source_of;

const std::string kItems = "$.streams.items";

// A stream whose cursor asks a server for a window, with further members of the cursor.
std::string windowed(const std::string& cursor) {
    return R"("params": {"from": "{cursor.start}", "to": "{cursor.end}"}, "cursor": {"field": "at", "type": "timestamp", )" + cursor + "}";
}

Cursor cursor_of(const std::string& members) { return *source_of(windowed(members)).streams[0].cursor; }

TEST(SourceCursor, HasEveryKey) {
    const Cursor cursor = cursor_of(R"("order": "unknown", "initial": "90 days ago", "end": "2 minutes ago", "lookback": "15 minutes", "step": "6 hours",
        "advance_to": "slice_end", "boundary": "exclusive", "granularity": "1 second", "retention": "30 days")");
    EXPECT_EQ(cursor.filter, Cursor::Filter::server);
    EXPECT_EQ(cursor.initial->source(), "90 days ago");
    EXPECT_EQ(cursor.end->source(), "2 minutes ago");
    EXPECT_EQ(cursor.lookback, Duration(15min).count());
    EXPECT_EQ(cursor.step, 6h);
    EXPECT_TRUE(cursor.advance_to_slice_end);
    EXPECT_TRUE(cursor.exclusive);
    EXPECT_EQ(cursor.granularity, 1s);
    EXPECT_EQ(cursor.retention, std::chrono::days(30));
}

TEST(SourceCursor, IntervalsMayBeSettings) {
    const Source source = source_of(windowed(R"("initial": "{account.since}", "lookback": "{account.span}", "step": "{account.span}", "retention": "{account.span}")") +
                                        R"(, "every": "{account.span}")",
                                    R"("auth": {"type": "none"}, "account": {"properties": {"since": {"format": "date"}, "span": {"format": "interval"}}})");
    const Stream& stream = source.streams[0];
    EXPECT_EQ(stream.cursor->lookback_from->source(), "{account.span}");
    EXPECT_EQ(stream.cursor->lookback, 0);
    EXPECT_EQ(stream.cursor->step_from->source(), "{account.span}");
    EXPECT_FALSE(stream.cursor->step);
    EXPECT_EQ(stream.cursor->retention_from->source(), "{account.span}");
    EXPECT_EQ(stream.every_from->source(), "{account.span}");
}

TEST(SourceCursor, TheLargestOfSeveralMayLieInAList) {
    const Stream stream = source_of(R"("cursor": {"field": {"max_of": ["parts[*].at", "at"]}, "type": "timestamp", "order": "asc"})").streams[0];
    ASSERT_EQ(stream.cursor->max_of.size(), 2U);
    EXPECT_TRUE(stream.cursor->max_of[0].has_wildcard());
}

TEST(SourceCursor, WithoutAFieldItFollowsItsSlices) {
    const Stream stream = source_of(R"("params": {"from": "{cursor.start}"}, "cursor": {"type": "date", "advance_to": "slice_end"})").streams[0];
    EXPECT_TRUE(stream.cursor->advance_to_slice_end);
    EXPECT_EQ(stream.cursor->granularity, std::chrono::days(1));
}

TEST(SourceCursor, OpaqueValuesAreOnlySent) {
    const Stream stream = source_of(R"("params": {"t": "{cursor.start|url}"}, "cursor": {"field": "token", "type": "opaque", "order": "desc", "initial": "begin"})").streams[0];
    EXPECT_EQ(stream.cursor->type, Cursor::Type::opaque);
    EXPECT_EQ(stream.cursor->initial->source(), "begin");
    EXPECT_EQ(stream.cursor->lookback, 0);
    EXPECT_EQ(problems_of(R"("cursor": {"field": "token", "type": "opaque", "order": "asc"})"),
              one(kItems + R"(.cursor: a cursor of type "opaque" needs a server that filters, because its values cannot be compared)"));
    EXPECT_EQ(problems_of(R"("params": {"t": "{cursor.start|iso}"}, "cursor": {"field": "token", "type": "opaque", "order": "asc"})"),
              one(kItems + R"(.params.t: a cursor of type "opaque" takes no format)"));
    EXPECT_EQ(problems_of(R"("params": {"t": "{cursor.start}"}, "cursor": {"field": "token", "type": "opaque", "order": "asc", "lookback": "1 day"})"),
              one(kItems + R"(.cursor.lookback: a cursor of type "opaque" cannot look back)"));
}

TEST(SourceCursor, IntegersLookBackByANumberOrASetting) {
    const Source source = source_of(R"("params": {"t": "{cursor.start}"}, "cursor": {"field": "id", "type": "integer", "initial": "{account.first}", "lookback": "{account.back}"})",
                                    R"("auth": {"type": "none"}, "account": {"properties": {"first": {"type": "integer"}, "back": {"type": "integer"}}})");
    EXPECT_EQ(source.streams[0].cursor->initial->source(), "{account.first}");
    EXPECT_EQ(source.streams[0].cursor->lookback_from->source(), "{account.back}");
    EXPECT_EQ(problems_of(R"("params": {"t": "{cursor.start}"}, "cursor": {"field": "id", "type": "integer", "step": "1 day"})"),
              one(kItems + R"(.cursor.step: a cursor of type "integer" has no "step")"));
    EXPECT_EQ(problems_of(R"("params": {"t": "{cursor.start}"}, "cursor": {"field": "id", "type": "integer", "advance_to": "slice_end"})"),
              one(kItems + R"(.cursor.advance_to: only a cursor of type "timestamp" or "date" can advance to the end of its slice)"));
}

TEST(SourceCursor, SlicesHaveAnEndAndABeginning) {
    EXPECT_EQ(problems_of(R"("params": {"from": "{cursor.start}"}, "cursor": {"field": "at", "type": "timestamp", "initial": "2024-01-01", "step": "1 day"})"),
              one(kItems + R"(.cursor.step: "step" needs {cursor.end} in the request)"));
    EXPECT_EQ(problems_of(windowed(R"("step": "1 day")")), one(kItems + R"(.cursor.step: "step" needs "initial", because slices begin somewhere)"));
}

TEST(SourceFormats, HaveNamesOfTheirOwn) {
    EXPECT_EQ(problems_of(R"("params": {"from": "{cursor.start|sql}"}, "cursor": {"field": "at", "type": "timestamp", "format": "sql"})",
                          R"("formats": {"sql": "YYYY-MM-DD HH24:MI:SS"})"),
              std::vector<std::string>{});
    EXPECT_EQ(problems_of(R"("params": {"from": "{cursor.start|sq}"}, "cursor": {"field": "at", "type": "timestamp"})", R"("formats": {"sql": "YYYY-MM-DD"})"),
              one(kItems + R"(.params.from: unknown format "sq")"));
    EXPECT_EQ(problems_of("", R"("formats": {"Sql": "YYYY"})"), one(R"($.formats.Sql: "Sql" is not a valid name)"));
}

TEST(SourceRescan, TiersHaveSchedulesOfTheirOwn) {
    const Stream stream = source_of(windowed(R"("lookback": "5 minutes")") + R"(, "rescan": [{"every": "1 hour", "lookback": "2 days"}, {"every": "1 day", "lookback": "1 month"}])").streams[0];
    ASSERT_EQ(stream.rescan.size(), 2U);
    EXPECT_EQ(stream.rescan[0].every.span, 1h);
    EXPECT_EQ(stream.rescan[1].lookback.span, std::chrono::days(31));
    EXPECT_EQ(problems_of(R"("rescan": [{"every": "1 hour", "lookback": "2 days"}])"),
              one(kItems + R"(.rescan: "rescan" needs a cursor, because it looks back behind it)"));
}

TEST(SourceParent, ATableHasEveryKey) {
    const Stream stream = source_of(R"("params": {"ids": "{parents.id|csv}"}, "parent": {"table": "app.shipments", "key": {"id": "shipment_id"}, "where": "done < {run.started_at}",
        "order_by": "read_at", "limit": 500, "batch_size": 25, "only_changed": "changed_at", "touch": "read_at"})").streams[0];
    const Parent& parent = *stream.parent;
    EXPECT_EQ(parent.table, "app.shipments");
    EXPECT_EQ(parent.key.at(0), (std::pair<std::string, std::string>{"id", "shipment_id"}));
    EXPECT_EQ(parent.where->source(), "done < {run.started_at}");
    EXPECT_EQ(parent.order_by, "read_at");
    EXPECT_EQ(parent.limit, 500);
    EXPECT_EQ(parent.batch_size, 25);
    EXPECT_EQ(parent.only_changed, "changed_at");
    EXPECT_EQ(parent.touch, "read_at");
    EXPECT_TRUE(stream.is_partitioned());
}

TEST(SourceParent, IsAStreamOrATable) {
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", "parent": {"table": "a", "stream": "b", "key": {"id": "id"}})"),
              one(kItems + ".parent: a parent is a stream or a table, not both"));
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", "parent": {"key": {"id": "id"}})"), one(kItems + R"(.parent: a parent needs "stream" or "table")"));
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", "parent": {"stream": "item", "key": {"id": "id"}})"), one(kItems + R"(.parent.stream: no stream "item")"));
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", "parent": {"stream": "items", "key": {"id": "id"}})"), one(kItems + R"(.parent.stream: stream "items" is its own parent)"));
}

TEST(SourceParent, ChainsHaveNoCycle) {
    const std::string problem = R"($.streams.a.parent.stream: stream "a" is its own parent)";
    const std::vector<std::string> told = problems_of("", R"("streams": {"a": {"path": "/{parent.id}", "parent": {"stream": "b", "key": {"id": "id"}}, "target": "a", "primary_key": ["id"]},
        "b": {"path": "/{parent.id}", "parent": {"stream": "a", "key": {"id": "id"}}, "target": "b", "primary_key": ["id"]}})");
    EXPECT_EQ(told.size(), 2U);
    EXPECT_EQ(told.at(0), problem);
}

TEST(SourceParent, ARequestNamesItsRowOrItsRows) {
    const std::string table = R"("parent": {"table": "t", "key": {"id": "id"})";
    EXPECT_EQ(problems_of(table + "}"), one(kItems + ".parent: every request would be the same, because none names its parent"));
    EXPECT_EQ(problems_of(R"("path": "/{parents.id|csv}", )" + table + "}"), one(kItems + R"(.path: {parents.id} needs "batch_size" in "parent")"));
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", )" + table + R"(, "batch_size": 5})"),
              one(kItems + ".path: {parent.id} has no value, because a request is for a batch of rows"));
    EXPECT_EQ(problems_of(R"("path": "/{parents.id}", )" + table + R"(, "batch_size": 5})"), one(kItems + ".path: {parents.id} is a list"));
    EXPECT_EQ(problems_of(R"("method": "POST", "body": {"ids": "{parents.id}"}, )" + table + R"(, "batch_size": 5})"), std::vector<std::string>{});
    EXPECT_EQ(problems_of(R"("path": "/{parent.i}", )" + table + "}"), one(kItems + R"(.path: "parent.key" has no "i")"));
    EXPECT_EQ(problems_of(R"("path": "/{parent.id}", )" + table + R"(, "where": "x = {partition.a}"})"), one(kItems + ".parent.where: {partition.a} is not allowed in parent.where"));
}

TEST(SourcePartitions, AreListsOrSettingsThatAre) {
    const Source source = source_of(R"("path": "/{partition.region}/{partition.board}", "partitions": {"region": ["eu", 1, true], "board": "{account.boards}"})",
                                    R"("auth": {"type": "none"}, "account": {"properties": {"boards": {"type": "array"}}})");
    ASSERT_EQ(source.streams[0].partitions.size(), 2U);
    EXPECT_EQ(source.streams[0].partitions[0].values, (std::vector<std::string>{"eu", "1", "true"}));
    EXPECT_EQ(source.streams[0].partitions[1].from->source(), "{account.boards}");
}

TEST(SourcePartitions, MistakesAreTold) {
    EXPECT_EQ(problems_of(R"("path": "/{partition.r}", "partitions": {"r": ["a", "a"]})"), one(kItems + ".partitions.r[1]: is stated twice"));
    EXPECT_EQ(problems_of(R"("path": "/{partition.r}", "partitions": {"r": "eu"})"),
              one(kItems + ".partitions.r: must be an array, or the placeholder of an account setting that is one"));
    EXPECT_EQ(problems_of(R"("path": "/{partition.s}", "partitions": {"r": ["a"]})"),
              (std::vector<std::string>{kItems + R"(.path: no partition "s")", "~" + kItems + ".partitions.r: the same is read for each value, because {partition.r} is not sent"}));
}

TEST(SourceSchedule, TimesOfDayAndCronLines) {
    EXPECT_EQ(source_of(R"("at": "06:00, 18:30")").streams[0].at, "06:00, 18:30");
    EXPECT_EQ(problems_of(R"("at": "noon")"), one(kItems + R"(.at: "noon" is not a schedule)"));
}

}  // namespace
}  // namespace upstream::core
