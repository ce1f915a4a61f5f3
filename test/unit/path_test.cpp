// Paths: the grammar, what they find, and how mistakes are explained.
#include "core/path.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace upstream::core {
namespace {

constexpr const char* kDocument = R"({
    "data": [{"id": 1, "tags": ["a", "b"]}, {"id": 2}, {"id": 3, "tags": []}],
    "odd name": {"it's": "quoted", "back\\slash": "b"},
    "größe": 7, "empty": {}, "null": null,
    "twice": {"x": 1, "y": 2, "x": 3}
})";

json::Document document() { return std::move(*json::Document::parse(kDocument)); }

Path path(std::string_view text) {
    Result<Path> path = Path::parse(text);
    if (!path) ADD_FAILURE() << path.error().message << "; " << path.error().detail;
    return path ? *path : Path{};
}

std::string find(std::string_view text) {
    const json::Document from = document();
    const auto value = path(text).find(from.root());
    return value ? std::string(value->raw()) : "nothing";
}

std::string find_all(std::string_view text) {
    const json::Document from = document();
    std::string found;
    for (const json::Value value : path(text).find_all(from.root())) found.append(value.raw()).append(" ");
    return found;
}

Error refuse(std::string_view text) {
    const Result<Path> path = Path::parse(text);
    if (path) ADD_FAILURE() << "accepted: " << text;
    return path ? Error{} : path.error();
}

TEST(Path, KnowsItsRoot) {
    EXPECT_EQ(path("$").root(), Path::Root::document);
    EXPECT_EQ(path("$.a").root(), Path::Root::document);
    EXPECT_EQ(path("@").root(), Path::Root::record);
    EXPECT_EQ(path("a.b").root(), Path::Root::record);
    EXPECT_EQ(path("header").root(), Path::Root::record);
    EXPECT_EQ(path("header:X-Next").root(), Path::Root::header);
    EXPECT_EQ(path("header:X-Next").header(), "X-Next");
}

TEST(Path, KeepsItsText) { EXPECT_EQ(path("$.a[0]['b c']").text(), "$.a[0]['b c']"); }

TEST(Path, FindsOneValue) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"$.data[0].id", "1"},
        {"$.data[-1].id", "3"},
        {"data[1].id", "2"},
        {"@['data'][2]['id']", "3"},
        {"@['data'][2].id", "3"},
        {"$['odd name']['it\\'s']", "\"quoted\""},
        {"$['odd name']['back\\\\slash']", "\"b\""},
        {"größe", "7"},
        {"$.null", "null"},
        {"$.twice.x", "3"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(find(text), expected) << text;
}

TEST(Path, WithoutStepsFindsTheValueItself) {
    const json::Document one = std::move(*json::Document::parse("1"));
    EXPECT_EQ(path("$").find(one.root())->text(), "1");
    EXPECT_EQ(path("@").find(one.root())->text(), "1");
}

TEST(Path, FindsNothingWhereNothingIs) {
    for (const char* text : {"$.missing", "$.data[3]", "$.data[-4]", "$.data.id", "$.größe.x", "$.größe[0]", "$.null.x", "$[0]",
                             "$.data[0].id.x", "$.empty[*]", "$.null[*]", "$.größe[*]", "$.data[99999999999]"})
        EXPECT_EQ(find(text), "nothing") << text;
}

TEST(Path, WildcardFindsEveryElement) {
    EXPECT_EQ(find_all("$.data[*].id"), "1 2 3 ");
    EXPECT_EQ(find_all("$.data[*].tags[*]"), "\"a\" \"b\" ");
    EXPECT_EQ(find_all("data[*].tags[-1]"), "\"b\" ");
    EXPECT_EQ(find_all("$.data[0].id"), "1 ");
    EXPECT_EQ(find_all("$.missing[*]"), "");
}

TEST(Path, WildcardFindsEveryMembersValue) {
    EXPECT_EQ(find_all("$['odd name'][*]"), "\"quoted\" \"b\" ");
    EXPECT_EQ(find_all("$.twice[*]"), "2 3 ");
}

TEST(Path, FindTakesTheFirstOfSeveral) {
    EXPECT_EQ(find("$.data[*].id"), "1");
    EXPECT_EQ(find("$[*][*].tags[*]"), "\"a\"");
}

TEST(Path, KnowsItsWildcards) {
    EXPECT_TRUE(path("$.a[*].b").has_wildcard());
    EXPECT_FALSE(path("$.a['*'].b").has_wildcard());
    EXPECT_FALSE(path("header:*").has_wildcard());
}

TEST(Path, RefusesWhatTheGrammarDoesNotHave) {
    for (const char* text :
         {"",        " ",       "$.",       "$..a",     "$a",       "a.",      ".a",      "a..b",   "a b",      "$.a b",   "1a",
          "$.1",     "$[",      "$[]",      "$[a]",     "$[01]",    "$[-0]",   "$[-]",    "$[1",    "$[1.5]",   "$[+1]",   "$[1 ]",
          "$['']",   "$['a",    "$['a'",    "$['a\\n']", "$['a\\",  "$[\"a\"]", "$[**]",  "$[0:2]", "$[0,1]",   "$.*",     "$[?(@.a)]",
          "@a",      "@.a",     "@@",       "$$",       "/a/b",     "header:", "header:a b", "header:a:b", "[0]", "['a']",  "a|iso",
          "$[99999999999999999999]", "a-b", "$.a]"}) {
        const Error error = refuse(text);
        EXPECT_EQ(error.code, Code::invalid_spec) << text;
        EXPECT_EQ(error.message, "path \"" + std::string(text) + "\" is not valid");
        EXPECT_NE(error.detail.find("expected"), std::string::npos) << text;
    }
}

TEST(Path, SaysWhereAndWhat) {
    EXPECT_EQ(refuse("$.a[x]").detail, "position 5: expected *, an index or a name in single quotes");
    EXPECT_EQ(refuse("$.a[0").detail, "position 6: expected ], but the path ends");
    EXPECT_EQ(refuse("").detail, "position 1: expected $, @, header: or a name, but the path ends");
    EXPECT_EQ(refuse("header:").detail, "position 8: expected the name of a header, but the path ends");
}

TEST(Path, RecognisesOtherNotations) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"/a/b", "write $.a.b."},
        {"/data/0/odd name", "write $.data[0]['odd name']."},
        {"/a~1b/it's", "write $['a/b']['it\\'s']."},
        {"/", "write $."},
        {"@.user.id", "write user.id."},
        {"[0].id", "Write @[0].id"},
        {"$.a[?(@.b==1)]", "Filter expressions"},
        {"$..id", "Recursive descent"},
        {"$.*", "[*]"},
        {"$.a[1:2]", "Slices"},
        {"$[\"a\"]", "single quotes"},
        {"timestamp|epoch_ms", "\"format\""},
        {"$.odd-name", "['odd name']"},
        {"$data", "dot after $"},
    };
    for (const auto& [text, hint] : cases)
        EXPECT_NE(refuse(text).hint.find(hint), std::string::npos) << text << ": " << refuse(text).hint;
}

TEST(Path, NamesTheMemberOfARecord) {
    EXPECT_EQ(Path::parse("from.id")->names(), (std::vector<std::string>{"from", "id"}));
    EXPECT_EQ(Path::parse("@['a.b'].c")->names(), (std::vector<std::string>{"a.b", "c"}));
    for (const char* other : {"@", "$.id", "header:X", "list[0]", "list[*].id"}) EXPECT_EQ(Path::parse(other)->names(), std::nullopt) << other;
}

TEST(Path, TheFormThatAHintOffersIsValid) {
    for (const char* pointer : {"/a/b", "/0", "/01", "/a b/c~0d/e~1f", "/it's/back\\slash", "/größe/-1", "/"}) {
        const std::string hint = refuse(pointer).hint;
        const std::size_t begin = hint.find('$');
        ASSERT_NE(begin, std::string::npos) << hint;
        EXPECT_TRUE(Path::parse(hint.substr(begin, hint.size() - begin - 1)).ok()) << hint;
    }
}

}  // namespace
}  // namespace upstream::core
