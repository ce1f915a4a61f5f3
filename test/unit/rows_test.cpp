// Rows: what a layout makes of records.
#include "core/rows.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/condition.hpp"
#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::parse;
using test::values_of;
using Strings = std::vector<std::string>;

Field field(const std::string& column, const std::string& path, bool key = false) {
    return Field{.column = column, .paths = {*Path::parse(path)}, .key = key};
}

// The batch of a page whose answer is a list of records.
class Page {
  public:
    Page(const Layout& layout, std::string body, const Lookup& lookup = {}) : document(std::make_shared<const json::Document>(parse(std::move(body)))) {
        RowMaker maker{layout, document->root(), lookup, batch};
        std::size_t index = 0;
        for (const json::Value record : document->root()) maker.add(record, index++);
    }
    std::shared_ptr<const json::Document> document;
    Batch batch;
};

Condition condition(const std::string& path) { return Condition{.path = *Path::parse(path)}; }

TEST(Rows, OfAPartialRecordAreMarkedWithWhatTheRecordHad) {
    Layout layout{field("id", "id", true), field("a", "a"), field("b", "b")};
    layout.partial = true;
    const Page page{layout, R"([{"id": 1, "a": "x"}, {"id": 2, "b": null}])"};
    EXPECT_EQ(page.batch.present[1], (std::vector<bool>{true, false}));
    EXPECT_EQ(page.batch.present[2], (std::vector<bool>{false, true})) << "null is said, not left out";
}

TEST(Rows, ThatAreGoneNeedNoMoreThanTheirKey) {
    Layout layout{field("id", "id", true), field("at", "at")};
    layout.fields[1].format = TimeFormat::epoch;
    layout.gone = condition("deleted");
    layout.gone->in = {"true"};
    const Page page{layout, R"([{"id": 1, "at": 0}, {"id": 2, "at": "never", "deleted": true}, {"deleted": true}])"};
    EXPECT_EQ(page.batch.gone, (std::vector<bool>{false, true}));
    EXPECT_EQ(page.batch.rejects.size(), 1U) << "one without a key cannot be found";
}

TEST(HashedKey, TellsRecordsApartWhoseValuesFollowEachOtherInTheSameWay) {
    const Layout layout{Field{.column = "_upstream_key", .hash = {*Path::parse("a"), *Path::parse("b")}, .key = true}};
    const Page page{layout, R"([{"a": 1, "b": 23}, {"a": 12, "b": 3}, {"a": "12", "b": 3}, {"a": "1,2"}, {"a": null, "b": "1,2"}])"};
    EXPECT_EQ(values_of(page.batch, 0), (Strings{"[1,23]", "[12,3]", R"(["12",3])", R"(["1,2",null])", R"([null,"1,2"])"}));
}

// Records of a feed that tells rows of stream items by `key`; a cursor of this type says when.
Layout feed(Cursor::Type type) {
    Layout layout{field("id", "id", true)};
    DeletionLayout items{.stream = "items", .when = condition("type"), .fields = {field("key", "object.id", true), Field{.column = "at"}}, .position = Cursor{.field = *Path::parse("at"), .type = type}};
    items.when->in = {"\"gone\""};
    layout.deletions.push_back(std::move(items));
    return layout;
}

TEST(Deletions, AreToldByRecordsOfAFeed) {
    const Layout layout = feed(Cursor::Type::integer);
    const Page page{layout, R"([{"id": 1, "type": "gone", "object": {"id": "a"}, "at": 7}, {"id": 2, "type": "seen", "object": {"id": "b"}}, {"type": "gone", "object": {"id": "c"}},
                                {"id": 4, "type": "gone"}])"};
    const Batch& items = page.batch.deletions.at(0);
    EXPECT_EQ(values_of(items, 0), (Strings{"a", "c"})) << "whatever becomes of the feed's own row";
    EXPECT_EQ(values_of(items, 1), (Strings{"7", "null"}));
    EXPECT_EQ(items.origin, (std::vector<std::size_t>{0, 2}));
    ASSERT_EQ(page.batch.rejects.size(), 2U);
    EXPECT_EQ(page.batch.rejects[1].list, "items");
    EXPECT_EQ(page.batch.rejects[1].column, "key") << "which row is gone is not said";
}

TEST(Deletions, MayHaveBeenAtTheEndOfWhatTheirTimeStates) {
    const auto at = [](Cursor::Type type, const std::string& time) {
        const Layout layout = feed(type);
        const Page page{layout, R"([{"id": 1, "type": "gone", "object": {"id": "a"}, "at": ")" + time + "\"}]"};
        return values_of(page.batch.deletions.at(0), 1);
    };
    EXPECT_EQ(at(Cursor::Type::timestamp, "2026-01-01T00:00:05Z"), Strings{"2026-01-01T00:00:05.999999Z"});
    EXPECT_EQ(at(Cursor::Type::timestamp, "2026-01-01T00:00:05.25Z"), Strings{"2026-01-01T00:00:05.25Z"});
    EXPECT_EQ(at(Cursor::Type::date, "2026-01-01"), Strings{"2026-01-01T23:59:59.999999Z"});
}

TEST(Rows, TakePlaceholdersOncePerPage) {
    Layout layout{field("id", "id", true)};
    layout.fields.push_back(Field{.column = "parent", .value = *Text::parse("{parent.id}")});
    layout.fields.push_back(Field{.column = "unknown", .value = *Text::parse("{account.none}")});
    const Page page{layout, R"([{"id": 1}, {"id": 2}])",
                    [](const Placeholder& p) { return p.root == "parent" ? std::optional<std::string>{"p7"} : std::nullopt; }};
    EXPECT_EQ(values_of(page.batch, 1), (Strings{"p7", "p7"}));
    EXPECT_EQ(values_of(page.batch, 2), (Strings{"null", "null"}));
}

Layout with_lines(bool partial = false) {
    Layout layout{field("id", "id", true)};
    layout.partial = partial;
    InnerLayout lines{.name = "lines", .records = *Path::parse("lines"), .fields = {field("order_id", "id", true), field("n", "n", true), field("sku", "sku")}};
    lines.fields[0].outer = true;
    layout.inner.push_back(std::move(lines));
    return layout;
}

TEST(InnerLists, BecomeRowsOfTheirOwnWithValuesOfTheOuterRecord) {
    const Layout layout = with_lines();
    const Page page{layout, R"([{"id": 1, "lines": [{"n": 1, "sku": "a"}, {"n": 2}]}, {"id": 2, "lines": []}, {"id": 3, "lines": [{"n": 1}]}])"};
    const Batch& lines = page.batch.inner[0];
    EXPECT_EQ(values_of(lines, 0), (Strings{"1", "1", "3"}));
    EXPECT_EQ(values_of(lines, 1), (Strings{"1", "2", "1"}));
    EXPECT_EQ(lines.origin, (std::vector<std::size_t>{0, 0, 2})) << "the outer row of each";
    ASSERT_EQ(lines.heads.size(), 1U);
    EXPECT_EQ(lines.heads[0].size(), 3U) << "every outer row whose list is known, empty ones too";
}

TEST(InnerLists, ThatAreMissingAreEmptyUnlessTheRecordIsPartial) {
    const Layout whole = with_lines();
    EXPECT_EQ(Page(whole, R"([{"id": 1}, {"id": 2, "lines": null}])").batch.inner[0].heads[0].size(), 2U);
    const Layout partial = with_lines(true);
    EXPECT_EQ(Page(partial, R"([{"id": 1}, {"id": 2, "lines": null}])").batch.inner[0].heads[0].size(), 1U);
}

TEST(InnerLists, PutABadElementAsideAndKeepTheOthers) {
    const Layout layout = with_lines();
    const Page page{layout, R"([{"id": 1, "lines": [{"n": 1}, {"sku": "no key"}, 7]}, {"id": 2, "lines": "none"}])"};
    EXPECT_EQ(page.batch.rows, 2U);
    EXPECT_EQ(page.batch.inner[0].rows, 1U);
    ASSERT_EQ(page.batch.rejects.size(), 3U);
    for (const Reject& reject : page.batch.rejects) EXPECT_EQ(reject.list, "lines");
    EXPECT_EQ(page.batch.rejects[0].key, "1") << "the outer record's";
}

TEST(NewMembers, AreNotedOnceWithAValue) {
    Layout layout{field("id", "id", true)};
    layout.members = {"id"};
    const Page page{layout, R"([{"id": 1, "y": null}, {"id": 2, "x": 6, "y": null}, {"id": 3, "x": 7}])"};
    ASSERT_EQ(page.batch.new_members.size(), 1U) << "null tells nothing";
    EXPECT_EQ(page.batch.new_members[0], (std::pair<std::string, std::string>{"x", "6"}));
}

TEST(Conditions, CompareScalarsAsJsonDoes) {
    const json::Document record = parse(R"({"s": "a", "n": 1.0, "t": true, "z": null, "l": ["x", "y"], "e": "\u00e9"})");
    const auto is = [&](const std::string& path, std::vector<std::string> in) {
        Condition made = condition(path);
        made.in = std::move(in);
        return holds(made, record.root(), record.root());
    };
    EXPECT_TRUE(is("s", {"\"a\""}));
    EXPECT_FALSE(is("s", {"a"}));
    EXPECT_TRUE(is("n", {"1"}));
    EXPECT_FALSE(is("n", {"\"1\""}));
    EXPECT_TRUE(is("t", {"false", "true"}));
    EXPECT_TRUE(is("z", {"null"}));
    EXPECT_TRUE(is("missing", {"null"})) << "no value counts as null";
    EXPECT_TRUE(is("l[*]", {"\"y\""})) << "at least one";
    EXPECT_TRUE(is("e", {"\"é\""}));
}

TEST(Conditions, NotInExistsContains) {
    const json::Document record = parse(R"({"s": "abc", "z": null, "l": ["x", "y"]})");
    const auto check = [&](Condition made) { return holds(made, record.root(), record.root()); };
    Condition made = condition("s");
    made.not_in = {"\"x\"", "null"};
    EXPECT_TRUE(check(made));
    made = condition("missing");
    made.not_in = {"null"};
    EXPECT_FALSE(check(made));
    made = condition("z");
    made.exists = false;
    EXPECT_TRUE(check(made));
    made = condition("s");
    made.contains = "bc";
    EXPECT_TRUE(check(made));
    made = condition("l");
    made.contains = "y";
    EXPECT_TRUE(check(made));
    made.contains = "z";
    EXPECT_FALSE(check(made));
}

}  // namespace
}  // namespace upstream::core
