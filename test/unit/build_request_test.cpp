// Requests: from a spec, an account, a page and bounds to what goes over the wire.
#include "core/build_request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;
using test::code_of;
using test::header_of;
using test::position;
using test::source_of;

const Timestamp kStarted = at("2026-01-02T03:04:05.678901Z");
const std::string kBase = "https://api.shop.test/v1/items";

Result<Request> build(const Source& source, const Page& page = {}, const Bounds& bounds = {}, const Account& account = {}) {
    return build_request(source, source.streams.front(), account, page, bounds, kStarted);
}

std::string url(const Source& source, const Page& page = {}, const Bounds& bounds = {}, const Account& account = {}) {
    const auto request = build(source, page, bounds, account);
    return request ? request->url : code_of(request);
}

TEST(BuildRequest, AsksForJsonByGet) {
    const auto request = build(source_of(""));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "GET");
    EXPECT_EQ(request->url, kBase);
    EXPECT_EQ(header_of(*request, "Accept"), "application/json");
    EXPECT_FALSE(request->body);
    EXPECT_FALSE(request->basic);
}

TEST(BuildRequest, TimeoutsAreTheSpecsOrTheUsual) {
    const auto usual = build(source_of(""));
    EXPECT_EQ(usual->connect_timeout, std::chrono::seconds(10));
    EXPECT_EQ(usual->total_timeout, std::chrono::seconds(60));
    const auto stated = build(source_of("", R"("auth": {"type": "none"}, "timeouts": {"connect": "2 seconds", "total": "5 minutes"})"));
    EXPECT_EQ(stated->connect_timeout, std::chrono::seconds(2));
    EXPECT_EQ(stated->total_timeout, std::chrono::minutes(5));
}

TEST(Parameters, AreEncodedAndRepeatedForLists) {
    EXPECT_EQ(url(source_of(R"("params": {"q": "a b&c", "tag[]": ["x", "y"], "limit": 100, "deep": true})")),
              kBase + "?q=a%20b%26c&tag%5B%5D=x&tag%5B%5D=y&limit=100&deep=true");
}

TEST(Parameters, WithoutAValueAreLeftOut) {
    const Source source = source_of(
        R"("params": {"since": "{cursor.start}", "region": "{account.region}"}, "cursor": {"field": "at", "type": "timestamp"})",
        R"("auth": {"type": "none"}, "account": {"properties": {"region": {"type": "string"}}})");
    EXPECT_EQ(url(source), kBase);
    EXPECT_EQ(url(source, {}, {}, {.settings = {{"region", "eu west"}}}), kBase + "?region=eu%20west");
}

TEST(Parameters, BoundsAreWrittenInTheirFormats) {
    const Source source = source_of(
        R"("params": {"from": "{cursor.start}", "to": "{cursor.end|epoch}", "day": "{cursor.start|date}"},
           "cursor": {"field": "at", "type": "timestamp"})");
    const Bounds bounds{.start = position("2026-01-01T10:00:00.5Z"), .end = position("2026-01-02T00:00:00.000001Z")};
    EXPECT_EQ(url(source, {}, bounds), kBase + "?from=2026-01-01T10%3A00%3A00.5Z&to=1767312001&day=2026-01-01") << "the end rounds up";
}

TEST(Parameters, TheRunsStartIsAValueToo) {
    EXPECT_EQ(url(source_of(R"("params": {"asof": "{run.started_at|iso_ms}"})")), kBase + "?asof=2026-01-02T03%3A04%3A05.678Z");
}

TEST(Path, ValuesAreEncodedSlashesToo) {
    const Source source = source_of(R"("path": "/{account.shop}/items")", R"("auth": {"type": "none"},
        "account": {"properties": {"shop": {"type": "string"}}, "required": ["shop"]})");
    EXPECT_EQ(url(source, {}, {}, {.settings = {{"shop", "../a/b?c"}}}), "https://api.shop.test/v1/..%2Fa%2Fb%3Fc/items");
}

TEST(Path, APlaceholderWithoutValueIsAnErrorThatNamesIt) {
    const Source source = source_of(R"("path": "/{account.shop}/items")", R"("auth": {"type": "none"},
        "account": {"properties": {"shop": {"type": "string"}}})");
    const auto request = build(source);
    ASSERT_EQ(code_of(request), "invalid_spec");
    EXPECT_NE(request.error().message.find("/{account.shop}/items"), std::string::npos);
}

TEST(BaseUrl, APlaceholderWithoutValueIsAnError) {
    const auto document = test::parse(R"({"spec_version": 1, "source": "shop", "base_url": "{account.url}", "auth": {"type": "none"},
        "account": {"properties": {"url": {"type": "string", "format": "url"}}},
        "streams": {"items": {"path": "/items", "target": "items", "primary_key": ["id"]}}})");
    const Reading reading = read_source(document.root());
    ASSERT_TRUE(reading.source);
    EXPECT_EQ(url(*reading.source), "invalid_spec");
    EXPECT_EQ(url(*reading.source, {}, {}, {.settings = {{"url", "https://eu.shop.test"}}}), "https://eu.shop.test/items");
}

TEST(Headers, TheStreamsReplaceTheSourcesInAnyCase) {
    const Source source = source_of(R"("headers": {"x-version": "2", "accept": "text/json"})",
                                    R"("auth": {"type": "none"}, "headers": {"X-Version": "1", "X-Client": "pg"})");
    const auto request = build(source);
    ASSERT_TRUE(request);
    EXPECT_EQ(header_of(*request, "x-version"), "2");
    EXPECT_EQ(header_of(*request, "X-Version"), "nothing");
    EXPECT_EQ(header_of(*request, "X-Client"), "pg");
    EXPECT_EQ(header_of(*request, "accept"), "text/json");
    EXPECT_EQ(header_of(*request, "Accept"), "nothing");
}

TEST(Headers, WithoutAValueAreLeftOut) {
    const Source source = source_of("", R"("auth": {"type": "none"}, "headers": {"X-Version": "{account.version}"},
        "account": {"properties": {"version": {"type": "string"}}})");
    EXPECT_EQ(header_of(*build(source), "X-Version"), "nothing");
    EXPECT_EQ(header_of(*build(source, {}, {}, {.settings = {{"version", "7"}}}), "X-Version"), "7");
}

TEST(PageToken, IsInjectedFromTheSecondPageOn) {
    const Source source = source_of(R"("pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "after"}})");
    EXPECT_EQ(url(source), kBase);
    EXPECT_EQ(url(source, {.token = "a/b=", .pages_before = 1}), kBase + "?after=a%2Fb%3D");
}

TEST(PageToken, NumberedReadsSendTheirStart) {
    EXPECT_EQ(url(source_of(R"("pagination": {"type": "page", "inject": {"in": "query", "name": "page"}})")), kBase + "?page=1");
    EXPECT_EQ(url(source_of(R"("pagination": {"type": "page", "start": 0, "inject": {"in": "query", "name": "page"}})")), kBase + "?page=0");
    EXPECT_EQ(url(source_of(R"("pagination": {"type": "offset", "inject": {"in": "query", "name": "skip"}})")), kBase + "?skip=0");
    EXPECT_EQ(url(source_of(R"("pagination": {"type": "offset", "inject": {"in": "query", "name": "skip"}})"), {.token = "40", .pages_before = 2}),
              kBase + "?skip=40");
}

TEST(PageToken, MayStandInAHeader) {
    const Source source = source_of(R"("pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "header", "name": "X-After"}})");
    EXPECT_EQ(header_of(*build(source), "X-After"), "nothing");
    EXPECT_EQ(header_of(*build(source, {.token = "abc", .pages_before = 1}), "X-After"), "abc");
}

TEST(PageToken, MayBePlacedBesideTheSize) {
    const Source source = source_of(R"("params": {"p": "{page.token}", "n": "{page.size}"}, "pagination": {"type": "page", "size": 25})");
    EXPECT_EQ(url(source), kBase + "?p=1&n=25");
    EXPECT_EQ(url(source, {.token = "2", .pages_before = 1}), kBase + "?p=2&n=25");
}

TEST(NextUrl, IsUsedAsItIsWithHeadersAndSignInAdded) {
    const Source source = source_of(R"("params": {"limit": 10}, "pagination": {"type": "link_header"})",
                                    R"("auth": {"type": "bearer", "token": "{secret.token}"}, "headers": {"X-Client": "pg"})");
    const Account account{.secrets = {{"token", "s3cret"}}};
    EXPECT_EQ(url(source, {}, {}, account), kBase + "?limit=10");
    const auto request = build(source, {.token = "https://api.shop.test/v1/items?p=2", .pages_before = 1}, {}, account);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://api.shop.test/v1/items?p=2");
    EXPECT_EQ(header_of(*request, "X-Client"), "pg");
    EXPECT_EQ(header_of(*request, "Authorization"), "Bearer s3cret");
}

TEST(SignIn, PutsTheCredentialWhereTheSpecSays) {
    struct Case {
        std::string auth, header, value;
    };
    const std::vector<Case> cases{
        {R"("type": "bearer", "token": "{secret.token}")", "Authorization", "Bearer s3cret"},
        {R"("type": "bearer", "token": "{secret.token}", "prefix": "Token")", "Authorization", "Token s3cret"},
        {R"("type": "api_key", "in": "header", "name": "X-Key", "value": "{secret.token}")", "X-Key", "s3cret"},
        {R"("type": "api_key", "in": "header", "name": "X-Key", "value": "{secret.token}", "prefix": "Key")", "X-Key", "Key s3cret"},
        {R"("type": "api_key", "in": "cookie", "name": "session", "value": "{secret.token}")", "Cookie", "session=s3cret"},
        {R"("type": "oauth2", "grant_type": "refresh_token", "token_url": "https://shop.test/token")", "Authorization", "Bearer access"},
    };
    const Account account{.secrets = {{"token", "s3cret"}}, .token = Token{.access = "access"}};
    for (const Case& c : cases) {
        const auto request = build(source_of("", "\"auth\": {" + c.auth + "}"), {}, {}, account);
        ASSERT_TRUE(request) << c.auth;
        EXPECT_EQ(header_of(*request, c.header), c.value) << c.auth;
    }
}

TEST(SignIn, AKeyInTheQueryIsNamedSoThatItCanBeCutOut) {
    const Source source = source_of(R"("params": {"a": "1"})", R"("auth": {"type": "api_key", "in": "query", "name": "key", "value": "{secret.key}"})");
    EXPECT_EQ(url(source, {}, {}, {.secrets = {{"key", "a b"}}}), kBase + "?a=1&key=a%20b");
    EXPECT_EQ(secret_param(source.auth), "key");
    EXPECT_EQ(secret_param(source_of("").auth), std::nullopt);
}

TEST(SignIn, BasicTakesNameAndPasswordAndThePasswordMayBeMissing) {
    const Source source = source_of("", R"("auth": {"type": "basic"})");
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(build(source, {}, {}, {.secrets = {{"username", "ann"}, {"password", "pw"}}})->basic, (Pair{"ann", "pw"}));
    EXPECT_EQ(build(source, {}, {}, {.secrets = {{"username", "ann"}}})->basic, (Pair{"ann", ""}));
    EXPECT_EQ(url(source), "invalid_spec");
}

TEST(SignIn, WithoutItsSecretIsAnErrorThatHoldsNoSecret) {
    EXPECT_EQ(url(source_of("", R"("auth": {"type": "bearer", "token": "{secret.token}"})")), "invalid_spec");
    EXPECT_EQ(url(source_of("", R"("auth": {"type": "api_key", "in": "query", "name": "k", "value": "{secret.k}"})")), "invalid_spec");
    EXPECT_EQ(url(source_of("", R"("auth": {"type": "oauth2", "grant_type": "refresh_token", "token_url": "https://shop.test/token"})")), "needs_reauth");
}

TEST(Masked, AnAccountShowsNoSecret) {
    const Source source = source_of("", R"("auth": {"type": "bearer", "token": "{secret.token}"})");
    const Account account = masked({.settings = {{"region", "eu"}}, .secrets = {{"token", "s3cret"}}, .token = Token{.access = "access"}});
    EXPECT_EQ(header_of(*build(source, {}, {}, account), "Authorization"), "Bearer ***");
    EXPECT_EQ(account.token->access, "***");
    EXPECT_EQ(account.settings.at("region"), "eu");
}

}  // namespace
}  // namespace upstream::core
