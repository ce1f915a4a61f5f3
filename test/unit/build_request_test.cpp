// Requests: from a spec, an account, a page and bounds to what goes over the wire.
#include "core/build_request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/sign.hpp"
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
    EXPECT_EQ(secret_params(source, source.streams.front()), std::vector<std::string>{"key"});
    EXPECT_TRUE(secret_params(source_of(""), source_of("").streams.front()).empty());
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

JsonText object_of(std::vector<std::pair<std::string, std::string>> members) {
    JsonText json{.kind = JsonText::Kind::object};
    for (auto& [name, text] : members) json.members.emplace_back(name, JsonText{.kind = JsonText::Kind::text, .text = *Text::parse(text)});
    return json;
}

// A source whose stream posts that body.
Source posting(JsonText body, const std::string& stream = R"("pagination": {"type": "page", "size": 25, "inject": {"in": "query", "name": "p"}})") {
    Source source = source_of(stream);
    source.streams.front().method = "POST";
    source.streams.front().body = std::move(body);
    return source;
}

TEST(Body, IsJsonUnlessTheSpecSaysOtherwise) {
    Source source = posting(object_of({{"page", "{page.token}"}, {"since", "{cursor.start}"}}));
    const auto request = build(source);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(header_of(*request, "Content-Type"), "application/json");
    EXPECT_EQ(request->body, R"({"page":1})") << "the number is a number, and what has no value is left out";
}

TEST(Body, MayBeAFormOrText) {
    Source source = posting(object_of({{"page", "{page.token}"}, {"q", "a&b"}}));
    source.streams.front().body_format = BodyFormat::form;
    EXPECT_EQ(build(source)->body, "page=1&q=a%26b");
    EXPECT_EQ(header_of(*build(source), "Content-Type"), "application/x-www-form-urlencoded");

    source.streams.front().body = JsonText{.kind = JsonText::Kind::text, .text = *Text::parse("fields id; offset {page.token};")};
    source.streams.front().body_format = BodyFormat::text;
    EXPECT_EQ(build(source)->body, "fields id; offset 1;");
    EXPECT_EQ(header_of(*build(source), "Content-Type"), "text/plain; charset=utf-8");
}

TEST(Body, AContentTypeOfTheSpecCounts) {
    Source source = posting(object_of({{"a", "b"}}), R"("headers": {"content-type": "application/vnd.api+json"})");
    EXPECT_EQ(header_of(*build(source), "content-type"), "application/vnd.api+json");
    EXPECT_EQ(header_of(*build(source), "Content-Type"), "nothing");
}

TEST(PageToken, GoesToADottedMemberOfTheBody) {
    Source source = posting(object_of({{"query", "{ orders {id, total} }"}}), R"("pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "x"}})");
    source.streams.front().pagination.inject = Pagination::Inject{.in = Place::body, .name = "variables.after"};
    EXPECT_EQ(build(source)->body, R"({"query":"{ orders {id, total} }"})");
    EXPECT_EQ(build(source, {.token = "abc", .pages_before = 1})->body, R"({"query":"{ orders {id, total} }","variables":{"after":"abc"}})");
}

TEST(FirstRequestOnly, LeavesParametersAndBodyOutOfLaterRequests) {
    Source source = posting(object_of({{"filter", "new"}}),
                            R"("params": {"q": "new", "limit": 5}, "pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "after"}})");
    source.streams.front().pagination.first_params = {"q"};
    source.streams.front().pagination.first_body = true;
    EXPECT_EQ(url(source), kBase + "?q=new&limit=5");
    EXPECT_TRUE(build(source)->body);
    const Page second{.token = "abc", .pages_before = 1};
    EXPECT_EQ(url(source, second), kBase + "?limit=5&after=abc");
    EXPECT_FALSE(build(source, second)->body);
}

Result<Request> build_for(const Source& source, const PartitionValues& values) {
    return build_request(source, source.streams.front(), {}, {}, {}, kStarted, values);
}

TEST(PartitionValues, GoIntoPathParametersAndBody) {
    Source source = posting(object_of({{"id", "{parent.id}"}, {"note", "{parent.note}"}, {"ids", "{parents.id}"}, {"since", "{parent.seen|epoch}"}}));
    Stream& stream = source.streams.front();
    stream.path = *Text::parse("/users/{parent.name}/items");
    stream.params = {{"region", {*Text::parse("{partition.region}")}}, {"ids", {*Text::parse("{parents.id|csv}")}}};
    const Words seven{{"id", "7"}, {"name", "a/b c"}, {"seen", "2026-01-01 00:00:00+00"}};
    const PartitionValues values{.lists = {{"region", "eu"}}, .parents = {seven}, .kinds = {{"id", json::Kind::number}}};
    const auto request = build_for(source, values);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://api.shop.test/v1/users/a%2Fb%20c/items?region=eu&ids=7&p=1");
    EXPECT_EQ(request->body, R"({"id":7,"ids":[7],"since":1767225600})");
}

TEST(PartitionValues, OneRequestMayBeForManyParents) {
    Source source = posting(object_of({{"ids", "{parents.id}"}}));
    source.streams.front().params = {{"ids", {*Text::parse("{parents.id|csv}")}}};
    const PartitionValues values{.parents = {{{"id", "1"}}, {{"id", "2"}}, {}}, .kinds = {{"id", json::Kind::number}}};
    EXPECT_EQ(build_for(source, values)->url, kBase + "?ids=1%2C2&p=1");
    EXPECT_EQ(build_for(source, values)->body, R"({"ids":[1,2]})");
}

TEST(PartitionValues, APathWithoutOneOrWithOnlyDotsIsAnError) {
    Source source = source_of("");
    source.streams.front().path = *Text::parse("/users/{parent.id}");
    EXPECT_EQ(code_of(build_for(source, {})), "invalid_spec");
    EXPECT_EQ(code_of(build_for(source, {.parents = {{{"id", ".."}}}})), "invalid_spec");
    EXPECT_EQ(code_of(build_for(source, {.parents = {{{"id", "."}}}})), "invalid_spec");
    EXPECT_EQ(code_of(build_for(source, {.parents = {{{"id", "..."}}}})), "ok");
}

TEST(Settings, HaveTheirTypeInABody) {
    Source source = posting(object_of({{"shop", "{account.shop}"}, {"boards", "{account.boards}"}, {"zip", "{account.zip}"}, {"list", "{account.boards|csv}"}}));
    source.settings = {{.name = "shop", .type = "integer"}, {.name = "boards", .type = "array"}, {.name = "zip"}};
    const Account account{.settings = {{"shop", "12"}, {"boards", R"(["a",2])"}, {"zip", "01067"}}};
    EXPECT_EQ(build(source, {}, {}, account)->body, R"({"shop":12,"boards":["a",2],"zip":"01067","list":"a,2"})");
}

TEST(Settings, AnInstantIsWrittenInTheFormatAskedFor) {
    Source source = source_of("");
    source.streams.front().params = {{"from", {*Text::parse("{account.start|date}")}}};
    EXPECT_EQ(url(source, {}, {}, {.settings = {{"start", "2 days ago"}}}), kBase + "?from=2025-12-31");
    EXPECT_EQ(url(source, {}, {}, {.settings = {{"start", "2024-05-06T07:08:09Z"}}}), kBase + "?from=2024-05-06");
}

TEST(Headers, ALineBreakOrNulInAValueIsRefusedAndNotShown) {
    Source source = source_of("", R"("auth": {"type": "none"}, "headers": {"X-Name": "{account.name}"}, "account": {"properties": {"name": {"type": "string"}}})");
    for (const std::string& name : {std::string{"a\r\nX-Evil: 1"}, std::string{"a\nb"}, std::string{"a\0b", 3}}) {
        const auto request = build(source, {}, {}, {.settings = {{"name", name}}});
        ASSERT_EQ(code_of(request), "invalid_spec");
        EXPECT_EQ(request.error().message.find("Evil"), std::string::npos);
    }
    const Source bearer = source_of("", R"("auth": {"type": "bearer", "token": "{secret.token}"})");
    EXPECT_EQ(url(bearer, {}, {}, {.secrets = {{"token", "s3cret\n"}}}), "invalid_spec");
}

TEST(StreamsOwn, BaseUrlAndSignInCountBeforeTheSources) {
    Source source = source_of("", R"("auth": {"type": "bearer", "token": "{secret.token}"})");
    Stream& stream = source.streams.front();
    stream.base_url = *Text::parse("https://files.shop.test");
    stream.auth = Auth{.type = Auth::Type::api_key, .place = Place::header, .name = "X-Key", .value = *Text::parse("{secret.key}")};
    const auto request = build(source, {}, {}, {.secrets = {{"key", "k3y"}}});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://files.shop.test/items");
    EXPECT_EQ(header_of(*request, "X-Key"), "k3y");
    EXPECT_EQ(header_of(*request, "Authorization"), "nothing");
}

TEST(SignIn, AnAccountNamesOneOfSeveralWays) {
    Source source = source_of("");
    const Auth bearer{.type = Auth::Type::bearer, .token = *Text::parse("{secret.token}"), .prefix = "Bearer"};
    source.ways = {{"token", bearer}, {"login", Auth{.type = Auth::Type::basic}}};
    source.auth = bearer;
    const Words secrets{{"token", "s3cret"}, {"username", "ann"}};
    EXPECT_EQ(header_of(*build(source, {}, {}, {.secrets = secrets}), "Authorization"), "Bearer s3cret") << "the first, if it names none";
    const auto basic = build(source, {}, {}, {.settings = {{"auth", "login"}}, .secrets = secrets});
    EXPECT_EQ(header_of(*basic, "Authorization"), "nothing");
    ASSERT_TRUE(basic->basic);
    EXPECT_EQ(basic->basic->first, "ann");
}

TEST(SignIn, AKeyMayStandInTheBody) {
    Source source = posting(object_of({{"q", "x"}}));
    source.auth = Auth{.type = Auth::Type::api_key, .place = Place::body, .name = "auth.key", .value = *Text::parse("{secret.key}")};
    const Account account{.secrets = {{"key", "k3y"}}};
    EXPECT_EQ(build(source, {}, {}, account)->body, R"({"q":"x","auth":{"key":"k3y"}})");
    source.streams.front().body.reset();
    EXPECT_EQ(build(source, {}, {}, account)->body, R"({"auth":{"key":"k3y"}})");
}

TEST(SignIn, ACookieJoinsTheSpecsOwn) {
    const Source source = source_of(R"("headers": {"Cookie": "lang=en"})", R"("auth": {"type": "api_key", "in": "cookie", "name": "sid", "value": "{secret.sid}"})");
    EXPECT_EQ(header_of(*build(source, {}, {}, {.secrets = {{"sid", "1"}}}), "Cookie"), "lang=en; sid=1");
    EXPECT_EQ(url(source, {}, {}, {.secrets = {{"sid", "1; admin=1"}}}), "invalid_spec");
}

TEST(SignIn, ATokenGoesWhereSendSays) {
    Source source = source_of("");
    source.auth.type = Auth::Type::login;
    source.auth.login.emplace().send = {.in = Place::header, .name = "X-Session", .prefix = ""};
    const Account account{.token = Token{.access = "t0ken"}};
    EXPECT_EQ(header_of(*build(source, {}, {}, account), "X-Session"), "t0ken");
    EXPECT_EQ(url(source), "needs_reauth");
    source.auth.login->send = {.in = Place::query, .name = "access_token", .prefix = ""};
    EXPECT_EQ(url(source, {}, {}, account), kBase + "?access_token=t0ken");
    EXPECT_EQ(secret_params(source, source.streams.front()), std::vector<std::string>{"access_token"});
}

TEST(CheckRequest, ProvesThatAnAccountWorks) {
    Source source = source_of("", R"("auth": {"type": "bearer", "token": "{secret.token}"}, "headers": {"X-Client": "pg"})");
    source.check = AccountCheck{.path = *Text::parse("/me"), .params = {{"fields", {Text::constant("id")}}}};
    const Account account{.secrets = {{"token", "s3cret"}}};
    const auto request = check_request(source, account, kStarted);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://api.shop.test/v1/me?fields=id");
    EXPECT_EQ(header_of(*request, "Authorization"), "Bearer s3cret");
    EXPECT_EQ(header_of(*request, "X-Client"), "pg");
}

}  // namespace
}  // namespace upstream::core
