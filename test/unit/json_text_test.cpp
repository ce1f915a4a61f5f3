// JSON with placeholders: what is filled in, left out, and put in.
#include "core/json_text.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

JsonText read(json::Value value) {
    JsonText json;
    switch (value.kind()) {
        case json::Kind::string: return {.kind = JsonText::Kind::text, .text = *Text::parse(value.text())};
        case json::Kind::array:
            json.kind = JsonText::Kind::array;
            for (const json::Value item : value) json.items.push_back(read(item));
            return json;
        case json::Kind::object:
            json.kind = JsonText::Kind::object;
            for (const json::Value member : value) json.members.emplace_back(member.key(), read(member));
            return json;
        default: return {.literal = std::string{value.raw()}};
    }
}

JsonText json_text(const std::string& text) { return read(test::parse(text).root()); }

const std::map<std::string, TypedText> kValues{
    {"name", {.text = "O'Neil \"Shaq\"\n"}}, {"count", {.text = "12", .kind = json::Kind::number}},   {"on", {.text = "true", .kind = json::Kind::boolean}},
    {"ids", {.text = "[1,2]", .kind = json::Kind::array}}, {"digits", {.text = "007"}}};

std::optional<TypedText> value_of(const Placeholder& p) {
    const auto found = kValues.find(p.word);
    return found == kValues.end() ? std::nullopt : std::optional{found->second};
}

std::string filled(const std::string& text) {
    const auto json = fill_in(json_text(text), value_of);
    return json ? to_json(*json) : "nothing";
}

TEST(FillIn, AStringThatIsOnePlaceholderKeepsTheValuesType) {
    EXPECT_EQ(filled(R"({"n": "{account.count}", "b": "{account.on}", "l": "{account.ids}", "t": "{account.digits}"})"),
              R"({"n":12,"b":true,"l":[1,2],"t":"007"})");
}

TEST(FillIn, InsideLongerTextAValueIsText) {
    EXPECT_EQ(filled(R"(["up to {account.count}", "{account.count}{account.on}", "query {id, name}"])"), R"(["up to 12","12true","query {id, name}"])");
}

TEST(FillIn, ValuesAreQuotedForJson) { EXPECT_EQ(filled(R"({"name": "Mr {account.name}"})"), R"({"name":"Mr O'Neil \"Shaq\"\n"})"); }

TEST(FillIn, WhatHasNoValueIsLeftOutAndTheRestStays) {
    EXPECT_EQ(filled(R"({"a": "{account.no}", "b": {"c": "{account.no}", "d": null}, "e": ["{account.no}", 1]})"), R"({"b":{"d":null},"e":[1]})");
    EXPECT_EQ(filled(R"("{account.no}")"), "nothing");
}

TEST(FillIn, NumbersKeepTheirDigits) { EXPECT_EQ(filled("[1.10, 9007199254740993, 1e2]"), "[1.10,9007199254740993,1e2]"); }

std::string with(const std::string& text, std::string_view name, const std::string& raw) {
    JsonText json = json_text(text);
    set_member(json, name, raw);
    return to_json(json);
}

TEST(SetMember, FollowsDotsAndMakesWhatIsMissing) {
    EXPECT_EQ(with("{}", "page", "2"), R"({"page":2})");
    EXPECT_EQ(with(R"({"variables": {"first": 50}})", "variables.after", R"("abc")"), R"({"variables":{"first":50,"after":"abc"}})");
    EXPECT_EQ(with("{}", "a.b.c", "true"), R"({"a":{"b":{"c":true}}})");
}

TEST(SetMember, TakesThePlaceOfWhatIsThere) {
    EXPECT_EQ(with(R"({"after": null, "z": 1})", "after", R"("x")"), R"({"after":"x","z":1})");
    EXPECT_EQ(with(R"({"a": 1})", "a.b", "2"), R"({"a":{"b":2}})");
}

TEST(ToForm, WritesFieldsAndRepeatsTheNamesOfLists) {
    const auto json = fill_in(json_text(R"({"q": "a b&c", "n": 5, "on": true, "tag[]": ["x", "y"], "ids": "{account.ids}"})"), value_of);
    EXPECT_EQ(to_form(*json), "q=a%20b%26c&n=5&on=true&tag%5B%5D=x&tag%5B%5D=y&ids=1&ids=2");
}

}  // namespace
}  // namespace upstream::core
