// What is asked and what is written: requests, keys, write modes, deletes, inner lists.
#include <gtest/gtest.h>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

using test::one;
using test::problems_of;

const std::string kItems = "$.streams.items";

Stream stream_with(const std::string& members) { return test::source_of(members).streams[0]; }

TEST(SourceRequest, BodiesKeepTheirShape) {
    const Stream stream = stream_with(R"("method": "PATCH", "body": {"a": "{run.started_at}", "b": [1.50, true, null, {"c": "x{page.size}"}], "d": {}},
        "params": {"p": "{page.token}"}, "pagination": {"type": "page", "size": 5})");
    EXPECT_EQ(stream.method, "PATCH");
    ASSERT_TRUE(stream.body);
    const JsonText& body = *stream.body;
    EXPECT_EQ(body.kind, JsonText::Kind::object);
    EXPECT_EQ(body.members.at(0).second.text.source(), "{run.started_at}");
    EXPECT_EQ(body.members.at(1).second.items.at(0).literal, "1.50");
    EXPECT_EQ(body.members.at(1).second.items.at(3).members.at(0).second.kind, JsonText::Kind::text);
    EXPECT_EQ(body.members.at(2).second.kind, JsonText::Kind::object);
}

TEST(SourceRequest, BodiesHaveFormats) {
    EXPECT_EQ(stream_with(R"("method": "POST", "body": "since {run.started_at}", "body_format": "text")").body_format, BodyFormat::text);
    EXPECT_EQ(problems_of(R"("method": "POST", "body": {"a": 1}, "body_format": "text")"), one(kItems + R"(.body: a body in format "text" must be a string)"));
    EXPECT_EQ(problems_of(R"("method": "POST", "body": "a", "body_format": "form")"), one(kItems + R"(.body: a body in format "form" must be an object)"));
    EXPECT_EQ(problems_of(R"("method": "POST", "body": {"a": {"b": 1}}, "body_format": "form")"),
              one(kItems + R"(.body: members of a body in format "form" must be strings, numbers, true, false, or arrays of these)"));
    EXPECT_EQ(problems_of(R"("method": "POST", "body": {"{account.x}": 1})"), one(kItems + ".body['{account.x}']: placeholders have no meaning in a member's name"));
}

TEST(SourceRequest, TheTokenGoesIntoTheBodyOnce) {
    const std::string page = R"("pagination": {"type": "page", "inject": {"in": "body", "name": "paging.page"}})";
    EXPECT_EQ(stream_with(R"("method": "POST", "body": {"q": 1}, )" + page).pagination.inject->name, "paging.page");
    EXPECT_EQ(problems_of(R"("method": "POST", "body": {"paging": {"page": 1}}, )" + page), one(kItems + R"(.pagination.inject: member "paging.page" stands in "body" too)"));
    EXPECT_EQ(problems_of(R"("method": "POST", "body": "x", "body_format": "text", )" + page), one(kItems + R"(.pagination.inject: a body in format "text" has no members)"));
}

TEST(SourceRequest, TheFirstRequestMayHaveMore) {
    const Stream stream = stream_with(R"("method": "POST", "body": {}, "params": {"a": 1}, "pagination": {"type": "cursor", "path": "$.next",
        "inject": {"in": "query", "name": "c"}, "first_request_only": {"params": ["a"], "body": true}, "drift": "overlap"})");
    EXPECT_EQ(stream.pagination.first_params, (std::vector<std::string>{"a"}));
    EXPECT_TRUE(stream.pagination.first_body);
    EXPECT_EQ(stream.pagination.drift, Pagination::Drift::overlap);
    EXPECT_EQ(problems_of(R"("pagination": {"type": "page", "inject": {"in": "query", "name": "p"}, "first_request_only": {"params": ["a"]}})"),
              one(kItems + R"(.pagination.first_request_only: "params" has no "a")"));
    EXPECT_EQ(problems_of(R"("pagination": {"type": "page", "inject": {"in": "query", "name": "p"}, "first_request_only": {"body": true}})"),
              one(kItems + R"(.pagination.first_request_only: there is no "body" to send)"));
}

TEST(SourceRequest, ALineMayBeARecordAndAStreamMayLiveElsewhere) {
    const Stream stream = stream_with(R"("response": "jsonl", "base_url": "https://files.shop.test", "auth": {"type": "basic"}, "conditional": "last_modified")");
    EXPECT_TRUE(stream.jsonl);
    EXPECT_EQ(stream.base_url->source(), "https://files.shop.test");
    EXPECT_EQ(stream.auth->type, Auth::Type::basic);
    EXPECT_EQ(stream.conditional, Stream::Conditional::last_modified);
}

TEST(SourceWrite, ModesHaveDefaults) {
    EXPECT_EQ(stream_with("").write, Stream::Write::upsert);
    EXPECT_EQ(stream_with(R"("write": "insert_only")").write, Stream::Write::insert_only);
    const json::Document spec = test::parse(R"({"spec_version": 1, "source": "s", "base_url": "https://a.test", "auth": {"type": "none"}, "streams": {"a": {"path": "/", "target": "a"}}})");
    const Reading reading = read_source(spec.root());
    ASSERT_TRUE(reading.source);
    EXPECT_EQ(reading.source->streams[0].write, Stream::Write::append);
}

TEST(SourceWrite, AKeyMayBeAHash) {
    const Stream stream = stream_with(R"("primary_key": {"hash": ["date", "user.id"], "occurrence": true})");
    EXPECT_TRUE(stream.primary_key.empty());
    ASSERT_EQ(stream.key_hash.size(), 2U);
    EXPECT_EQ(stream.key_hash[1].text(), "user.id");
    EXPECT_TRUE(stream.key_occurrence);
    EXPECT_EQ(problems_of(R"("primary_key": {"hash": ["$.a"]})"), one(kItems + ".primary_key.hash[0]: must be a path from the record"));
}

TEST(SourceWrite, RowsMayBeNewerPartialOrUnknown) {
    const Stream stream = stream_with(R"("newer_by": "updated_at", "absent": "keep", "on_new_field": "add_column", "transform": "app.clean", "after_page": "app.done")");
    EXPECT_EQ(stream.newer_by, "updated_at");
    EXPECT_TRUE(stream.absent_keeps);
    EXPECT_EQ(stream.on_new_field, Stream::OnNewField::add_column);
    EXPECT_EQ(stream.transform, "app.clean");
    EXPECT_EQ(stream.after_page, "app.done");
    EXPECT_EQ(problems_of(R"("newer_by": "at", "write": "insert_only")"), one(kItems + R"(.newer_by: "newer_by" compares with a stored row, which write "insert_only" does not)"));
    EXPECT_EQ(problems_of(R"("transform": "clean")"), one(kItems + ".transform: must be the name of a function with its schema"));
}

TEST(SourceWrite, AWindowIsReplacedIfAllOfItComes) {
    const std::string cursor = R"("cursor": {"field": "at", "type": "timestamp", "order": "asc"})";
    EXPECT_EQ(problems_of(R"("write": "replace_window", "params": {"s": "{cursor.start}"}, )" + cursor), std::vector<std::string>{});
    EXPECT_EQ(problems_of(R"("write": "replace_window")"), one(kItems + R"(.write: "replace_window" needs a cursor, which says what the window is)"));
    EXPECT_EQ(problems_of(R"("write": "replace_window", )" + cursor), one(kItems + R"(.write: "replace_window" needs a server that filters)"));
    EXPECT_EQ(problems_of(R"("write": "replace", )" + cursor), one(kItems + R"(.write: "replace" replaces every row, so it needs a full read)"));
}

TEST(SourceWrite, AppendingTwiceIsAWarning) {
    EXPECT_EQ(problems_of(R"("write": "append")"), one("~" + kItems + R"(.write: "append" adds rows whose key is there already)"));
}

TEST(SourceDeletes, HaveEveryMode) {
    const Stream field = stream_with(R"("deletes": {"mode": "field", "when": {"path": "gone", "exists": true}, "action": "hard"})");
    EXPECT_EQ(field.deletes.mode, Deletes::Mode::field);
    EXPECT_EQ(field.deletes.when->exists, true);
    EXPECT_FALSE(field.deletes.soft);
    const Stream missing = stream_with(R"("deletes": {"mode": "missing", "max_fraction": 0.1})");
    EXPECT_EQ(missing.deletes.max_fraction, 0.1);
    EXPECT_TRUE(missing.deletes.soft);
    const Source feed = test::source_of(R"("deletes": {"mode": "feed", "stream": "gone", "key": {"id": "object.id"}}}, "gone": {"path": "/gone", "target": "gone", "primary_key": ["id"])");
    EXPECT_EQ(feed.streams[0].deletes.stream, "gone");
    EXPECT_EQ(feed.streams[0].deletes.key.at(0).second.text(), "object.id");
}

TEST(SourceDeletes, OnlyWhatIsMissingNeedsAThreshold) {
    EXPECT_EQ(problems_of(R"("deletes": {"mode": "field", "when": {"path": "gone", "exists": true}, "max_fraction": 0.5})"),
              one("~" + kItems + R"(.deletes.max_fraction: "max_fraction" is for mode "missing": what a record says is believed)"));
}

TEST(SourceDeletes, WhatWasNotAskedForIsNotMissing) {
    const std::string missing = R"("deletes": {"mode": "missing"}, )";
    const std::string message = kItems + R"(.deletes.mode: "missing" would delete what was not asked for: )";
    EXPECT_EQ(problems_of(missing + R"("params": {"s": "{cursor.start}"}, "cursor": {"field": "at", "type": "timestamp"})"), one(message + "the server filters by the cursor"));
    const std::string parent = R"("path": "/{parent.id}", "parent": {"table": "t", "key": {"id": "id"}, )";
    EXPECT_EQ(problems_of(missing + parent + R"("where": "x"})"), one(message + R"("parent.where" leaves out rows)"));
    EXPECT_EQ(problems_of(missing + parent + R"("limit": 5, "order_by": "id"})"), one(message + R"("parent.limit" leaves out rows)"));
}

TEST(SourceDeletes, AFeedTellsWholeKeys) {
    const auto told = [](const std::string& deletes) { return problems_of(R"("primary_key": ["a", "b"], "deletes": {"mode": "feed", )" + deletes + "}"); };
    EXPECT_EQ(told(R"("stream": "nope", "key": {"a": "a", "b": "b"})"), one(kItems + R"(.deletes.stream: no stream "nope")"));
    EXPECT_EQ(told(R"("stream": "items", "key": {"a": "a", "b": "b"})"), one(kItems + ".deletes.stream: a stream cannot list its own deletions"));
    EXPECT_EQ(problems_of(R"("primary_key": ["a", "b"], "deletes": {"mode": "feed", "stream": "f", "key": {"a": "a", "c": "c"}}}, "f": {"path": "/", "target": "f", "primary_key": ["id"])"),
              (std::vector<std::string>{kItems + R"(.deletes.key: column "c" is not part of the primary key)", kItems + R"(.deletes.key: column "b" of the primary key is missing)"}));
}

TEST(SourceExpand, AnInnerListHasEveryKey) {
    const Source source = test::source_of(R"("expand": {"parts": {"records": "parts.data", "target": "app.parts", "primary_key": ["item", "id"], "inherit": {"item": "id"},
        "columns": {"id": "id", "n": {"path": "n", "type": "integer"}}, "raw": "record", "mode": "replace", "more": {"path": "parts.more", "stream": "rest"}}}},
        "rest": {"path": "/{parent.id}", "parent": {"stream": "items", "key": {"id": "id"}}, "target": "parts", "primary_key": ["id"])");
    ASSERT_EQ(source.streams[0].expand.size(), 1U);
    const Expand& expand = source.streams[0].expand[0];
    EXPECT_EQ(expand.name, "parts");
    EXPECT_EQ(expand.records.text(), "parts.data");
    EXPECT_EQ(expand.target, "app.parts");
    EXPECT_EQ(expand.primary_key, (std::vector<std::string>{"item", "id"}));
    EXPECT_EQ(expand.inherit.at(0).first, "item");
    EXPECT_EQ(expand.columns.size(), 2U);
    EXPECT_EQ(expand.raw, "record");
    EXPECT_TRUE(expand.replace);
    EXPECT_EQ(expand.more_path->text(), "parts.more");
    EXPECT_EQ(expand.more_stream, "rest");
}

TEST(SourceExpand, TheRestOfAListIsReadWithinOneRun) {
    const auto told = [](const std::string& items, const std::string& rest) {
        std::vector<std::string> messages;
        for (std::string& problem : problems_of(R"("columns": {"id": "id"}, "expand": {"parts": {"records": "parts", "target": "parts", "primary_key": ["item", "id"], "inherit": {"item": "id"}, "columns": {"id": "id"},
                "more": {"path": "more", "stream": "rest"}}})" + items + R"(}, "rest": {"path": "/{parent.id}", "parent": {"stream": "items", "key": {"id": "id"}}, "target": "parts", "primary_key": ["item", "id"],
                "columns": {"id": "id", "item": {"value": "{parent.id}"}})" + rest))
            messages.push_back(std::move(problem));
        return messages;
    };
    const std::string place = kItems + ".expand.parts.more.stream: ";
    EXPECT_EQ(told("", ""), std::vector<std::string>{});
    EXPECT_EQ(told(R"(, "sync_mode": "full_refresh", "write": "replace")", "").front(),
              place + R"(the rest of a list is read when its record is written, and stream "items" replaces rows when all are read)");
    EXPECT_EQ(told(R"(, "transform": "app.f")", ""), one(place + R"("transform" leaves nothing of the record that says whether its list goes on)"));
    EXPECT_EQ(told("", R"(, "write": "replace")"), one(place + R"(stream "rest" replaces rows, which needs reads of its own)"));
    EXPECT_EQ(told("", R"(, "deletes": {"mode": "missing"})"), one(place + R"(stream "rest" deletes what is missing, which needs reads of its own)"));
    EXPECT_EQ(told("", R"(, "partitions": {"a": ["b"]}, "params": {"a": "{partition.a}"})"), one(place + R"(stream "rest" has "partitions", and a list is one)"));
    EXPECT_EQ(told("", R"(, "auth": {"type": "none"})"), one(place + R"(streams "items" and "rest" must sign in as the source says, because one run reads both)"));
}

TEST(SourceExpand, MistakesAreTold) {
    const auto told = [](const std::string& members) {
        return problems_of(R"("expand": {"parts": {"records": "parts", "target": "parts", "primary_key": ["id"], "inherit": {"item": "id"}, )" + members + "}}");
    };
    EXPECT_EQ(told(R"("columns": {"sku": "sku"})"), one(kItems + R"(.expand.parts.primary_key: column "id" is not in "columns" or "inherit")"));
    EXPECT_EQ(told(R"("columns": {"id": "id", "item": "x"})"), one(kItems + R"(.expand.parts.inherit: column "item" stands in "columns" too)"));
    EXPECT_EQ(told(R"("more": {"path": "more", "stream": "items"})"),
              one(kItems + R"(.expand.parts.more.stream: stream "items" does not have "items" as its parent)"));
}

}  // namespace
}  // namespace upstream::core
