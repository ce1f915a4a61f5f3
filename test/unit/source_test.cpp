// Reading good specs: what they say, what they mean where they say nothing.
#include "core/source.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace upstream::core {
namespace {

using namespace std::chrono_literals;

constexpr const char* kDirectus = R"({
  "spec_version": 1,
  "source": "directus",
  "base_url": "{account.base_url}",
  "account": { "properties": { "base_url": { "type": "string", "format": "url" } }, "required": ["base_url"] },
  "auth": { "type": "bearer", "token": "{secret.static_token}" },
  "streams": {
    "articles": {
      "path": "/items/articles",
      "params": {
        "limit": "{page.size}", "sort": "date_updated,id", "meta": "filter_count",
        "filter[date_updated][_gte]": "{cursor.start|iso}"
      },
      "records": "$.data",
      "pagination": { "type": "offset", "size": 200, "total": "$.meta.filter_count", "inject": { "in": "query", "name": "offset" } },
      "cursor": { "field": "date_updated", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "5 minutes" },
      "primary_key": ["id"],
      "target": "directus_articles"
    }
  }
})";

constexpr const char* kGithub = R"({
  "spec_version": 1,
  "source": "github",
  "base_url": "https://api.github.com",
  "account": {
    "properties": { "owner": { "type": "string" }, "repo": { "type": "string" } },
    "required": ["owner", "repo"]
  },
  "headers": { "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28" },
  "auth": { "type": "bearer", "token": "{secret.token}" },
  "check": { "path": "/repos/{account.owner}/{account.repo}" },
  "rate_limit": {
    "remaining": "x-ratelimit-remaining", "reset": "x-ratelimit-reset", "reset_format": "epoch", "retry_after": "retry-after"
  },
  "streams": {
    "issues": {
      "path": "/repos/{account.owner}/{account.repo}/issues",
      "params": { "state": "all", "sort": "updated", "direction": "asc", "per_page": 100, "since": "{cursor.start|iso}" },
      "records": "$",
      "pagination": { "type": "link_header" },
      "cursor": { "field": "updated_at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "5 minutes" },
      "primary_key": ["id"],
      "newer_by": "updated_at",
      "target": "github_issues",
      "conditional": "etag"
    }
  }
})";

// Stripe's spec without "write": "insert_only" and "retention".
constexpr const char* kStripe = R"({
  "spec_version": 1,
  "source": "stripe",
  "base_url": "https://api.stripe.com/v1",
  "account": { "properties": { "api_version": { "type": "string", "description": "Pinned version." } } },
  "headers": { "Stripe-Version": "{account.api_version}" },
  "auth": { "type": "bearer", "token": "{secret.api_key}" },
  "defaults": {
    "records": "$.data",
    "pagination": {
      "type": "cursor", "size": 100, "path": "$.data[-1].id", "has_more": "$.has_more",
      "inject": { "in": "query", "name": "starting_after" }
    }
  },
  "streams": {
    "subscriptions": {
      "path": "/subscriptions",
      "params": { "limit": "{page.size}", "status": "all", "created[gte]": "{cursor.start|epoch}" },
      "cursor": { "field": "created", "type": "timestamp", "format": "epoch", "filter": "server", "order": "desc", "lookback": "1 hour" },
      "primary_key": ["id"],
      "target": "stripe_subscriptions"
    },
    "charges": {
      "path": "/charges",
      "pagination": { "type": "none" },
      "primary_key": ["id"],
      "target": "stripe_charges"
    }
  }
})";

Reading read(const std::string& text) {
    const Result<json::Document> document = json::Document::parse(text);
    if (!document) {
        ADD_FAILURE() << document.error().message << ", " << document.error().detail;
        return {};
    }
    return read_source(document->root());
}

Source good(const std::string& text) {
    Reading reading = read(text);
    for (const Problem& problem : reading.problems) EXPECT_TRUE(problem.warning) << problem.path << ": " << problem.message;
    if (!reading.source) {
        ADD_FAILURE() << "refused: " << text;
        return {};
    }
    return *reading.source;
}

// A source with these members added, and one stream with those.
Source good_with(const std::string& source, const std::string& stream) {
    return good(R"({"spec_version": 1, "source": "shop", "base_url": "https://api.example.com", "auth": {"type": "none"},
                    "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"])" +
                (stream.empty() ? "" : ", " + stream) + "}}" + (source.empty() ? "" : ", " + source) + "}");
}

Stream good_stream(const std::string& members) {
    Source source = good_with("", members);
    return source.streams.empty() ? Stream{} : source.streams[0];
}

TEST(Source, DirectusIsAccepted) {
    const Reading reading = read(kDirectus);
    ASSERT_TRUE(reading.source);
    EXPECT_TRUE(reading.problems.empty());
    const Source& source = *reading.source;
    EXPECT_EQ(source.name, "directus");
    EXPECT_EQ(source.base_url.source(), "{account.base_url}");
    EXPECT_EQ(source.auth.type, Auth::Type::bearer);
    EXPECT_EQ(source.auth.prefix, "Bearer");
    ASSERT_EQ(source.settings.size(), 1U);
    EXPECT_TRUE(source.settings[0].required);
    EXPECT_EQ(source.settings[0].format, "url");

    ASSERT_EQ(source.streams.size(), 1U);
    const Stream& stream = source.streams[0];
    EXPECT_EQ(stream.name, "articles");
    ASSERT_EQ(stream.params.size(), 4U);
    EXPECT_EQ(stream.params[3].first, "filter[date_updated][_gte]");
    EXPECT_TRUE(stream.params[3].second.at(0).mentions("cursor", "start"));
    EXPECT_EQ(stream.records.text(), "$.data");
    EXPECT_EQ(stream.pagination.type, Pagination::Type::offset);
    EXPECT_EQ(stream.pagination.size, 200);
    EXPECT_EQ(stream.pagination.start, 0);
    EXPECT_EQ(stream.pagination.inject->name, "offset");
    EXPECT_EQ(stream.pagination.total->text(), "$.meta.filter_count");
    EXPECT_TRUE(stream.incremental);
    ASSERT_TRUE(stream.cursor);
    EXPECT_EQ(stream.cursor->filter, Cursor::Filter::server);
    EXPECT_EQ(stream.cursor->order, Cursor::Order::asc);
    EXPECT_EQ(stream.cursor->lookback, Duration(5min).count());
    EXPECT_EQ(stream.target, "directus_articles");
    EXPECT_TRUE(stream.columns.empty());
}

TEST(Source, GithubIsAccepted) {
    const Source source = good(kGithub);
    ASSERT_TRUE(source.check);
    EXPECT_EQ(source.check->path.source(), "/repos/{account.owner}/{account.repo}");
    EXPECT_EQ(source.check->method, "GET");
    ASSERT_TRUE(source.rate_limit);
    EXPECT_EQ(source.rate_limit->remaining, (std::vector<std::string>{"x-ratelimit-remaining"}));
    EXPECT_EQ(source.rate_limit->reset_format, RateLimit::ResetFormat::epoch);
    EXPECT_EQ(source.rate_limit->retry_after, (std::vector<std::string>{"retry-after"}));
    EXPECT_EQ(source.stream("issues")->newer_by, "updated_at");
    EXPECT_EQ(source.stream("issues")->conditional, Stream::Conditional::etag);
}

TEST(Source, StreamsHaveTheDefaultsTheyDoNotReplace) {
    const Source source = good(kStripe);
    ASSERT_EQ(source.streams.size(), 2U);
    const Stream& subscriptions = *source.stream("subscriptions");
    EXPECT_EQ(subscriptions.records.text(), "$.data");
    EXPECT_EQ(subscriptions.pagination.type, Pagination::Type::cursor);
    EXPECT_EQ(subscriptions.pagination.path->text(), "$.data[-1].id");
    EXPECT_EQ(subscriptions.cursor->format, TimeFormat::epoch);
    // An object replaces the default as a whole: nothing of the default's pagination is left.
    const Stream& charges = *source.stream("charges");
    EXPECT_EQ(charges.records.text(), "$.data");
    EXPECT_EQ(charges.pagination.type, Pagination::Type::none);
    EXPECT_FALSE(charges.pagination.size);
    EXPECT_FALSE(charges.pagination.inject);
}

TEST(Source, WarningsDoNotRefuse) {
    const Reading reading = read(R"({"spec_version": 1, "source": "s", "base_url": "https://a.b", "auth": {"type": "none"}, "streams":
        {"a": {"path": "/a", "target": "a", "primary_key": ["id"], "cursor": {"field": "at", "type": "timestamp"}}}})");
    EXPECT_TRUE(reading.source);
    ASSERT_EQ(reading.problems.size(), 1U);
    EXPECT_TRUE(reading.problems[0].warning);
}

TEST(Source, FindsStreamsByName) {
    const Source source = good(kStripe);
    ASSERT_NE(source.stream("charges"), nullptr);
    EXPECT_EQ(source.stream("charge"), nullptr);
    EXPECT_EQ(source.nearest_stream("charge"), "charges");
    EXPECT_FALSE(source.nearest_stream("something_else_altogether"));
}

TEST(Source, ReadsItsOwnKeys) {
    const Source source = good_with(R"("description": "A shop.", "allowed_hosts": ["CDN.example.com", "*.example.org", "b.com:8443"],
        "headers": {"X-Version": 2, "X-Debug": false}, "timeouts": {"connect": "2 seconds", "total": "1.5 minutes"},
        "retry": {"max_attempts": 3, "base": "500 milliseconds", "max": "1 minute", "jitter": 0.5, "on": [409, "4xx", 4.18e2]})", "");
    EXPECT_EQ(source.allowed_hosts, (std::vector<std::string>{"cdn.example.com", "*.example.org", "b.com:8443"}));
    ASSERT_EQ(source.headers.size(), 2U);
    EXPECT_EQ(source.headers[0].second.source(), "2");
    EXPECT_EQ(source.headers[1].second.source(), "false");
    EXPECT_EQ(source.connect_timeout, Duration(2s));
    EXPECT_EQ(source.total_timeout, Duration(90s));
    EXPECT_EQ(source.retry.max_attempts, 3);
    EXPECT_EQ(source.retry.base, Duration(500ms));
    EXPECT_EQ(source.retry.max, Duration(1min));
    EXPECT_DOUBLE_EQ(source.retry.jitter, 0.5);
    EXPECT_EQ(source.retry.on, (std::vector<std::string>{"409", "4xx", "418"}));
}

TEST(Source, RetryMaximumIsNeverBelowItsBase) {
    EXPECT_EQ(good_with(R"("retry": {"base": "1 hour"})", "").retry.max, Duration(1h));
    EXPECT_EQ(good_with(R"("retry": {"base": "1 second"})", "").retry.max, Duration(5min));
}

TEST(Source, BaseUrlMayHoldSettings) {
    const std::string account = R"("account": {"properties": {"shop": {}, "version": {}}}, )";
    const char* const urls[] = {"https://{account.shop}.example.com/api/{account.version}", "{account.shop}/v1",
                                "http://localhost:8080/", "https://api.example.com:{account.version}"};
    for (const std::string url : urls) EXPECT_EQ(good_with(account + R"("base_url": ")" + url + "\"", "").base_url.source(), url);
}

TEST(SourceAuth, ReadsEachType) {
    EXPECT_EQ(good_with("", "").auth.type, Auth::Type::none);
    const Auth bearer = good_with(R"("auth": {"type": "bearer", "token": "{secret.t}", "prefix": "Token"})", "").auth;
    EXPECT_EQ(bearer.token.source(), "{secret.t}");
    EXPECT_EQ(bearer.prefix, "Token");
    const Auth key = good_with(R"("auth": {"type": "api_key", "in": "cookie", "name": "sid", "value": "{secret.k}"})", "").auth;
    EXPECT_EQ(key.type, Auth::Type::api_key);
    EXPECT_EQ(key.place, Auth::Place::cookie);
    EXPECT_EQ(key.name, "sid");
    EXPECT_EQ(key.prefix, "");
    const Auth basic = good_with(R"("auth": {"type": "basic", "password": ""})", "").auth;
    EXPECT_EQ(basic.username.source(), "{secret.username}");
    EXPECT_EQ(basic.password.source(), "");
}

TEST(SourceAuth, ReadsOAuth2) {
    const Auth auth = good_with(R"("auth": {"type": "oauth2", "grant_type": "refresh_token",
        "authorization_url": "https://auth.fanvue.com/oauth2/auth", "token_url": "https://auth.fanvue.com/oauth2/token",
        "client_auth": "body", "pkce": "S256", "scopes": ["openid", "read:chat"], "scope_separator": ",", "token_format": "form",
        "params": {"audience": "x"}, "refresh_before_expiry": {"at_most": "1 hour", "fraction": 0.3}, "lifetime": "2 hours",
        "rotates_refresh_token": true, "reauth_errors": ["invalid_grant", "revoked"]})", "").auth;
    ASSERT_TRUE(auth.oauth2);
    EXPECT_EQ(auth.oauth2->token_url.source(), "https://auth.fanvue.com/oauth2/token");
    EXPECT_FALSE(auth.oauth2->refresh_url);
    EXPECT_EQ(auth.oauth2->client_id.source(), "{secret.client_id}");
    EXPECT_EQ(auth.oauth2->client_auth, OAuth2::ClientAuth::body);
    EXPECT_EQ(auth.oauth2->scopes.size(), 2U);
    EXPECT_EQ(auth.oauth2->scope_separator, ",");
    EXPECT_EQ(auth.oauth2->params.at(0).first, "audience");
    EXPECT_EQ(auth.oauth2->refresh_at_most, Duration(1h));
    EXPECT_DOUBLE_EQ(auth.oauth2->refresh_fraction, 0.3);
    EXPECT_EQ(auth.oauth2->lifetime, Duration(2h));
    EXPECT_TRUE(auth.oauth2->rotates_refresh_token);
    EXPECT_EQ(auth.oauth2->reauth_errors.at(1), "revoked");
    EXPECT_EQ(auth.oauth2->prefix, "Bearer");
}

TEST(SourceStream, SaysNothingMeansSafeDefaults) {
    const Stream stream = good_stream("");
    EXPECT_EQ(stream.records.text(), "$");
    EXPECT_FALSE(stream.records_missing_is_empty);
    EXPECT_EQ(stream.pagination.type, Pagination::Type::none);
    EXPECT_FALSE(stream.incremental);
    EXPECT_FALSE(stream.cursor);
    EXPECT_EQ(stream.every, Duration(1h));
    EXPECT_EQ(stream.jitter, Duration(0));
    EXPECT_EQ(stream.priority, 0);
}

TEST(SourceStream, ReadsItsKeys) {
    const Stream stream = good_stream(R"("method": "GET", "params": {"ids": [1, "two", true], "none": []}, "headers": {"Prefer": "x"},
        "records": "$.groups[*].items", "records_missing": "empty", "sync_mode": "full_refresh", "write": "upsert", "absent": "null",
        "raw": "payload", "on_new_field": "ignore", "every": "10 minutes", "jitter": "30 seconds", "priority": -5,
        "response": "json", "deletes": {"mode": "none"}, "conditional": "off", "target": "app.orders$1")");
    ASSERT_EQ(stream.params.size(), 2U);
    EXPECT_EQ(stream.params[0].second.size(), 3U);
    EXPECT_EQ(stream.params[0].second[2].source(), "true");
    EXPECT_TRUE(stream.params[1].second.empty());
    EXPECT_TRUE(stream.records_missing_is_empty);
    EXPECT_EQ(stream.raw, "payload");
    EXPECT_EQ(stream.every, Duration(10min));
    EXPECT_EQ(stream.jitter, Duration(30s));
    EXPECT_EQ(stream.priority, -5);
    EXPECT_EQ(stream.target, "app.orders$1");
}

TEST(SourceStream, TwoStreamsMayFillOneTarget) {
    EXPECT_EQ(good_with(R"("streams": {"a": {"path": "/a", "target": "t", "primary_key": ["id"]},
                                       "b": {"path": "/b", "target": "t", "primary_key": ["id"]}})", "").streams.size(), 2U);
}

TEST(SourceStream, BracesThatAreNoPlaceholderAreText) {
    EXPECT_EQ(good_stream(R"("params": {"fields": "id,messages.limit(25){id,from}"})").params[0].second[0].placeholders().size(), 0U);
}

TEST(SourcePagination, ReadsEachType) {
    const Pagination page = good_stream(R"("params": {"p": "{page.token}"}, "pagination": {"type": "page", "has_more": "$.more",
        "max_pages": 7})").pagination;
    EXPECT_EQ(page.start, 1);
    EXPECT_EQ(page.max_pages, 7);
    EXPECT_FALSE(page.inject);
    const Pagination zero = good_stream(R"("pagination": {"type": "page", "start": 0,
        "inject": {"in": "header", "name": "X-Page"}})").pagination;
    EXPECT_EQ(zero.start, 0);
    EXPECT_EQ(zero.inject->in, Pagination::Place::header);
    const Pagination link = good_stream(R"("pagination": {"type": "link_header", "rel": "older"})").pagination;
    EXPECT_EQ(link.rel, "older");
    const Pagination url = good_stream(R"("pagination": {"type": "next_url", "path": "header:X-Next"})").pagination;
    EXPECT_EQ(url.path->root(), Path::Root::header);
    EXPECT_EQ(good_stream(R"("path": "/orders/{page.token}", "pagination": {"type": "cursor", "path": "$.next"})").pagination.type,
              Pagination::Type::cursor);
}

TEST(SourcePagination, ReadsEachTestOfDone) {
    const auto done = [](const std::string& test) {
        return *good_stream(R"("pagination": {"type": "none", "done": {"path": "$.list[*].end", )" + test + "}}").pagination.done;
    };
    EXPECT_EQ(done(R"("equals": "x\"y")").in, (std::vector<std::string>{R"("x\"y")"}));
    EXPECT_EQ(done(R"("equals": null)").in, (std::vector<std::string>{"null"}));
    EXPECT_EQ(done(R"("in": [1.0, true])").in, (std::vector<std::string>{"1.0", "true"}));
    EXPECT_EQ(done(R"("not_in": [0])").not_in, (std::vector<std::string>{"0"}));
    EXPECT_EQ(done(R"("exists": false)").exists, false);
    EXPECT_EQ(done(R"("contains": "last")").contains, "last");
}

Cursor cursor_of(const std::string& members, const std::string& params = "{}") {
    const Stream stream = good_stream(R"("params": )" + params + R"(, "cursor": {"field": "at", "order": "asc", )" + members + "}");
    return stream.cursor.value_or(Cursor{});
}

TEST(SourceCursor, LooksBackUnlessToldNotTo) {
    EXPECT_EQ(cursor_of(R"("type": "timestamp")").lookback, Duration(5min).count());
    EXPECT_EQ(cursor_of(R"("type": "date")").lookback, Duration(24h).count());
    EXPECT_EQ(cursor_of(R"("type": "integer")").lookback, 0);
    EXPECT_EQ(cursor_of(R"("type": "timestamp", "lookback": "0 seconds")").lookback, 0);
    EXPECT_EQ(cursor_of(R"("type": "date", "lookback": "35 days")").lookback, Duration(24h * 35).count());
    EXPECT_EQ(cursor_of(R"("type": "integer", "lookback": 100)").lookback, 100);
}

TEST(SourceCursor, TheServerFiltersIfItIsToldTheBound) {
    EXPECT_EQ(cursor_of(R"("type": "timestamp")").filter, Cursor::Filter::client);
    EXPECT_EQ(cursor_of(R"("type": "timestamp")", R"({"since": "{cursor.start}"})").filter, Cursor::Filter::server);
    EXPECT_EQ(cursor_of(R"("type": "timestamp", "filter": "none")", R"({"since": "{cursor.start}"})").filter, Cursor::Filter::none);
    EXPECT_EQ(cursor_of(R"("type": "timestamp")", R"({"until": "{cursor.end}"})").filter, Cursor::Filter::client);
}

TEST(SourceCursor, ReadsBounds) {
    EXPECT_EQ(cursor_of(R"("type": "date")").format, TimeFormat::date);
    EXPECT_EQ(cursor_of(R"("type": "timestamp", "format": "epoch_ms")").format, TimeFormat::epoch_ms);
    EXPECT_EQ(cursor_of(R"("type": "integer", "initial": -7)").initial->source(), "-7");
    for (const std::string instant : {"2024-01-31", "2024-01-31T10:00Z", "2024-01-31T10:00:00.5+02:00", "now", "90 days ago"}) {
        EXPECT_EQ(cursor_of(R"("type": "timestamp", "initial": ")" + instant + "\"").initial->source(), instant);
        EXPECT_EQ(cursor_of(R"("type": "timestamp", "end": ")" + instant + "\"").end->source(), instant);
    }
    const Source source = good_with(R"("account": {"properties": {"start": {"default": "365 days ago"}}})",
                                    R"("cursor": {"field": "at", "type": "date", "order": "desc", "initial": "{account.start}"})");
    EXPECT_TRUE(source.streams.at(0).cursor->initial->mentions("account", "start"));
    EXPECT_EQ(source.settings.at(0).fallback, "365 days ago");
}

TEST(SourceCursor, DoesNothingInAFullRefresh) {
    const Stream stream = good_stream(R"("sync_mode": "full_refresh", "cursor": {"field": "at", "type": "timestamp"})");
    EXPECT_FALSE(stream.incremental);
    EXPECT_TRUE(stream.cursor);
}

TEST(SourceColumns, ReadEachForm) {
    const Stream stream = good_stream(R"("columns": {"id": "id", "whole": {"path": "@", "type": "jsonb"},
        "at": {"path": ["updated_at", "$.at", "header:Date"], "type": "timestamp with time zone", "format": "epoch"},
        "names": {"path": "people[*].name", "type": "JSONB"}, "run": {"value": "{run.started_at}"}, "one": {"value": 1},
        "Odd$Name": "user['odd name']"})");
    ASSERT_EQ(stream.columns.size(), 7U);
    EXPECT_EQ(stream.columns[0].type, "");
    EXPECT_EQ(stream.columns[2].paths.size(), 3U);
    EXPECT_EQ(stream.columns[2].type, "timestamptz");
    EXPECT_EQ(stream.columns[2].format, TimeFormat::epoch);
    EXPECT_TRUE(stream.columns[3].paths.at(0).has_wildcard());
    EXPECT_TRUE(stream.columns[4].value->mentions("run", "started_at"));
    EXPECT_TRUE(stream.columns[4].paths.empty());
    EXPECT_EQ(stream.columns[5].value->source(), "1");
    EXPECT_EQ(stream.columns[6].name, "Odd$Name");
}

TEST(SourceColumns, TypesHaveOneSpelling) {
    const std::vector<std::pair<std::string, std::string>> types{
        {"text", "text"},         {"VARCHAR( 20 )", "varchar(20)"},    {"int", "integer"},
        {"int4", "integer"},      {"smallint", "smallint"},            {"int8", "bigint"},
        {"numeric", "numeric"},   {"numeric(10, 2)", "numeric(10,2)"}, {"numeric(5)", "numeric(5)"},
        {"double", "double precision"}, {"float8", "double precision"}, {"double  precision", "double precision"},
        {"real", "real"},         {"bool", "boolean"},                 {"date", "date"},
        {"timestamptz", "timestamptz"}, {"timestamp", "timestamp"},    {"uuid", "uuid"}};
    for (const auto& [written, type] : types) {
        const Stream stream = good_stream(R"("columns": {"id": {"path": "id", "type": ")" + written + "\"}}");
        EXPECT_EQ(stream.columns.at(0).type, type);
    }
}

}  // namespace
}  // namespace upstream::core
