// Placeholders in text, and the nearest known word.
#include "core/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace upstream::core {
namespace {

Text text(std::string_view source) {
    Result<Text> text = Text::parse(source);
    if (!text) ADD_FAILURE() << source << ": " << text.error().message;
    return text ? *text : Text{};
}

// Every placeholder has its own name as a value, in angle brackets.
std::optional<std::string> echo(const Placeholder& placeholder) {
    const std::string format = placeholder.format.empty() ? "" : "|" + placeholder.format;
    return "<" + placeholder.root + "." + placeholder.word + format + ">";
}

std::string render(std::string_view source) { return text(source).render(echo).value_or("nothing"); }

Error refuse(std::string_view source) {
    const Result<Text> text = Text::parse(source);
    if (text) ADD_FAILURE() << "accepted: " << source;
    return text ? Error{} : text.error();
}

TEST(Text, FillsInPlaceholders) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", ""},
        {"plain", "plain"},
        {"{account.id}", "<account.id>"},
        {"/repos/{account.owner}/{account.Repo_2}/issues", "/repos/<account.owner>/<account.Repo_2>/issues"},
        {"{cursor.start|iso}{cursor.end|iso_ms}", "<cursor.start|iso><cursor.end|iso_ms>"},
        {"{secret.a}{parent.a}{parents.a}{partition.a}{page.a}{run.a}",
         "<secret.a><parent.a><parents.a><partition.a><page.a><run.a>"},
    };
    for (const auto& [source, expected] : cases) EXPECT_EQ(render(source), expected) << source;
}

TEST(Text, LeavesOtherBracesAlone) {
    for (const char* source :
         {"{id,name}", "messages.limit(25){id,from}", "{", "}", "}}", "{}", "{ }", "{account}", "{account.}", "{.id}", "{account.id",
          "{account .id}", "{account.id }", "{account.a.b}", "{1.5}", "{account.1}", "query { user { id } }", "{\"a\":{\"b\":1}}",
          "{account.id{", "{users.name|A B}", "{a|b.c}"})
        EXPECT_EQ(render(source), source);
}

TEST(Text, TwoOpeningBracesAreOne) {
    EXPECT_EQ(render("{{"), "{");
    EXPECT_EQ(render("{{account.id}"), "{account.id}");
    EXPECT_EQ(render("{{{account.id}}"), "{<account.id>}");
    EXPECT_EQ(render("{{{{"), "{{");
}

TEST(Text, FindsAPlaceholderInsideTextInBraces) {
    EXPECT_EQ(render(R"({"since":"{cursor.start}"})"), R"({"since":"<cursor.start>"})");
    EXPECT_EQ(render("{id,{account.fields}}"), "{id,<account.fields>}");
}

TEST(Text, RefusesAnUnknownRootAndNamesTheNearest) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"{acount.id}", "Perhaps you meant \"account\"."},      {"{Account.id}", "Perhaps you meant \"account\"."},
        {"{curosr.start|iso}", "Perhaps you meant \"cursor\"."}, {"{parnet.id}", "Perhaps you meant \"parent\"."},
        {"{secrets.key}", "Perhaps you meant \"secret\"."},      {"{pages.token}", "Perhaps you meant \"page\"."},
    };
    for (const auto& [source, hint] : cases) {
        const Error error = refuse("x" + source + "y");
        EXPECT_EQ(error.code, Code::invalid_spec) << source;
        EXPECT_EQ(error.message, "placeholder " + source + " is not valid");
        EXPECT_EQ(error.hint, hint);
    }
}

TEST(Text, NamesAllRootsIfNoneIsNear) {
    const Error error = refuse("{settings.id}");
    EXPECT_EQ(error.detail, "There is no \"settings\" to take a value from.");
    EXPECT_EQ(error.hint, "Known are account, secret, cursor, parent, parents, partition, page, run. Write {{ if the brace is text.");
}

TEST(Text, RefusesWhatIsNoFormat) {
    for (const char* source : {"{cursor.start|}", "{cursor.start|ISO}", "{cursor.start|iso|date}", "{cursor.start| iso}",
                               "{cursor.start|2}"})
        EXPECT_EQ(refuse(source).code, Code::invalid_spec) << source;
}

TEST(Text, WithoutAValueIsNothing) {
    const auto only_id = [](const Placeholder& p) { return p.word == "id" ? std::optional<std::string>("1") : std::nullopt; };
    EXPECT_EQ(text("a{account.id}").render(only_id), "a1");
    EXPECT_EQ(text("a{account.id}{account.other}").render(only_id), std::nullopt);
    EXPECT_EQ(text("a{account.id}").render([](const Placeholder&) { return std::optional<std::string>(""); }), "a");
}

TEST(Text, EncodesValuesButNotTheTextAround) {
    const auto stars = [](std::string_view value) { return std::string(value.size(), '*'); };
    EXPECT_EQ(text("/a b/{account.id}").render(echo, stars), "/a b/************");
}

TEST(Text, AValueIsNotReadAgain) {
    const auto brace = [](const Placeholder&) { return std::optional<std::string>("{secret.key}"); };
    EXPECT_EQ(text("{account.id}").render(brace), "{secret.key}");
}

TEST(Text, AConstantIsTakenAsItIs) {
    const Text constant = Text::constant("{{secret.key}} {acount.id} {secret.key}");
    EXPECT_EQ(constant.render(echo), "{{secret.key}} {acount.id} {secret.key}");
    EXPECT_EQ(constant.source(), "{{secret.key}} {acount.id} {secret.key}");
    EXPECT_TRUE(constant.placeholders().empty());
}

TEST(Text, ListsItsPlaceholders) {
    const Text both = text("{{{account.id}{cursor.start|iso}");
    const auto found = both.placeholders();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].root, "account");
    EXPECT_EQ(found[0].format, "");
    EXPECT_EQ(found[1].word, "start");
    EXPECT_EQ(found[1].format, "iso");
    EXPECT_TRUE(both.mentions("cursor", "start"));
    EXPECT_FALSE(both.mentions("cursor", "end"));
    EXPECT_FALSE(both.mentions("secret", "start"));
    EXPECT_EQ(both.source(), "{{{account.id}{cursor.start|iso}");
}

TEST(Text, WithoutAnythingIsEmpty) { EXPECT_EQ(Text{}.render(echo), ""); }

TEST(Nearest, FindsASlipOfThePen) {
    const std::vector<std::string> known{"primary_key", "path", "params", "page", "pagination", "records"};
    const std::vector<std::pair<std::string, std::string>> cases{
        {"primarykey", "primary_key"}, {"primray_key", "primary_key"}, {"parms", "params"}, {"record", "records"},
        {"pgaination", "pagination"},  {"path", "path"},               {"paht", "path"},    {"pagniatoin", "pagination"}};
    for (const auto& [word, expected] : cases) EXPECT_EQ(nearest(word, known), expected) << word;
}

TEST(Nearest, FindsNothingThatIsFar) {
    EXPECT_EQ(nearest("body", {"path", "records"}), std::nullopt);
    EXPECT_EQ(nearest("abcdefghijkl", {"abcdefghXXXX"}), std::nullopt);  // three at most
    EXPECT_EQ(nearest("", {"path"}), std::nullopt);
    EXPECT_EQ(nearest("path", {}), std::nullopt);
}

TEST(Nearest, TakesTheFirstOfEquals) {
    EXPECT_EQ(nearest("pat", {"path", "pats"}), "path");
    EXPECT_EQ(nearest("pat", {"pats", "path"}), "pats");
}

}  // namespace
}  // namespace upstream::core
