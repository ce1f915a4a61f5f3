// Pages that wait in the database come back as they were.
#include "core/stored_batch.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/rows.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

Field field(const std::string& name, bool key = false) { return Field{.column = name, .paths = {*Path::parse(name)}, .key = key}; }

Batch batch_of(const std::string& records, const Layout& layout) {
    const auto document = std::make_shared<const json::Document>(std::move(*json::Document::parse(records)));
    Batch batch;
    batch.documents.push_back(document);
    RowMaker maker{layout, document->root(), [](const Placeholder&) { return std::nullopt; }, batch};
    std::size_t index = 0;
    for (const json::Value record : document->root()) maker.add(record, index++);
    batch.page_records = index;
    return batch;
}

TEST(StoredBatch, KeepsValuesAsTheyAre) {
    const Layout layout{field("id", true), field("name")};
    const Batch batch = batch_of(R"([{"id": 1.50, "name": "quote \" and \u0001 and é"}, "no object", {"id": "", "name": null}])", layout);
    const auto again = batch_from_json(to_json(batch, layout), layout);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->columns, batch.columns);
    EXPECT_EQ(again->rows, 2U);
    EXPECT_EQ(again->page_records, 3U);
    EXPECT_EQ(again->origin, (std::vector<std::size_t>{0, 2}));
}

TEST(StoredBatch, MayBeEmpty) {
    const Layout layout{field("id", true)};
    const auto again = batch_from_json(to_json(batch_of("[]", layout), layout), layout);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->rows, 0U);
    EXPECT_EQ(again->columns.size(), 1U);
}

TEST(StoredBatch, KeepsWhatRecordsSayOfTheirDeletion) {
    Layout layout{field("id", true)};
    layout.gone = Condition{.path = *Path::parse("gone"), .in = std::vector<std::string>{"true"}};
    const auto again = batch_from_json(to_json(batch_of(R"([{"id": 1, "gone": true}, {"id": 2}])", layout), layout), layout);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->gone, (std::vector<bool>{true, false}));
}

TEST(StoredBatch, KeepsInnerLists) {
    Layout layout{field("id", true)};
    Field outer = field("order_id", true);
    outer.paths = {*Path::parse("id")};
    outer.outer = true;
    layout.inner.push_back({.name = "lines", .records = *Path::parse("lines"), .fields = {outer, field("sku", true)}});
    const Batch batch = batch_of(R"([{"id": 1, "lines": []}, {"id": 2, "lines": [{"sku": "a"}, {"sku": "b"}]}])", layout);
    const auto again = batch_from_json(to_json(batch, layout), layout);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->inner.size(), 1U);
    EXPECT_EQ(again->inner[0].columns, batch.inner[0].columns);
    EXPECT_EQ(again->inner[0].origin, batch.inner[0].origin);
    EXPECT_EQ(again->inner[0].heads, batch.inner[0].heads);
    EXPECT_EQ(again->inner[0].head_of, batch.inner[0].head_of);
}

TEST(StoredBatch, IsNoneOfATargetThatWasAlteredSince) {
    const Layout before{field("id", true), field("name")};
    const std::string stored = to_json(batch_of(R"([{"id": 1}])", before), before);
    for (const Layout& after : {Layout{field("id", true)}, Layout{field("id", true), field("title")}, Layout{field("id", true), field("name"), field("n")}}) {
        const auto again = batch_from_json(stored, after);
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().code, Code::target_busy);
    }
}

}  // namespace
}  // namespace upstream::core::test
