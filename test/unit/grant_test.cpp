// Tokens that need no person: client credentials, passwords, logins, exchanged JWTs; and what a token's answer may hold besides.
#include "core/token.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "core/build_request.hpp"
#include "core/sign.hpp"
#include "unit/support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::at;
using test::code_of;
using test::header_of;

const Timestamp kNow = at("2026-01-02T00:00:00Z");
const Account kAccount{.settings = {{"tenant", "t1"}}, .secrets = {{"client_id", "id"}, {"client_secret", "s3cret"}, {"username", "ann"}, {"password", "p&w"}}};

Source with_oauth(const std::string& more) {
    return test::source_of("", R"("account": {"properties": {"tenant": {"type": "string"}, "instance": {"type": "string", "format": "url"}}}, "auth": {"type": "oauth2", "token_url": "https://shop.test/token", )" + more + "}");
}

Source with_login(const std::string& request, const std::string& more = "") {
    return test::source_of("", R"("auth": {"type": "login", "request": {)" + request + R"(}, "token": "$.session.id")" + more + "}");
}

Result<Request> ask(const Source& source) { return token_request(source, source.auth, kAccount, "", kNow); }
Result<Grant> read(const Source& source, const Response& response) { return read_grant(source, source.auth, response, kNow); }

TEST(ClientCredentials, AreAskedForWithTheClientAlone) {
    const auto request = ask(with_oauth(R"("grant_type": "client_credentials", "client_auth": "body", "params": {"audience": "{account.tenant}"})"));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body, "grant_type=client_credentials&client_id=id&client_secret=s3cret&audience=t1");
}

TEST(PasswordGrant, SendsTheAccountsNameAndPassword) {
    const auto request = ask(with_oauth(R"("grant_type": "password")"));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->body, "grant_type=password&username=ann&password=p%26w");
}

TEST(TokenFormat, MayBeJsonOrTheQuery) {
    const auto json = ask(with_oauth(R"("grant_type": "client_credentials", "token_format": "json", "client_auth": "body", "headers": {"X-Tenant": "{account.tenant}"})"));
    EXPECT_EQ(json->body, R"({"grant_type":"client_credentials","client_id":"id","client_secret":"s3cret"})");
    EXPECT_EQ(header_of(*json, "Content-Type"), "application/json");
    EXPECT_EQ(header_of(*json, "X-Tenant"), "t1");
    const auto query = ask(with_oauth(R"("grant_type": "client_credentials", "token_format": "query", "client_auth": "body")"));
    EXPECT_EQ(query->url, "https://shop.test/token?grant_type=client_credentials&client_id=id&client_secret=s3cret");
    EXPECT_FALSE(query->body);
}

TEST(TokenAnswer, IsReadWhereTheSpecSays) {
    const Source source = with_oauth(R"("grant_type": "client_credentials", "response": {"access_token": "$.data.token", "expires_at": "$.data.until", "expires_at_format": "epoch"}, "remember": {"instance": "$.data.url"})");
    const auto grant = read(source, answer(R"({"data": {"token": "t", "until": 1767315600, "url": "https://eu1.shop.test"}})"));
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->access, "t");
    EXPECT_EQ(grant->lifetime, 1h);
    EXPECT_EQ(grant->remembered, (Words{{"instance", "https://eu1.shop.test"}}));
}

TEST(TokenAnswer, ASettingThatDoesNotFitItsFormatIsRefused) {
    const Source source = with_oauth(R"("grant_type": "client_credentials", "remember": {"instance": "$.url"})");
    EXPECT_EQ(code_of(read(source, answer(R"({"access_token": "t", "url": "file:///etc/passwd"})"))), "shape");
    EXPECT_EQ(code_of(read(source, answer(R"({"access_token": "t"})"))), "ok") << "it may be missing";
}

TEST(TokenAnswer, ARememberedSettingCountsBeforeTheAccountsOwn) {
    Source source = test::source_of("");
    source.base_url = *Text::parse("{account.instance}/v2");
    const Account account{.settings = {{"instance", "https://login.test"}}, .token = Token{.access = "t", .remembered = {{"instance", "https://eu1.test"}}}};
    EXPECT_EQ(build_request(source, source.streams.front(), account, {}, {}, kNow)->url, "https://eu1.test/v2/items");
}

TEST(Refusal, OfStoredCredentialsNeedsAPersonWhileAFaultMayPass) {
    const Source client = with_oauth(R"("grant_type": "client_credentials")");
    EXPECT_EQ(code_of(read(client, answer(R"({"error": "invalid_client"})", 400))), "needs_reauth");
    EXPECT_EQ(code_of(read(client, answer("", 401))), "needs_reauth");
    EXPECT_EQ(code_of(read(client, answer("", 503))), "server_error");
    const Source refresh = with_oauth(R"("grant_type": "refresh_token")");
    EXPECT_EQ(code_of(read(refresh, answer(R"({"error": "invalid_client"})", 401))), "auth_failed") << "the refresh token may still be good";
    EXPECT_EQ(code_of(read(with_login(R"("url": "/login")"), answer("wrong password", 403))), "needs_reauth");
}

TEST(Login, AsksUnderTheBaseUrlOrElsewhere) {
    const auto request = ask(with_login(R"("url": "/login", "params": {"v": 2}, "headers": {"X-App": "pg"}, "body": {"user": "{secret.username}", "pw": "{secret.password}"})"));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->url, "https://api.shop.test/v1/login?v=2");
    EXPECT_EQ(request->body, R"({"user":"ann","pw":"p&w"})");
    EXPECT_EQ(header_of(*request, "X-App"), "pg");
    const auto elsewhere = ask(with_login(R"("method": "GET", "url": "https://id.shop.test/session", "auth": {"type": "basic"})"));
    EXPECT_EQ(elsewhere->url, "https://id.shop.test/session");
    EXPECT_EQ(elsewhere->method, "GET");
    ASSERT_TRUE(elsewhere->basic);
    EXPECT_EQ(elsewhere->basic->second, "p&w");
}

TEST(Login, TakesTheTokenFromTheAnswerOrAHeader) {
    const auto grant = read(with_login(R"("url": "/login")", R"(, "expires_in": "$.ttl", "lifetime": "2 hours")"), answer(R"({"session": {"id": "s1"}, "ttl": 60})"));
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->access, "s1");
    EXPECT_EQ(grant->lifetime, 1min);
    EXPECT_EQ(read(with_login(R"("url": "/login")", R"(, "lifetime": "2 hours")"), answer(R"({"session": {"id": "s1"}})"))->lifetime, 2h);

    Source by_header = with_login(R"("url": "/login")");
    by_header.auth.login->token = *Path::parse("header:X-Session");
    EXPECT_EQ(read(by_header, answer("welcome", 200, {{"x-session", "s2"}}))->access, "s2");
    EXPECT_EQ(code_of(read(by_header, answer("welcome"))), "shape");
}

TEST(Exchange, SendsASignedTokenAndTakesTheAccessToken) {
    const Source source = test::source_of("", R"("auth": {"type": "jwt", "algorithm": "HS256", "key": "{secret.client_secret}", "claims": {"iss": "{secret.client_id}"}, "token_url": "https://id.test/token"})");
    const auto request = ask(source);
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->body->starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ"));
    EXPECT_EQ(read(source, answer(R"({"access_token": "t", "expires_in": 600})"))->lifetime, 10min);
    EXPECT_TRUE(needs_token(source.auth, Token{.access = "t", .expires_at = kNow + 1min, .lifetime = 10min}, kNow));
    EXPECT_FALSE(needs_token(source.auth, Token{.access = "t", .expires_at = kNow + 9min, .lifetime = 10min}, kNow));
}

TEST(Exchange, TakesALifetimeThatIsNoneForOneThatIsNotStated) {
    const Source source = test::source_of("", R"("auth": {"type": "jwt", "algorithm": "HS256", "key": "{secret.client_secret}", "claims": {"iss": "{secret.client_id}"}, "token_url": "https://id.test/token"})");
    const auto unstated = read(source, answer(R"({"access_token": "t"})"))->lifetime;
    EXPECT_GT(unstated, Duration{0});
    for (const char* const none : {"0", "-1", "1e-8", "\"soon\""})
        EXPECT_EQ(read(source, answer(R"({"access_token": "t", "expires_in": )" + std::string{none} + "}"))->lifetime, unstated) << none;
}

TEST(OwnJwt, IsMadeForEachRequestAndNeedsNoToken) {
    const Source source = test::source_of("", R"("auth": {"type": "jwt", "algorithm": "HS256", "key": "{secret.client_secret}"})");
    EXPECT_FALSE(needs_token(source.auth, std::nullopt, kNow));
    const auto request = build_request(source, source.streams.front(), kAccount, {}, {}, kNow);
    ASSERT_TRUE(request);
    EXPECT_TRUE(header_of(*request, "Authorization").starts_with("Bearer eyJ"));
}

}  // namespace
}  // namespace upstream::core
