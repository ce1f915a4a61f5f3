// OAuth 2 refresh: when, what is asked, and what the answer means.
#include "core/token.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::at;
using test::code_of;
using test::header_of;

const Timestamp kNow = at("2026-01-02T00:00:00Z");

Source source_with(const std::string& oauth = "") {
    return test::source_of("", R"("auth": {"type": "oauth2", "grant_type": "refresh_token", "token_url": "https://shop.test/token")" +
                                   (oauth.empty() ? "" : ", " + oauth) + "}");
}

const Account kAccount{.secrets = {{"client_id", "id/1"}, {"client_secret", "s&1"}}};

Token token(std::optional<Duration> left, Duration lifetime) {
    return {.access = "a", .expires_at = left ? std::optional{kNow + *left} : std::nullopt, .lifetime = lifetime};
}

TEST(NeedsToken, WithinTheSmallerOfMarginAndFraction) {
    const Auth auth = source_with(R"("refresh_before_expiry": {"at_most": "5 minutes", "fraction": 0.2})").auth;
    struct Case {
        Duration left, lifetime;
        bool expected;
    };
    const std::vector<Case> cases{
        {5min + 1us, 1h, false}, {5min, 1h, true},         {0s, 1h, true},           {-1h, 1h, true},
        {61s, 5min, false},      {60s, 5min, true},        {3h, 24h, false},         {5min, 24h, true},
        {5min + 1us, 0s, false}, {4min, 0s, true},  // no lifetime known: the spec's
    };
    for (const Case& c : cases) EXPECT_EQ(needs_token(auth, token(c.left, c.lifetime), kNow), c.expected) << c.left.count() << " " << c.lifetime.count();
}

TEST(NeedsToken, WithoutATokenAlways) { EXPECT_TRUE(needs_token(source_with().auth, std::nullopt, kNow)); }

TEST(NeedsToken, ATokenWithoutAnEndNever) { EXPECT_FALSE(needs_token(source_with().auth, token(std::nullopt, 1h), kNow)); }

Result<Request> ask(const Source& source, const Account& account, const std::string& refresh_token) {
    return token_request(source, source.auth, account, refresh_token, kNow);
}

TEST(RefreshRequest, PostsAFormWithTheClientInTheHeader) {
    const auto request = ask(source_with(), kAccount, "r+1");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->url, "https://shop.test/token");
    EXPECT_EQ(header_of(*request, "Content-Type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(request->body, "grant_type=refresh_token&refresh_token=r%2B1");
    EXPECT_EQ(request->basic, (std::pair<std::string, std::string>{"id%2F1", "s%261"})) << "form-encoded first, as RFC 6749 2.3.1 says";
}

TEST(RefreshRequest, TheClientMayStandInTheBodyOrNeedNoSecret) {
    const auto body = ask(source_with(R"("client_auth": "body")"), kAccount, "r");
    EXPECT_EQ(body->body, "grant_type=refresh_token&refresh_token=r&client_id=id%2F1&client_secret=s%261");
    EXPECT_FALSE(body->basic);
    const auto none = ask(source_with(R"("client_auth": "none")"), {.secrets = {{"client_id", "id"}}}, "r");
    EXPECT_EQ(none->body, "grant_type=refresh_token&refresh_token=r&client_id=id");
    EXPECT_FALSE(none->basic);
}

TEST(RefreshRequest, SendsScopesAndTheSpecsOwnParameters) {
    const auto request = ask(source_with(R"("scopes": ["a:b", "c"], "scope_separator": ",", "params": {"audience": "api"})"), kAccount, "r");
    EXPECT_EQ(request->body, "grant_type=refresh_token&refresh_token=r&scope=a%3Ab%2Cc&audience=api");
}

TEST(RefreshRequest, GoesToTheRefreshUrlIfThereIsOne) {
    EXPECT_EQ(ask(source_with(R"("refresh_url": "https://shop.test/refresh")"), kAccount, "r")->url, "https://shop.test/refresh");
}

TEST(RefreshRequest, WithoutTheClientsSecretsIsAnError) {
    EXPECT_EQ(code_of(ask(source_with(), {}, "r")), "invalid_spec");
    EXPECT_EQ(code_of(ask(source_with(), {.secrets = {{"client_id", "id"}}}, "r")), "invalid_spec");
}

Result<Grant> read(const Response& response, const std::string& oauth = "") {
    const Source source = source_with(oauth);
    return read_grant(source, source.auth, response, kNow);
}

TEST(ReadGrant, TakesTheNewPair) {
    const auto grant = read(answer(R"({"access_token": "a2", "refresh_token": "r2", "expires_in": 900, "token_type": "Bearer"})"));
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->access, "a2");
    EXPECT_EQ(grant->refresh, "r2");
    EXPECT_EQ(grant->lifetime, 15min);
}

TEST(ReadGrant, WithoutANewRefreshTokenTheOldOneStaysGood) {
    EXPECT_EQ(read(answer(R"({"access_token": "a2"})"))->refresh, std::nullopt);
    EXPECT_EQ(read(answer(R"({"access_token": "a2", "refresh_token": ""})"))->refresh, std::nullopt);
    EXPECT_EQ(read(answer(R"({"access_token": "a2", "refresh_token": null})"))->refresh, std::nullopt);
}

TEST(ReadGrant, ALifetimeComesInManyForms) {
    struct Case {
        std::string expires_in;
        Duration expected;
    };
    const std::vector<Case> cases{{"900", 15min},        {"\"900\"", 15min}, {"899.5", 899500ms}, {"1e3", 1000s},   {"0", 1h},
                                  {"-5", 1h},            {"\"soon\"", 1h},   {"null", 1h},        {"true", 1h},     {"1e308", 24h * 366},
                                  {"\"inf\"", 1h}, {"\"nan\"", 1h}};
    for (const Case& c : cases) {
        const auto grant = read(answer(R"({"access_token": "a", "expires_in": )" + c.expires_in + "}"));
        ASSERT_TRUE(grant) << c.expires_in;
        EXPECT_EQ(grant->lifetime, c.expected) << c.expires_in;
    }
    EXPECT_EQ(read(answer(R"({"access_token": "a"})"), R"("lifetime": "2 hours")")->lifetime, 2h) << "the spec's, if the answer names none";
}

TEST(ReadGrant, ARefusedRefreshTokenNeedsAPerson) {
    const auto grant = read(answer(R"({"error": "invalid_grant", "error_description": "Token was revoked"})", 400));
    ASSERT_EQ(code_of(grant), "needs_reauth");
    EXPECT_EQ(grant.error().detail, "invalid_grant: Token was revoked");
}

TEST(ReadGrant, TheSpecMayNameOtherReasons) {
    const std::string oauth = R"("reauth_errors": ["token_dead"])";
    EXPECT_EQ(code_of(read(answer(R"({"error": "token_dead"})", 401), oauth)), "needs_reauth");
    EXPECT_EQ(code_of(read(answer(R"({"error": "invalid_grant"})", 401), oauth)), "auth_failed");
}

TEST(ReadGrant, WhatMayPassIsTransient) {
    EXPECT_EQ(code_of(read(answer("", 500))), "server_error");
    EXPECT_EQ(code_of(read(answer("<html>", 503))), "server_error");
    EXPECT_EQ(code_of(read(answer("{}", 429))), "rate_limited");
    EXPECT_EQ(code_of(read(answer(R"({"error": "temporarily_unavailable"})", 503))), "server_error");
}

TEST(ReadGrant, AnAnswerThatMakesNoSenseIsAnError) {
    EXPECT_EQ(code_of(read(answer("<html>"))), "not_json");
    EXPECT_EQ(code_of(read(answer("[]"))), "not_json");
    EXPECT_EQ(code_of(read(answer("{}"))), "shape");
    EXPECT_EQ(code_of(read(answer(R"({"access_token": ""})"))), "shape");
    EXPECT_EQ(code_of(read(answer(R"({"access_token": 17})"))), "shape");
    EXPECT_EQ(code_of(read(answer(std::string(300'000, ' ')))), "too_large");
}

TEST(ReadGrant, AnErrorNeverShowsATokenThatTheAnswerEchoes) {
    for (const int status : {200, 400, 401, 500}) {
        const auto grant = read(answer(R"({"refresh_token": "s3cret-r", "request": {"refresh_token": "s3cret-r"}, "error": "odd"})", status));
        ASSERT_FALSE(grant);
        const Error& error = grant.error();
        EXPECT_EQ((error.message + error.detail + error.hint).find("s3cret"), std::string::npos) << status;
    }
}

TEST(ReadGrant, ReasonsAreCutAndInOneLine) {
    const auto grant = read(answer(R"({"error": "odd", "error_description": "a\nb)" + std::string(1000, 'x') + "\"}", 400));
    EXPECT_EQ(grant.error().detail.find('\n'), std::string::npos);
    EXPECT_LT(grant.error().detail.size(), 250U);
}

}  // namespace
}  // namespace upstream::core
