// Ways to sign in: what each key of `auth` and `account` means.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::one;
using test::problems_of;
using test::source_of;

Auth auth_of(const std::string& members) { return source_of("", R"("auth": {)" + members + "}").auth; }

std::vector<std::string> problems_of_auth(const std::string& members) { return problems_of("", R"("auth": {)" + members + "}"); }

TEST(SourceAuth, ApiKeysGoIntoAnyPartOfTheRequest) {
    for (const auto& [word, place] : {std::pair{"header", Place::header}, {"query", Place::query}, {"cookie", Place::cookie}, {"body", Place::body}}) {
        const Auth auth = auth_of(std::string(R"("type": "api_key", "in": ")") + word + R"(", "name": "key", "value": "{secret.key}")");
        EXPECT_EQ(auth.place, place) << word;
    }
}

TEST(SourceAuth, OAuth2HasEveryKey) {
    const OAuth2 oauth2 = *auth_of(R"("type": "oauth2", "grant_type": "password", "token_url": "https://id.test/token", "refresh_url": "https://id.test/refresh",
        "client_auth": "none", "scopes": ["a", "b"], "scope_separator": ",", "params": {"audience": "{account.x}"}, "headers": {"Accept": "application/json"},
        "token_format": "query", "refresh_before_expiry": {"at_most": "1 minute", "fraction": 0.5}, "rotates_refresh_token": true,
        "reauth_errors": ["gone"], "lifetime": "2 hours", "remember": {"x": "$.instance"},
        "response": {"access_token": "$.t", "refresh_token": "$.r", "expires_in": "$.e", "expires_at": "header:X-Until", "expires_at_format": "epoch"},
        "send": {"in": "query", "name": "token", "prefix": "Shop"})").oauth2;
    EXPECT_EQ(oauth2.grant, OAuth2::Grant::password);
    EXPECT_EQ(oauth2.refresh_url->source(), "https://id.test/refresh");
    EXPECT_EQ(oauth2.client_auth, OAuth2::ClientAuth::none);
    EXPECT_EQ(oauth2.scopes, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(oauth2.scope_separator, ",");
    EXPECT_EQ(oauth2.params.at(0).second.source(), "{account.x}");
    EXPECT_EQ(oauth2.headers.at(0).first, "Accept");
    EXPECT_EQ(oauth2.token_format, OAuth2::TokenFormat::query);
    EXPECT_EQ(oauth2.refresh_at_most, 1min);
    EXPECT_EQ(oauth2.refresh_fraction, 0.5);
    EXPECT_TRUE(oauth2.rotates_refresh_token);
    EXPECT_EQ(oauth2.reauth_errors, (std::vector<std::string>{"gone"}));
    EXPECT_EQ(oauth2.lifetime, 2h);
    EXPECT_EQ(oauth2.remember.at(0).first, "x");
    EXPECT_EQ(oauth2.remember.at(0).second.text(), "$.instance");
    EXPECT_EQ(oauth2.answer.access_token->text(), "$.t");
    EXPECT_EQ(oauth2.answer.expires_at->header(), "X-Until");
    EXPECT_EQ(oauth2.answer.expires_at_format, TimeFormat::epoch);
    EXPECT_EQ(oauth2.send->in, Place::query);
    EXPECT_EQ(oauth2.send->prefix, "Shop");
}

TEST(SourceAuth, OAuth2MeansTheStandardWhereItSaysNothing) {
    const OAuth2 oauth2 = *auth_of(R"("type": "oauth2", "grant_type": "client_credentials", "token_url": "https://id.test/token")").oauth2;
    EXPECT_EQ(oauth2.grant, OAuth2::Grant::client_credentials);
    EXPECT_EQ(oauth2.client_id.source(), "{secret.client_id}");
    EXPECT_EQ(oauth2.client_auth, OAuth2::ClientAuth::basic);
    EXPECT_EQ(oauth2.token_format, OAuth2::TokenFormat::form);
    EXPECT_EQ(oauth2.prefix, "Bearer");
    EXPECT_EQ(oauth2.lifetime, 1h);
    EXPECT_EQ(oauth2.reauth_errors, (std::vector<std::string>{"invalid_grant"}));
    EXPECT_FALSE(oauth2.send);
    EXPECT_FALSE(oauth2.answer.access_token);
}

TEST(SourceAuth, LoginHasARequestOfItsOwn) {
    const Auth auth = auth_of(R"("type": "login", "request": {"method": "PUT", "url": "/session", "params": {"v": 1}, "headers": {"X": "y"},
        "body": {"user": "{secret.user}"}, "body_format": "form", "auth": {"type": "basic"}}, "token": "$.token", "expires_in": "$.ttl",
        "lifetime": "10 minutes", "send": {"in": "cookie", "name": "sid"}, "remember": {"me": "$.user.id"})");
    const Login& login = *auth.login;
    EXPECT_TRUE(auth.has_token());
    EXPECT_EQ(login.method, "PUT");
    EXPECT_EQ(login.url.source(), "/session");
    EXPECT_EQ(login.params.at(0).first, "v");
    EXPECT_EQ(login.headers.at(0).first, "X");
    EXPECT_EQ(login.body->members.at(0).second.text.source(), "{secret.user}");
    EXPECT_EQ(login.body_format, BodyFormat::form);
    EXPECT_EQ(login.auth->type, Auth::Type::basic);
    EXPECT_EQ(login.token.text(), "$.token");
    EXPECT_EQ(login.expires_in->text(), "$.ttl");
    EXPECT_EQ(login.lifetime, 10min);
    EXPECT_EQ(login.send.in, Place::cookie);
    EXPECT_EQ(login.send.prefix, "");
    EXPECT_EQ(login.remember.at(0).first, "me");
}

TEST(SourceAuth, ATokenIsSentInTheAuthorizationHeaderUnlessStated) {
    const Login login = *auth_of(R"("type": "login", "request": {"url": "https://id.test/login"}, "token": "$.t")").login;
    EXPECT_EQ(login.method, "POST");
    EXPECT_EQ(login.send.in, Place::header);
    EXPECT_EQ(login.send.name, "Authorization");
    EXPECT_EQ(login.send.prefix, "Bearer");
    EXPECT_EQ(login.lifetime, 1h);
}

TEST(SourceAuth, JwtHasEveryKey) {
    const Auth auth = auth_of(R"("type": "jwt", "algorithm": "ES384", "key": "{secret.pem}", "key_encoding": "hex", "headers": {"kid": "1"},
        "claims": {"iss": "{secret.x}", "n": 5, "ok": true}, "lifetime": "1 minute", "token_url": "https://id.test/token",
        "send": {"in": "header", "name": "X-Token"})");
    const Jwt& jwt = *auth.jwt;
    EXPECT_EQ(jwt.algorithm, Jwt::Algorithm::es384);
    EXPECT_EQ(jwt.key_encoding, Jwt::KeyEncoding::hex);
    EXPECT_EQ(jwt.headers.at(0).first, "kid");
    ASSERT_EQ(jwt.claims.size(), 3U);
    EXPECT_EQ(jwt.claims[0].second.text.source(), "{secret.x}");
    EXPECT_EQ(jwt.claims[1].second.literal, "5");
    EXPECT_EQ(jwt.lifetime, 1min);
    EXPECT_TRUE(auth.has_token());
    EXPECT_EQ(jwt.send.name, "X-Token");
}

TEST(SourceAuth, SeveralWaysHaveNamesAndTheFirstCounts) {
    const Source source = source_of(R"("auth": "key")", R"("auth": {"one_of": {"token": {"type": "bearer", "token": "x"},
        "key": {"type": "api_key", "in": "query", "name": "key", "value": "y"}}})");
    ASSERT_EQ(source.ways.size(), 2U);
    EXPECT_EQ(source.auth.type, Auth::Type::bearer);
    EXPECT_EQ(source.streams[0].auth->type, Auth::Type::api_key);
}

TEST(SourceAuth, WhatIsRememberedIsASetting) {
    EXPECT_EQ(problems_of(R"("base_url": "{account.instance}")", R"("auth": {"type": "oauth2", "grant_type": "refresh_token",
        "token_url": "https://id.test/token", "remember": {"instance": "$.url"}})"), std::vector<std::string>{});
}

TEST(SourceAuth, MistakesAreTold) {
    EXPECT_EQ(problems_of_auth(R"("type": "login", "request": {"url": "/s", "auth": {"type": "jwt", "algorithm": "HS256", "key": "k"}}, "token": "$.t")"),
              one(R"($.auth.request.auth.type: must be one of "none", "basic", "bearer" or "api_key")"));
    EXPECT_EQ(problems_of_auth(R"("type": "login", "request": {"url": "ftp://id.test"}, "token": "$.t")"),
              one("$.auth.request.url: must be an http or https URL without user and password"));
    EXPECT_EQ(problems_of_auth(R"("type": "jwt", "algorithm": "HS256", "key": "k", "headers": {"alg": "none"})"), one(R"($.auth.headers.alg: header "alg" is set by itself)"));
    EXPECT_EQ(problems_of_auth(R"("type": "jwt", "algorithm": "HS256", "key": "k", "claims": {"aud": ["a"]})"),
              one("$.auth.claims.aud: must be a string, a number, true or false"));
    EXPECT_EQ(problems_of_auth(R"("type": "oauth2", "grant_type": "refresh_token", "token_url": "https://id.test/t", "prefix": "P", "send": {"in": "query", "name": "t"})"),
              one(R"($.auth.prefix: has no effect where "send" is stated)"));
    EXPECT_EQ(problems_of(R"("auth": "key")"), one(R"($.streams.items.auth: no way to sign in is named "key")"));
    EXPECT_EQ(problems_of(R"("headers": {"authorization": "x"})", R"("auth": {"type": "bearer", "token": "t"})"),
              one(R"($.streams.items.headers: header "Authorization" would be sent twice)"));
}

TEST(SourceAccount, SettingsAreDerivedByClosedTables) {
    const Source source = source_of("", R"("auth": {"type": "none"}, "base_url": "https://{account.host}", "account": {"properties": {"env": {"default": "live"}},
        "derived": {"host": {"from": "env", "map": {"live": "api.shop.test", "*": "{account.env}.shop.test", "": "api.shop.test"}}}})");
    ASSERT_EQ(source.derived.size(), 1U);
    EXPECT_EQ(source.derived[0].from, "env");
    EXPECT_EQ(source.derived[0].map.at(1).first, "*");
    EXPECT_EQ(source.derived[0].map.at(1).second.source(), "{account.env}.shop.test");
}

TEST(SourceAccount, ADerivedSettingNamesWhatAnAccountStates) {
    EXPECT_EQ(problems_of("", R"("account": {"properties": {"env": {}}, "derived": {"host": {"from": "evn", "map": {}}}})"),
              one(R"($.account.derived.host.from: no account setting "evn")"));
    EXPECT_EQ(problems_of("", R"("account": {"properties": {"env": {}}, "derived": {"env": {"from": "env", "map": {}}}})"),
              one(R"($.account.derived.env: setting "env" stands in "properties" too)"));
    EXPECT_EQ(problems_of("", R"("account": {"properties": {"env": {}}, "derived": {"a": {"from": "env", "map": {}}, "b": {"from": "env", "map": {"*": "{account.a}"}}}})"),
              one(R"($.account.derived.b.map['*']: no account setting "a")"));
    EXPECT_EQ(problems_of("", R"("account": {"properties": {"env": {}}, "derived": {"a": {"from": "env", "map": {"*": "{secret.a}"}}}})"),
              one(R"($.account.derived.a.map['*']: {secret.a} is not allowed in derived settings)"));
}

TEST(SourceCheck, ProvesAnAccountByOneRequest) {
    const Source source = source_of("", R"("auth": {"type": "none"}, "check": {"path": "/me", "method": "POST", "params": {"k": "{secret.k}"}, "body": {"a": [1, null]}})");
    EXPECT_EQ(source.check->path.source(), "/me");
    EXPECT_EQ(source.check->method, "POST");
    EXPECT_EQ(source.check->body->members.at(0).second.items.at(1).literal, "null");
    EXPECT_EQ(problems_of("", R"("check": {"path": "/me/{secret.k}"})"), one("$.check.path: {secret.k} is not allowed in check.path"));
    EXPECT_EQ(problems_of("", R"("check": {"path": "https://x.test/me"})"), one("$.check.path: must be a path, not a URL"));
}

}  // namespace
}  // namespace upstream::core
