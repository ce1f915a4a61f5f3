// Webhooks: every scheme and every reaction.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::one;

constexpr const char* kSecret = R"("verify": {"scheme": "shared_secret", "in": "query", "name": "key", "key": "{secret.key}"})";

std::string webhook(const std::string& members) { return R"("webhook": {"path": "shop", "events": [{"do": "mark_due", "stream": "items"}], )" + members + "}"; }

Webhook read(const std::string& members) { return *test::source_of("", R"("auth": {"type": "none"}, )" + webhook(members)).webhook; }

std::vector<std::string> problems_of(const std::string& members) { return test::problems_of("", webhook(members)); }

TEST(SourceWebhook, HmacHasEveryKey) {
    const Webhook hook = read(R"("verify": {"scheme": "hmac", "algorithm": "sha512", "header": "X-Sig", "prefix": "v=", "fields": {"timestamp": "t", "signature": "v1"},
        "signed": "{timestamp}.{id}.{url}.{body}", "header_id": "X-Id", "encoding": "base64", "key": "{secret.key}", "key_encoding": "hex", "tolerance": "5 minutes"})");
    EXPECT_EQ(hook.scheme, Webhook::Scheme::hmac);
    EXPECT_EQ(hook.hash, Webhook::Hash::sha512);
    EXPECT_EQ(hook.header, "X-Sig");
    EXPECT_EQ(hook.prefix, "v=");
    EXPECT_EQ(hook.field_timestamp, "t");
    EXPECT_EQ(hook.field_signature, "v1");
    EXPECT_EQ(hook.signed_text, "{timestamp}.{id}.{url}.{body}");
    EXPECT_EQ(hook.id_header, "X-Id");
    EXPECT_TRUE(hook.base64);
    EXPECT_EQ(hook.key.source(), "{secret.key}");
    EXPECT_EQ(hook.key_encoding, Jwt::KeyEncoding::hex);
    EXPECT_EQ(hook.tolerance, 5min);
}

TEST(SourceWebhook, StandardWebhooksHaveTheirHeaders) {
    const Webhook hook = read(R"("verify": {"scheme": "standard_webhooks", "key": "{secret.key}", "header_id": "svix-id"})");
    EXPECT_EQ(hook.id_header, "svix-id");
    EXPECT_EQ(hook.timestamp_header, "webhook-timestamp");
    EXPECT_EQ(hook.header, "webhook-signature");
    EXPECT_EQ(hook.signed_text, "{id}.{timestamp}.{body}");
    EXPECT_TRUE(hook.base64);
}

TEST(SourceWebhook, HandshakeRouteAndDedup) {
    const Source source = test::source_of("", R"("auth": {"type": "none"}, "account": {"properties": {"page": {}}}, )" + webhook(std::string(kSecret) +
        R"(, "handshake": {"type": "meta_hub", "verify_token": "{secret.v}"}, "dedup": {"key": "header:X-Id", "keep": "2 days"}, "route": {"path": "$.entry[*].id", "setting": "page"})"));
    const Webhook& hook = *source.webhook;
    EXPECT_EQ(hook.secret_in, Place::query);
    EXPECT_EQ(hook.secret_name, "key");
    EXPECT_EQ(hook.handshake, Webhook::Handshake::meta_hub);
    EXPECT_EQ(hook.verify_token.source(), "{secret.v}");
    EXPECT_EQ(hook.dedup_key->header(), "X-Id");
    EXPECT_EQ(hook.dedup_keep, 48h);
    EXPECT_EQ(hook.route_path->text(), "$.entry[*].id");
    EXPECT_EQ(hook.route_setting, "page");
}

TEST(SourceWebhook, EventsReactInOrder) {
    const Webhook hook = read(std::string(kSecret) + R"(, "handshake": {"type": "echo", "path": "$.challenge"}, "events": [
        {"when": {"path": "type", "in": ["a"]}, "do": "upsert", "stream": "items", "records": "$.list[*]", "map": {"id": "object.id", "from.id": "$.sender"},
         "occurred_at": {"path": "at", "format": "epoch_ms"}},
        {"do": "delete", "stream": "items", "occurred_at": "header:X-At"}, {"do": "ignore"}])");
    EXPECT_EQ(hook.echo->text(), "$.challenge");
    ASSERT_EQ(hook.events.size(), 3U);
    EXPECT_EQ(hook.events[0].action, Webhook::Event::Do::upsert);
    EXPECT_EQ(hook.events[0].records.text(), "$.list[*]");
    EXPECT_EQ(hook.events[0].map.at(1).first, "from.id");
    EXPECT_EQ(hook.events[0].occurred_at_format, TimeFormat::epoch_ms);
    EXPECT_EQ(hook.events[1].action, Webhook::Event::Do::erase);
    EXPECT_EQ(hook.events[1].records.text(), "$");
    EXPECT_EQ(hook.events[2].action, Webhook::Event::Do::ignore);
}

TEST(SourceWebhook, WhatIsSignedComesFromSomewhere) {
    const auto hmac = [](const std::string& more) {
        return problems_of(R"("verify": {"scheme": "hmac", "algorithm": "sha256", "header": "X", "encoding": "hex", "key": "k", )" + more + "}");
    };
    const std::string at = "$.webhook.verify.signed: ";
    EXPECT_EQ(hmac(R"("signed": "{bdoy}")"), one(at + "unknown placeholder {bdoy}"));
    EXPECT_EQ(hmac(R"("signed": "{timestamp}{body}")"), one(at + "nothing says where {timestamp} is"));
    EXPECT_EQ(hmac(R"("signed": "{id}{body}")"), one(at + "nothing says where {id} is"));
    EXPECT_EQ(hmac(R"("signed": "{body}", "tolerance": "1 minute")"), one("$.webhook.verify.tolerance: nothing says when a call was signed"));
    EXPECT_EQ(hmac(R"("signed": "{body}", "timestamp_header": "X-At", "tolerance": "1 minute")"),
              one("$.webhook.verify.tolerance: the time is not signed, so that anybody could change it"));
}

TEST(SourceWebhook, ARecordOfACallFindsItsRow) {
    const auto stream_and = [](const std::string& stream, const std::string& event) {
        return test::problems_of(stream, webhook(std::string(kSecret) + R"(, "events": [{"stream": "items", )" + event + "}]"));
    };
    const std::string at = "$.webhook.events[0].stream: ";
    EXPECT_TRUE(stream_and("", R"("do": "upsert")").empty());
    EXPECT_TRUE(stream_and(R"("columns": {"id": "order.id"})", R"("do": "delete", "map": {"order.id": "data.id"})").empty());
    EXPECT_EQ(stream_and(R"("columns": {"id": "id"})", R"("do": "delete", "map": {"name": "data.id"})"), one(at + R"("map" does not give key column "id" of stream "items")"));
    EXPECT_EQ(stream_and(R"("write": "replace")", R"("do": "upsert")"), one(at + R"(stream "items" does not write row by row)"));
    EXPECT_EQ(stream_and(R"("primary_key": {"hash": ["a"]})", R"("do": "upsert")"),
              one(at + R"(stream "items" has no key of columns, by which the row of a record could be found)"));
    EXPECT_TRUE(stream_and(R"("write": "replace")", R"("do": "mark_due")").empty());
    EXPECT_EQ(stream_and(R"("params": {"region": "{partition.region}"}, "partitions": {"region": ["eu"]}, "primary_key": ["region", "id"], "columns": {"region": {"value": "{partition.region}"}, "id": "id"})", R"("do": "upsert")"),
              one(at + R"(a call does not tell key column "region" of stream "items")"));
}

TEST(SourceWebhook, WhatItNamesIsThere) {
    EXPECT_EQ(problems_of(std::string(kSecret) + R"(, "events": [{"do": "upsert", "stream": "item"}])"), one(R"($.webhook.events[0].stream: no stream "item")"));
    EXPECT_EQ(problems_of(std::string(kSecret) + R"(, "events": [{"do": "upsert"}])"), one(R"($.webhook.events[0]: key "stream" is missing)"));
    EXPECT_EQ(problems_of(std::string(kSecret) + R"(, "route": {"path": "$.id", "setting": "page"})"), one(R"($.webhook.route.setting: no account setting "page")"));
    EXPECT_EQ(problems_of(std::string(kSecret) + R"(, "events": [{"do": "upsert", "stream": "items", "map": {"$.a": "b"}}])"),
              one("$.webhook.events[0].map['$.a']: must name a member of the stream's record"));
    EXPECT_EQ(problems_of(R"("verify": {"scheme": "signed"})"), one(R"($.webhook.verify.scheme: must be one of "hmac", "standard_webhooks" or "shared_secret")"));
}

}  // namespace
}  // namespace upstream::core
