// Lists inside records that go on elsewhere: when their rest is read, what it is part of, and what waits for it.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "core/state.hpp"
#include "unit/driven_sync.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

// Items oldest first; each has a list of parts, which stream `parts` reads the rest of.
Source source_with(const std::string& items = "", const std::string& parts = "", const std::string& source = kNoAuth) {
    return source_of(stream_of(kOldestFirst) + (items.empty() ? "" : ", " + items) + R"(,
        "columns": {"id": "id", "at": "at"},
        "expand": {"parts": {"records": "parts", "target": "parts", "primary_key": ["id"], "inherit": {"item": "id"}, "columns": {"id": "id"}, "more": {"path": "more", "stream": "parts"}}}},
        "parts": {"path": "/items/{parent.item}/parts", "records": "$.data", "target": "parts", "primary_key": ["id"], "columns": {"id": "id", "item": {"value": "{parent.item}"}},
            "parent": {"stream": "items", "key": {"item": "id"}}, "pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "after"}})" +
                         (parts.empty() ? "" : ", " + parts),
                     source);
}

Layout layout_of_items() {
    Layout layout{Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}};
    layout.inner.push_back({.name = "parts", .records = *Path::parse("parts"),
                            .fields = {Field{.column = "item", .paths = {*Path::parse("id")}, .outer = true}, Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}},
                            .more = *Path::parse("more")});
    layout.gone = Condition{.path = *Path::parse("gone"), .exists = true};
    return layout;
}

Layout layout_of_parts() { return {Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}}; }

DrivenSync driven(Source source = source_with(), State state = {}) { return {std::move(source), std::move(state), layout_of_items(), layout_of_parts()}; }

std::vector<Part> part(const std::string& item) { return {Part{.values = {.parents = {{{"item", item}}}}, .ids = {"item " + item}}}; }

std::string item(int id, int at, const std::string& more = "true") {
    return R"({"id": )" + std::to_string(id) + R"(, "at": )" + std::to_string(at) + R"(, "more": )" + more + "}";
}

std::string items(const std::string& records, const std::string& next = "") {
    return R"({"data": [)" + records + "]" + (next.empty() ? "" : R"(, "next": ")" + next + "\"") + "}";
}

// What the database keeps of the state, and gives back.
State through_text(State state) {
    if (state.read) state.read = progress_from_json(to_json(*state.read, Cursor::Type::timestamp), Cursor::Type::timestamp);
    return state;
}

TEST(InnerLists, AreReadBeforeTheNextPageAndTheCursorWaitsForThem) {
    DrivenSync sync = driven();
    EXPECT_EQ(sync.start(), "fetch /items");
    EXPECT_EQ(sync.answer(items(item(1, 10) + ", " + item(2, 20, "false") + ", " + item(3, 30, "\"https://more\""), "b")), "apply 1 2 3");
    EXPECT_FALSE(sync.apply().next) << "the rest comes first";
    EXPECT_EQ(sync.commit(), "find parts of 1");
    EXPECT_EQ(sync.cursor(), "none");
    EXPECT_EQ(sync.find(part("1")), "fetch /items/1/parts");
    EXPECT_EQ(sync.read(page({{11, 1}}, "p")), "fetch /items/1/parts?after=p");
    EXPECT_EQ(sync.answer(page({{12, 1}})), "apply parts 12, partition ends");
    EXPECT_EQ(sync.commit(), "find parts of 3");
    EXPECT_EQ(sync.cursor(), "none");
    EXPECT_EQ(sync.find(part("3")), "fetch /items/3/parts");
    EXPECT_EQ(sync.read(page({{31, 1}})), "fetch /items?after=b");
    EXPECT_EQ(sync.cursor(), "30");
    EXPECT_EQ(sync.answer(items(item(4, 40, "false"))), "apply 4, last");
    EXPECT_EQ(sync.commit(), "done: 5 requests");
    EXPECT_EQ(sync.cursor(), "40");
}

TEST(InnerLists, OfTheLastPageHoldTheEndOfTheRun) {
    DrivenSync sync = driven();
    (void)sync.start();
    EXPECT_EQ(sync.answer(items(item(1, 10))), "apply 1");
    EXPECT_FALSE(sync.apply().slice_ends);
    EXPECT_EQ(sync.commit(), "find parts of 1");
    EXPECT_EQ(sync.find(part("1")), "fetch /items/1/parts");
    EXPECT_EQ(sync.read(page({{11, 1}})), "apply, last");
    EXPECT_TRUE(sync.apply().slice_ends);
    EXPECT_EQ(sync.commit(), "done: 2 requests");
    EXPECT_EQ(sync.cursor(), "10");
}

TEST(InnerLists, GoOnWhereTheyWereAfterACrash) {
    DrivenSync before = driven();
    (void)before.start();
    (void)before.read(items(item(1, 10) + ", " + item(2, 20), "b"));
    (void)before.find(part("1"));
    (void)before.read(page({{11, 1}}, "p"));
    DrivenSync after = driven(source_with(), through_text(before.committed));
    EXPECT_EQ(after.start(), "fetch /items/1/parts?after=p");
    EXPECT_EQ(after.read(page({{12, 1}})), "find parts of 2");
    EXPECT_EQ(after.cursor(), "none");
    DrivenSync later = driven(source_with(), through_text(after.committed));
    EXPECT_EQ(later.start(), "find parts of 2");
    EXPECT_EQ(later.find(part("2")), "fetch /items/2/parts");
    EXPECT_EQ(later.read(page({{21, 1}})), "fetch /items?after=b");
    EXPECT_EQ(later.cursor(), "20") << "the order that let the cursor follow is not forgotten";
}

TEST(InnerLists, WhoseParentIsNotThereAreNone) {
    DrivenSync sync = driven();
    (void)sync.start();
    EXPECT_EQ(sync.read(items(item(1, 10) + ", " + item(2, 20))), "find parts of 1");
    EXPECT_EQ(sync.find({}), "find parts of 2");
    EXPECT_EQ(sync.find({}), "apply, last");
    EXPECT_EQ(sync.commit(), "done: 1 request");
    EXPECT_EQ(sync.cursor(), "20");
}

TEST(InnerLists, OfRecordsThatAreGoneAreNotRead) {
    DrivenSync sync = driven();
    (void)sync.start();
    EXPECT_EQ(sync.read(items(R"({"id": 1, "at": 10, "more": true, "gone": 1})")), "done: 1 request");
}

TEST(InnerLists, ThatFailFailTheRunAndSayWhere) {
    DrivenSync sync = driven();
    (void)sync.start();
    (void)sync.read(items(item(7, 10)));
    (void)sync.find(part("7"));
    EXPECT_EQ(sync.break_off(Code::server_error), "fail server_error");
    EXPECT_EQ(sync.failure().error.detail, "It was reading the rest of a list with stream \"parts\", for item 7.");
    EXPECT_EQ(sync.wait(), 10.0);
    EXPECT_EQ(sync.committed.failures, 1);
    EXPECT_EQ(sync.cursor(), "none");
    DrivenSync again = driven(source_with(), through_text(sync.committed));
    EXPECT_EQ(again.start(), "fetch /items/7/parts");
    EXPECT_EQ(again.break_off(Code::server_error), "fail server_error");
    EXPECT_EQ(again.committed.failures, 2);
    EXPECT_EQ(again.wait(), 20.0);
}

TEST(InnerLists, ThatHaveMorePagesThanAllowedAreNotComplete) {
    const Source source = source_with("", R"("pagination": {"type": "cursor", "path": "$.next", "max_pages": 1, "inject": {"in": "query", "name": "after"}})");
    DrivenSync sync = driven(source);
    (void)sync.start();
    (void)sync.read(items(item(1, 10)));
    (void)sync.find(part("1"));
    EXPECT_EQ(sync.answer(page({{11, 1}}, "p")), "fail page_limit");
    EXPECT_EQ(sync.cursor(), "none");
    DrivenSync again = driven(source, through_text(sync.committed));
    EXPECT_EQ(again.start(), "fetch /items/1/parts") << "from its beginning";
}

TEST(InnerLists, ThatAreRefusedAreAsOpenAsTheyWere) {
    DrivenSync sync = driven();
    (void)sync.start();
    (void)sync.read(items(item(1, 10)));
    (void)sync.find(part("1"));
    (void)sync.answer(page({{11, 1}}));
    EXPECT_EQ(sync.refuse(Code::target_busy), "fail target_busy");
    DrivenSync again = driven(source_with(), through_text(sync.committed));
    EXPECT_EQ(again.start(), "fetch /items/1/parts");
    EXPECT_EQ(again.read(page({{11, 1}})), "apply, last");
}

TEST(InnerLists, ThatKeptShiftingHoldTheCursorOfTheirRecord) {
    const std::string parts = R"("pagination": {"type": "offset", "size": 2, "has_more": "$.more", "drift": "restart_slice", "inject": {"in": "query", "name": "offset"}})";
    DrivenSync sync = driven(source_with("", parts));
    (void)sync.start();
    (void)sync.read(items(item(1, 10)));
    std::string next = sync.find(part("1"));
    const auto shown = [](int a, int b, bool more) {
        return R"({"data": [{"id": )" + std::to_string(a) + R"(}, {"id": )" + std::to_string(b) + R"(}], "more": )" + (more ? "true}" : "false}");
    };
    for (int id = 11; next.starts_with("fetch"); id += 2) next = sync.read(shown(id, id + 1, id < 30));  // none of the page before comes again
    EXPECT_EQ(next, "apply, last");
    (void)sync.commit();
    EXPECT_EQ(sync.cursor(), "none") << "rows may be missing, so the record is read again";
}

TEST(InnerLists, ShareTheRunsToken) {
    DrivenSync sync = driven(source_with("", "", kOAuth));
    EXPECT_EQ(sync.start(), "get token");
    EXPECT_EQ(sync.give_token("one"), "fetch /items");
    (void)sync.read(items(item(1, 10), "b"));
    EXPECT_EQ(sync.find(part("1")), "fetch /items/1/parts");
    EXPECT_EQ(sync.answer(answer("{}", 401)), "get token");
    EXPECT_EQ(sync.give_token("two"), "fetch /items/1/parts");
    EXPECT_EQ(sync.read(page({{11, 1}})), "fetch /items?after=b");
    EXPECT_EQ(header_of(sync.fetch().request, "Authorization"), "Bearer two");
}

TEST(InnerLists, ThatAreOpenKeepNoValidator) {
    DrivenSync sync = driven(source_with(R"("conditional": "etag")"));
    (void)sync.start();
    (void)sync.answer(answer(items(item(1, 10)), 200, {{"ETag", "\"v1\""}}));
    EXPECT_TRUE(sync.apply().state.kept.validator.empty()) << "else an answer that nothing has changed would leave them open";
    DrivenSync whole = driven(source_with(R"("conditional": "etag")"));
    (void)whole.start();
    (void)whole.answer(answer(items(item(1, 10, "false")), 200, {{"ETag", "\"v1\""}}));
    EXPECT_EQ(whole.apply().state.kept.validator.value, "\"v1\"");
}

}  // namespace
}  // namespace upstream::core::test
