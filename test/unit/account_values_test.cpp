// What an account's settings come to: derived ones, ways to sign in, and what need not be stated.
#include "core/account.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/sign.hpp"
#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::parse;
using test::source_of;

const char* const kDerived = R"("auth": {"type": "none"}, "account": {"properties": {"environment": {"type": "string"}, "shop": {"type": "string"}},
    "derived": {"host": {"from": "environment", "map": {"live": "{account.shop}.x.test", "*": "sandbox.x.test", "": "x.test"}}}})";

std::string host_of(Words settings) {
    const Source source = source_of("", kDerived);
    Account account{.settings = std::move(settings)};
    add_derived(source, account);
    const std::string* host = setting_of(account, "host");
    return host == nullptr ? "nothing" : *host;
}

TEST(Derived, TakesTheTextOfTheValueOrOfAnyOtherOrOfNone) {
    EXPECT_EQ(host_of({{"environment", "live"}, {"shop", "s1"}}), "s1.x.test");
    EXPECT_EQ(host_of({{"environment", "test"}}), "sandbox.x.test");
    EXPECT_EQ(host_of({}), "x.test");
}

TEST(Derived, ATextThatLacksASettingIsNoSetting) { EXPECT_EQ(host_of({{"environment", "live"}}), "nothing"); }

std::vector<std::string> problems_of(const std::string& config) {
    Source source = source_of("", R"("account": {"properties": {"tenant": {"type": "string"}, "instance": {"type": "string", "format": "url"}}},
        "auth": {"one_of": {"key": {"type": "bearer", "token": "{account.tenant}-{secret.token}"},
                            "oauth": {"type": "oauth2", "grant_type": "client_credentials", "token_url": "https://id.test/token", "remember": {"instance": "$.url"}}}})");
    source.base_url = *Text::parse("{account.instance}/v1");
    std::vector<std::string> messages;
    for (const Problem& problem : check_account(source, parse(config).root())) messages.push_back(problem.path + ": " + problem.message);
    return messages;
}

TEST(CheckAccount, TakesTheNameOfAWayToSignIn) {
    EXPECT_EQ(problems_of(R"({"auth": "oauth"})"), std::vector<std::string>{});
    EXPECT_EQ(problems_of(R"({"auth": "oath", "instance": "https://x.test"})"), std::vector<std::string>{R"($.auth: must be one of "key" or "oauth")"});
    EXPECT_EQ(problems_of(R"({"auth": "key", "tenant": "t", "instance": "https://x.test"})"), std::vector<std::string>{});
}

TEST(CheckAccount, AsksForWhatTheChosenWayNeedsButNotForWhatComesWithItsToken) {
    const std::vector<std::string> missing{R"($: setting "tenant" is missing)", R"($: setting "instance" is missing)"};
    EXPECT_EQ(problems_of(R"({"auth": "key"})"), missing);
    EXPECT_EQ(problems_of("{}"), missing) << "the first counts";
    EXPECT_EQ(problems_of(R"({"auth": "oauth"})"), std::vector<std::string>{});
}

}  // namespace
}  // namespace upstream::core
