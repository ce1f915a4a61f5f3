// Cursor values: read from records, kept as text, sent as bounds.
#include "core/cursor.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;
using test::parse;
using test::position;

Cursor cursor_of(const std::string& members) { return *test::source_of("\"cursor\": {" + members + "}").streams.front().cursor; }

const std::string kTimestamp = R"("field": "updated_at", "type": "timestamp")";
const std::string kDate = R"("field": "day", "type": "date")";
const std::string kInteger = R"("field": "version", "type": "integer")";

TEST(ReadPosition, ReadsWhatUpstreamsWrite) {
    struct Case {
        std::string cursor, record, expected;
    };
    const std::vector<Case> cases{
        {kTimestamp, R"({"updated_at": "2026-01-02T03:04:05.678901Z"})", "2026-01-02T03:04:05.678901Z"},
        {kTimestamp, R"({"updated_at": "2026-01-02T05:04:05+02:00"})", "2026-01-02T03:04:05Z"},
        {kTimestamp + R"(, "format": "epoch")", R"({"updated_at": 1767323045})", "2026-01-02T03:04:05Z"},
        {kTimestamp + R"(, "format": "epoch")", R"({"updated_at": "1767323045"})", "2026-01-02T03:04:05Z"},
        {kTimestamp + R"(, "format": "epoch_ms")", R"({"updated_at": 1767323045678})", "2026-01-02T03:04:05.678Z"},
        {kDate, R"({"day": "2026-01-02"})", "2026-01-02"},
        {kDate, R"({"day": "2026-01-02T03:04:05Z"})", "2026-01-02"},
        {kInteger, R"({"version": 42})", "42"},
        {kInteger, R"({"version": "42"})", "42"},
        {kInteger, R"({"version": -9223372036854775808})", "-9223372036854775808"},
        {R"("field": "meta.at", "type": "timestamp")", R"({"meta": {"at": "2026-01-02"}})", "2026-01-02T00:00:00Z"},
    };
    for (const Case& c : cases) {
        const Cursor cursor = cursor_of(c.cursor);
        const auto record = parse(c.record);
        const auto read = read_position(cursor, record.root());
        ASSERT_TRUE(read && *read) << c.record;
        EXPECT_EQ(to_text(cursor.type, **read), c.expected) << c.record;
    }
}

TEST(ReadPosition, ARecordMayHaveNone) {
    const Cursor cursor = cursor_of(kTimestamp);
    for (const char* record : {R"({})", R"({"updated_at": null})", R"({"created_at": "2026-01-02"})"}) {
        const auto document = parse(record);
        const auto read = read_position(cursor, document.root());
        ASSERT_TRUE(read) << record;
        EXPECT_FALSE(*read) << record;
    }
}

TEST(ReadPosition, WhatCannotBeReadIsAnErrorThatNamesTheField) {
    struct Case {
        std::string cursor, record;
    };
    const std::vector<Case> cases{
        {kTimestamp, R"({"updated_at": "yesterday"})"},
        {kTimestamp, R"({"updated_at": ""})"},
        {kTimestamp, R"({"updated_at": true})"},
        {kTimestamp, R"({"updated_at": {"at": "2026-01-02"}})"},
        {kTimestamp, R"({"updated_at": 1767323045})"},
        {kInteger, R"({"version": 1.5})"},
        {kInteger, R"({"version": "12 "})"},
        {kInteger, R"({"version": 9223372036854775808})"},
    };
    for (const Case& c : cases) {
        const Cursor cursor = cursor_of(c.cursor);
        const auto record = parse(c.record);
        const auto read = read_position(cursor, record.root());
        ASSERT_EQ(test::code_of(read), "decode") << c.record;
        EXPECT_NE(read.error().message.find('"' + cursor.field.text() + '"'), std::string::npos) << read.error().message;
    }
}

TEST(PositionText, GoesThereAndBack) {
    using Type = Cursor::Type;
    for (const Position position : {Position{0}, Position{-1}, position("2026-01-02T03:04:05.000006Z"), position("0001-01-01")})
        EXPECT_EQ(from_text(Type::timestamp, to_text(Type::timestamp, position)), position);
    for (const Position position : {std::numeric_limits<Position>::min(), Position{0}, std::numeric_limits<Position>::max()})
        EXPECT_EQ(from_text(Type::integer, to_text(Type::integer, position)), position);
    EXPECT_EQ(from_text(Type::date, to_text(Type::date, position("2026-01-02"))), position("2026-01-02"));
}

TEST(PositionText, AcceptsWhatAPersonTypes) {
    EXPECT_EQ(from_text(Cursor::Type::timestamp, "2026-01-02"), position("2026-01-02T00:00:00Z"));
    EXPECT_EQ(from_text(Cursor::Type::timestamp, "2026-01-02 03:04"), position("2026-01-02T03:04:00Z"));
    EXPECT_EQ(from_text(Cursor::Type::timestamp, "soon"), std::nullopt);
    EXPECT_EQ(from_text(Cursor::Type::integer, "2026-01-02"), std::nullopt);
    EXPECT_EQ(from_text(Cursor::Type::integer, ""), std::nullopt);
}

TEST(RenderBound, WritesTheNamedFormatOrTheCursorsOwn) {
    struct Case {
        std::string cursor, format, expected;
    };
    const std::vector<Case> cases{
        {kTimestamp, "", "2026-01-02T03:04:05.678901Z"},
        {kTimestamp, "iso_ms", "2026-01-02T03:04:05.678Z"},
        {kTimestamp, "date", "2026-01-02"},
        {kTimestamp + R"(, "format": "epoch")", "", "1767323045"},
        {kTimestamp + R"(, "format": "epoch")", "iso", "2026-01-02T03:04:05.678901Z"},
        {kDate, "", "2026-01-02"},
        {kDate, "iso", "2026-01-02T03:04:05.678901Z"},
    };
    const Position when = position("2026-01-02T03:04:05.678901Z");
    for (const Case& c : cases) EXPECT_EQ(render_bound(cursor_of(c.cursor), when, time_format(c.format), Round::down), c.expected) << c.cursor << c.format;
    EXPECT_EQ(render_bound(cursor_of(kInteger), 42, TimeFormat::iso, Round::down), "42");
}

TEST(RenderBound, RoundsAwayFromTheWindowSoThatNothingFallsBetween) {
    const Cursor cursor = cursor_of(kTimestamp + R"(, "format": "epoch")");
    EXPECT_EQ(render_bound(cursor, 1'500'000, {}, Round::down), "1");
    EXPECT_EQ(render_bound(cursor, 1'500'000, {}, Round::up), "2");
    EXPECT_EQ(render_bound(cursor, 2'000'000, {}, Round::up), "2");
}

TEST(LookBack, SubtractsTheSpecsSpan) {
    const Cursor hour = cursor_of(kTimestamp + R"(, "lookback": "1 hour")");
    EXPECT_EQ(look_back(hour, position("2026-01-02T03:00:00Z")), position("2026-01-02T02:00:00Z"));
    const Cursor ten = cursor_of(kInteger + R"(, "lookback": 10)");
    EXPECT_EQ(look_back(ten, 42), 32);
    EXPECT_EQ(look_back(ten, 5), -5);
}

TEST(LookBack, StopsAtTheLeastPosition) {
    constexpr Position kLeast = std::numeric_limits<Position>::min();
    const Cursor ten = cursor_of(kInteger + R"(, "lookback": 10)");
    EXPECT_EQ(look_back(ten, kLeast), kLeast);
    EXPECT_EQ(look_back(ten, kLeast + 9), kLeast);
    EXPECT_EQ(look_back(ten, kLeast + 10), kLeast);
}

}  // namespace
}  // namespace upstream::core
