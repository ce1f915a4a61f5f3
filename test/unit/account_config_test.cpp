// What an account may state, and what it must.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

Source source_with(const std::string& members) { return test::source_of("", R"("auth": {"type": "none"}, )" + members); }

const char* const kAccount = R"("account": {"required": ["owner"], "properties": {
    "owner": {"type": "string", "enum": ["alice", "bob"]}, "count": {"type": "integer"}, "rate": {"type": "number"},
    "live": {"type": "boolean"}, "boards": {"type": "array", "format": "uuid"}, "version": {"pattern": "^v[0-9]+$", "default": "v1"},
    "host": {"format": "host"}, "url": {"format": "url"}, "since": {"format": "date"}, "at": {"format": "timestamp"},
    "margin": {"format": "interval"}}})";

std::vector<Problem> problems_of(const Source& source, const std::string& config) {
    const Result<json::Document> document = json::Document::parse(config);
    return check_account(source, document->root());
}

std::vector<Problem> problems_of(const std::string& config) { return problems_of(source_with(kAccount), config); }

TEST(Account, GoodSettingsAreAccepted) {
    const std::vector<Problem> problems = problems_of(R"({"owner": "bob", "count": 3.0, "rate": 1.5, "live": false,
        "boards": ["0b6c7a0e-6c2f-4b9c-8f5e-1a2b3c4d5e6f"], "version": "v22", "host": "shop.example.com:8443", "url": "https://x.y/z",
        "since": "2024-02-29", "at": "2024-01-01T00:00:00Z", "margin": "5 minutes"})");
    EXPECT_TRUE(problems.empty()) << problems[0].path << " " << problems[0].message;
    EXPECT_TRUE(problems_of(R"({"owner": "alice", "since": "90 days ago", "at": "now"})").empty());
}

TEST(Account, BadSettingsAreRefused) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {R"("owner": "carol")", "must be one of \"alice\" or \"bob\""},
        {R"("owner": 1)", "must be a string"},
        {R"("owner": null)", "must be a string"},
        {R"("count": 1.5)", "must be an integer"},
        {R"("rate": "1")", "must be a number"},
        {R"("live": "yes")", "must be true or false"},
        {R"("boards": "x")", "must be an array"},
        {R"("boards": [[]])", "must be an array of"},
        {R"("boards": ["x"])", "must be a UUID"},
        {R"("version": "22")", "does not match the pattern \"^v[0-9]+$\""},
        {R"("host": "https://x.y")", "must be a host name"},
        {R"("host": "*.x.y")", "must be a host name"},
        {R"("url": "x.y")", "must be an http or https URL"},
        {R"("since": "2023-02-29")", "must be a date"},
        {R"("since": "2024-01-01T00:00:00Z")", "must be a date"},
        {R"("at": "soon")", "must be a timestamp"},
        {R"("margin": "PT5M")", "must be an interval"},
        {R"("ownr": "bob")", "unknown setting \"ownr\""}};
    for (const auto& [member, message] : wrong) {
        const std::vector<Problem> problems = problems_of(R"({"owner": "bob", )" + member + "}");
        ASSERT_EQ(problems.size(), 1U) << member;
        EXPECT_NE(problems[0].message.find(message), std::string::npos) << problems[0].message;
        EXPECT_EQ(problems[0].path, "$." + member.substr(1, member.find(':') - 2));
    }
}

TEST(Account, UnknownSettingsComeWithTheNearestOne) {
    const std::vector<Problem> problems = problems_of(R"({"owner": "bob", "versoin": "v1"})");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].hint, "Perhaps you meant \"version\".");
}

TEST(Account, MissingSettingsAreNamed) {
    const std::vector<Problem> problems = problems_of("{}");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].message, "setting \"owner\" is missing");
    EXPECT_EQ(problems[0].path, "$");
}

// Without them no request could be built.
TEST(Account, SettingsOfTheBaseUrlAndOfSigningInAreRequired) {
    const Source source = source_with(R"("account": {"properties": {"shop": {}, "user": {}, "other": {}, "zone": {"default": "eu"}}},
        "base_url": "https://{account.zone}.{account.shop}.com", "auth": {"type": "basic", "username": "{account.user}"})");
    const std::vector<Problem> problems = problems_of(source, "{}");
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].message, "setting \"shop\" is missing");
    EXPECT_EQ(problems[1].message, "setting \"user\" is missing");
}

TEST(Account, AConfigHasToBeAnObject) {
    for (const char* config : {"[]", "null", "\"x\""}) {
        ASSERT_EQ(problems_of(config).size(), 1U);
        EXPECT_EQ(problems_of(config)[0].message, "must be an object");
    }
}

// With backtracking this pattern would keep a backend busy for longer than the universe exists.
TEST(Account, PatternsCannotHang) {
    const Source source = source_with(R"x("account": {"properties": {"a": {"pattern": "^(a+)+$"}}})x");
    EXPECT_EQ(problems_of(source, R"({"a": ")" + std::string(199, 'a') + "b\"}").size(), 1U);
    EXPECT_EQ(problems_of(source, R"({"a": ")" + std::string(199, 'a') + "\"}").size(), 0U);
}

TEST(Account, LongValuesAreNotMatched) {
    const std::vector<Problem> problems = problems_of(R"({"owner": "bob", "version": "v)" + std::string(100'000, '1') + "\"}");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].message.find("must not be longer"), std::string::npos);
}

TEST(Account, SettingsOfItsStreamsPathsAreRequired) {
    const Source source = test::source_of(R"("path": "/{account.owner}/{account.host}/items")", R"("auth": {"type": "none"}, "account": {"properties": {"owner": {}, "env": {}, "kind": {}},
        "derived": {"host": {"from": "env", "map": {"*": "x"}}, "other": {"from": "kind", "map": {"": "none"}}}})");
    const std::vector<const Stream*> streams{&source.streams[0]};
    const json::Document config = test::parse("{}");
    EXPECT_TRUE(check_account(source, config.root()).empty());
    const std::vector<Problem> problems = check_account(source, config.root(), streams);
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].message, "setting \"owner\" is missing");
    EXPECT_EQ(problems[1].message, "setting \"env\" is missing");
}

TEST(Account, NamesItsWayToSignIn) {
    const Source source = test::source_of("", R"("auth": {"one_of": {"token": {"type": "bearer", "token": "{secret.t}"},
        "basic": {"type": "basic", "username": "{account.user}"}}}, "account": {"properties": {"user": {}}})");
    EXPECT_TRUE(problems_of(source, "{}").empty());
    EXPECT_TRUE(problems_of(source, R"({"auth": "token"})").empty());
    EXPECT_EQ(problems_of(source, R"({"auth": "basic"})").at(0).message, "setting \"user\" is missing");
    EXPECT_EQ(problems_of(source, R"({"auth": "tokn"})").at(0).hint, "Perhaps you meant \"token\".");
}

TEST(Account, DoesNotStateWhatIsDerived) {
    const Source source = source_with(R"("account": {"properties": {"env": {}}, "derived": {"host": {"from": "env", "map": {"*": "x"}}}})");
    EXPECT_EQ(problems_of(source, R"({"env": "live", "host": "y"})").at(0).message, "setting \"host\" is derived from others");
}

}  // namespace
}  // namespace upstream::core
