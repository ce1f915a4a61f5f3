// Answers to rows: where the records are, what a column takes, and what the cursor may learn.
#include "core/decode.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::code_of;
using test::position;
using test::source_of;
using test::values_of;

using Strings = std::vector<std::string>;

Field field(const std::string& column, const std::vector<std::string>& paths) {
    Field made{.column = column};
    for (const std::string& path : paths) made.paths.push_back(*Path::parse(path));
    return made;
}

Result<Decoded> read(const std::string& stream, const Layout& layout, std::string body, std::optional<Position> ceiling = {}) {
    return decode(source_of(stream).streams.front(), layout, std::move(body), ceiling, {});
}

// Record, SQLSTATE, column, path, value and message of each record that was put aside.
Strings rejects_of(const Batch& batch) {
    Strings shown;
    for (const Reject& r : batch.rejects)
        shown.push_back(std::to_string(r.record + 1) + (r.list.empty() ? "" : " " + r.list) + " " + r.sqlstate + " " + r.column + " " + r.path + " " + r.value + ": " + r.message);
    return shown;
}

// What one column takes from one answer.
std::string values(const Field& field, const std::string& body, const std::string& stream = R"("records": "$.data")") {
    const std::vector<Field> fields{field};
    const auto page = read(stream, fields, body);
    if (!page) return code_of(page) + ": " + page.error().message;
    std::string joined;
    for (const std::string& value : values_of(page->batch, 0)) joined += (joined.empty() ? "" : " ") + value;
    return joined;
}

TEST(Records, AreFoundWhereTheSpecSays) {
    struct Case {
        std::string records, body, expected;
    };
    const std::vector<Case> cases{
        {"$", R"([{"id": 1}, {"id": 2}])", "1 2"},
        {"$.data", R"({"data": [{"id": 1}, {"id": 2}]})", "1 2"},
        {"$.data", R"({"data": []})", ""},
        {"$.data", R"({"data": null})", ""},
        {"$.data", R"({"data": {"id": 1}})", "1"},
        {"$.groups[*].rows[*]", R"({"groups": [{"rows": [{"id": 1}]}, {"rows": [{"id": 2}, {"id": 3}]}, {}]})", "1 2 3"},
        {"$.byName[*]", R"({"byName": {"a": {"id": 1}, "b": {"id": 2}}})", "1 2"},
    };
    for (const Case& c : cases) EXPECT_EQ(values(field("id", {"id"}), c.body, R"("records": ")" + c.records + "\""), c.expected) << c.body;
}

TEST(Records, AMissingListIsAnErrorSoThatAnErrorBodyIsNoEmptyList) {
    const auto page = read(R"("records": "$.data")", {field("id", {"id"})}, R"({"error": "try later"})");
    ASSERT_EQ(code_of(page), "shape");
    EXPECT_EQ(page.error().message, "the answer has no records at \"$.data\"");
    EXPECT_NE(page.error().detail.find("try later"), std::string::npos);
}

TEST(Records, AMissingListIsEmptyWhereTheSpecSaysSo) {
    const auto page = read(R"("records": "$.data", "records_missing": "empty")", {field("id", {"id"})}, R"({"page": 3})");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->records, 0U);
}

TEST(Records, WhatIsNoListIsAnError) {
    EXPECT_EQ(code_of(read(R"("records": "$.data")", {}, R"({"data": "none"})")), "shape");
    EXPECT_EQ(code_of(read(R"("records": "$.data")", {}, R"({"data": 0})")), "shape");
}

TEST(Body, HtmlIsAnErrorThatShowsItsBeginning) {
    const auto page = read(R"("records": "$.data")", {}, "<html><body>Down for maintenance</body></html>");
    ASSERT_EQ(code_of(page), "not_json");
    EXPECT_NE(page.error().detail.find("<html><body>Down for maintenance"), std::string::npos) << page.error().detail;
}

TEST(Body, CutShortOrEmptyIsAnError) {
    EXPECT_EQ(code_of(read("", {}, R"([{"id": 1}, {"id")")), "not_json");
    EXPECT_EQ(code_of(read("", {}, "")), "not_json");
}

TEST(Column, TakesTheFirstPathWithAValue) {
    EXPECT_EQ(values(field("at", {"updated_at", "created_at"}),
                     R"({"data": [{"updated_at": "b", "created_at": "a"}, {"updated_at": null, "created_at": "a"}, {"created_at": "a"}, {}]})"),
              "b a a null");
}

TEST(Column, KeepsANumbersDigits) {
    EXPECT_EQ(values(field("n", {"n"}), R"({"data": [{"n": 0.10000000000000000000001}, {"n": 12345678901234567890123}, {"n": 1.0}]})"),
              "0.10000000000000000000001 12345678901234567890123 1.0");
}

TEST(Column, OfTextTakesStringsDecodedAndObjectsAsTheyAre) {
    EXPECT_EQ(values(field("t", {"t"}), R"({"data": [{"t": "a\u00e9\n"}, {"t": true}, {"t": {"x": [1, 2]}}]})"), "aé\n true {\"x\": [1, 2]}");
}

TEST(Column, OfJsonKeepsTheQuotes) {
    Field json = field("j", {"j"});
    json.json = true;
    EXPECT_EQ(values(json, R"({"data": [{"j": "a"}, {"j": 1}, {"j": {"k": null}}, {"j": null}]})"), R"("a" 1 {"k": null} null)");
}

TEST(Column, AWildcardCollectsAList) {
    Field tags = field("tags", {"tags[*].name"});
    tags.json = true;
    EXPECT_EQ(values(tags, R"({"data": [{"tags": [{"name": "a"}, {"name": "b"}]}, {"tags": []}, {}]})"), R"(["a","b"] [] [])");
}

TEST(Column, MayReadTheEnvelopeOfItsPage) {
    EXPECT_EQ(values(field("shop", {"$.shop"}), R"({"shop": "main", "data": [{"id": 1}, {"id": 2}]})"), "main main");
}

TEST(Column, MayBeAConstant) {
    Field region{.column = "region", .value = Text::constant("eu")};
    EXPECT_EQ(values(region, R"({"data": [{"id": 1}, {"id": 2}]})"), "eu eu");
}

TEST(Column, MayTakeTheWholeRecord) {
    Field raw{.column = "raw", .whole = true};
    EXPECT_EQ(values(raw, R"({"data": [{"id" : 1,"n":1.50}]})"), R"({"id" : 1,"n":1.50})");
}

TEST(Column, TimesOfOtherFormatsBecomeIso) {
    Field made = field("at", {"at"});
    made.format = TimeFormat::epoch_ms;
    EXPECT_EQ(values(made, R"({"data": [{"at": 1767323045678}, {"at": "1767323045678"}, {"at": null}]})"),
              "2026-01-02T03:04:05.678Z 2026-01-02T03:04:05.678Z null");
    const auto page = read(R"("records": "$")", {made}, R"([{"at": 1}, {"at": "soon"}, {"at": 2}])");
    EXPECT_EQ(page->batch.rows, 2U);
    EXPECT_EQ(rejects_of(page->batch), (Strings{"2 22007 at at \"soon\": the time cannot be read"}));
}

TEST(Key, MustHaveAValue) {
    Field id = field("id", {"id"});
    id.key = true;
    EXPECT_EQ(values(id, R"({"data": [{"id": 1}, {"id": ""}]})"), "1 ");
    EXPECT_EQ(values(id, R"({"data": [{"id": 1}, {"id": null}, {"name": "x"}, {"id": 4}]})"), "1 4");
    const auto page = read(R"("records": "$")", {id}, R"([{"id": 1}, {"id": null}])");
    EXPECT_EQ(rejects_of(page->batch), (Strings{"2 23502 id id : the record has no value for key column \"id\""}));
    EXPECT_EQ(page->batch.page_records, 2U);
}

TEST(Batch, OutlivesTheBodyAndMayBeMoved) {
    Batch kept;
    {
        Field made = field("at", {"at"});
        made.format = TimeFormat::epoch;
        auto page = read("", {field("id", {"id"}), made}, R"([{"id": "a\u0041", "at": 0}, {"id": "b", "at": 1}])");
        ASSERT_TRUE(page);
        kept = std::move(page->batch);
    }
    EXPECT_EQ(kept.rows, 2U);
    EXPECT_EQ(values_of(kept, 0), (Strings{"aA", "b"}));
    EXPECT_EQ(values_of(kept, 1), (Strings{"1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"}));
}

const std::string kByVersion = R"("records": "$", "cursor": {"field": "v", "type": "integer"})";

TEST(Positions, AreLearntInPageOrder) {
    const auto page = read(kByVersion, {}, R"([{"v": 5}, {"v": 2}, {"other": 1}, {"v": 9}, {"v": 4}])");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->first, 5);
    EXPECT_EQ(page->last, 4);
    EXPECT_EQ(page->lowest, 2);
    EXPECT_EQ(page->highest, 9);
    EXPECT_EQ(page->records, 5U);
}

TEST(Positions, TellTheOrder) {
    struct Case {
        std::string body;
        bool ascending, descending;
    };
    const std::vector<Case> cases{{R"([{"v": 1}, {"v": 2}, {"v": 2}])", true, false},
                                  {R"([{"v": 2}, {"v": 2}, {"v": 1}])", false, true},
                                  {R"([{"v": 1}, {"v": 3}, {"v": 2}])", false, false},
                                  {R"([{"v": 1}, {}, {"v": 2}])", true, false},
                                  {R"([{"v": 1}])", true, true},
                                  {R"([])", true, true}};
    for (const Case& c : cases) {
        const auto page = read(kByVersion, {}, c.body);
        ASSERT_TRUE(page);
        EXPECT_EQ(page->ascending, c.ascending) << c.body;
        EXPECT_EQ(page->descending, c.descending) << c.body;
    }
}

TEST(Positions, AboveTheCeilingDoNotCountAsHighest) {
    const auto page = read(kByVersion, {}, R"([{"v": 12}, {"v": 10}, {"v": 7}])", 10);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->highest, 10);
    EXPECT_EQ(page->first, 12) << "for the order every record counts";
    EXPECT_EQ(read(kByVersion, {}, R"([{"v": 12}])", 10)->highest, std::nullopt);
}

TEST(Positions, ThatCannotBeReadPutTheirRecordAside) {
    const auto page = read(kByVersion, {field("v", {"v"})}, R"([{"v": 1}, {"v": "x"}, {"v": 3}])");
    ASSERT_TRUE(page);
    EXPECT_EQ(values_of(page->batch, 0), (Strings{"1", "3"}));
    EXPECT_EQ(page->batch.origin, (std::vector<std::size_t>{0, 2}));
    EXPECT_EQ(rejects_of(page->batch), (Strings{"2 22007  v \"x\": cursor field \"v\" cannot be read: \"x\""}));
    EXPECT_EQ(page->highest, 3);
}

TEST(Record, ThatIsNoObjectIsPutAside) {
    const auto page = read(R"("records": "$")", {field("id", {"id"})}, R"([{"id": 1}, 7, {"id": 3}])");
    EXPECT_EQ(values_of(page->batch, 0), (Strings{"1", "3"}));
    EXPECT_EQ(rejects_of(page->batch), (Strings{"2 22023   7: the record is not an object"}));
}

TEST(Positions, NoneWithoutACursor) {
    const auto page = read(R"("records": "$")", {}, R"([{"v": 1}])");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->highest, std::nullopt);
}

TEST(Batches, KeepTheTextsThatWereMadeForThemWhereverTheyAreMoved) {
    Field created = field("created", {"created"});
    created.format = TimeFormat::epoch;
    const std::vector<Field> fields{created, Field{.column = "labels", .paths = {*Path::parse("labels[*].name")}, .json = true}};
    std::vector<Batch> waiting;  // grows page by page, as the writer's queue does
    for (int i = 0; i < 20; ++i) {
        auto page = read(R"("records": "$")", fields, R"([{"created": )" + std::to_string(1'700'000'000 + i) + R"(, "labels": [{"name": "a"}]}])");
        ASSERT_TRUE(page) << page.error().message;
        waiting.push_back(std::move(page->batch));
    }
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(waiting[static_cast<std::size_t>(i)].columns[0][0], format_time(*parse_time(std::to_string(1'700'000'000 + i), TimeFormat::epoch), TimeFormat::iso));
        EXPECT_EQ(waiting[static_cast<std::size_t>(i)].columns[1][0], R"(["a"])");
    }
}

}  // namespace
}  // namespace upstream::core
