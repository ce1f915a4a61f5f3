// Calls from an upstream: proofs of origin, handshakes, records.
#include "core/webhook.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "core/crypto.hpp"
#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;

const Timestamp kNow = at("2026-01-02T00:00:00Z");
const std::string kSeconds = std::to_string(std::chrono::floor<std::chrono::seconds>(kNow).time_since_epoch().count());
const std::string kKey = "s3cret-of-the-shop";
const std::string kStandardKey = "whsec_" + crypto::to_base64(kKey);
const Lookup kLookup = [](const Placeholder& p) -> std::optional<std::string> {
    if (p.word == "key") return kKey;
    return std::nullopt;
};

std::string hex(const std::string& text) { return crypto::to_hex(crypto::hmac(crypto::Hash::sha256, kKey, text)); }
std::string base64(const std::string& text) { return crypto::to_base64(crypto::hmac(crypto::Hash::sha256, kKey, text)); }

// X-Fanvue-Signature: t=<seconds>,v0=<hex> over {timestamp}.{body}
Webhook listed() {
    return {.path = "w", .header = "X-Signature", .field_timestamp = "t", .field_signature = "v0", .signed_text = "{timestamp}.{body}",
            .key = *Text::parse("{secret.key}"), .tolerance = std::chrono::minutes(5)};
}

TEST(Webhook, TakesASignatureFromAListOfFields) {
    const WebhookCall call{.headers = {{"x-signature", "t=" + kSeconds + ",v0=" + hex(kSeconds + ".{}")}}, .body = "{}"};
    EXPECT_TRUE(is_genuine(listed(), call, kKey, kNow));
}

TEST(Webhook, TakesAnyOfSeveralSignaturesWhileAKeyIsChanged) {
    const WebhookCall call{.headers = {{"X-Signature", "t=" + kSeconds + ", v0=" + hex("other") + ", v0=" + hex(kSeconds + ".{}")}}, .body = "{}"};
    EXPECT_TRUE(is_genuine(listed(), call, kKey, kNow));
}

TEST(Webhook, RefusesAChangedBodyTimeOrHeader) {
    const std::string signature = hex(kSeconds + ".{}");
    EXPECT_FALSE(is_genuine(listed(), {.headers = {{"X-Signature", "t=" + kSeconds + ",v0=" + signature}}, .body = "[]"}, kKey, kNow));
    EXPECT_FALSE(is_genuine(listed(), {.headers = {{"X-Signature", "t=1" + kSeconds + ",v0=" + signature}}, .body = "{}"}, kKey, kNow));
    EXPECT_FALSE(is_genuine(listed(), {.headers = {{"X-Signature", "v0=" + signature}}, .body = "{}"}, kKey, kNow));
    EXPECT_FALSE(is_genuine(listed(), {.headers = {{"X-Signature", ""}}, .body = "{}"}, kKey, kNow));
    EXPECT_FALSE(is_genuine(listed(), {.body = "{}"}, kKey, kNow));
}

TEST(Webhook, RefusesACallThatIsTooOldOrFromTheFuture) {
    const WebhookCall call{.headers = {{"X-Signature", "t=" + kSeconds + ",v0=" + hex(kSeconds + ".{}")}}, .body = "{}"};
    EXPECT_TRUE(is_genuine(listed(), call, kKey, kNow + std::chrono::minutes(5)));
    EXPECT_FALSE(is_genuine(listed(), call, kKey, kNow + std::chrono::seconds(301)));
    EXPECT_FALSE(is_genuine(listed(), call, kKey, kNow - std::chrono::seconds(301)));
}

TEST(Webhook, TakesAPrefixedSignatureOfTheBytesAsTheyCame) {
    const Webhook meta{.path = "w", .header = "X-Hub-Signature-256", .prefix = "sha256=", .key = *Text::parse("{secret.key}")};
    const std::string body = R"({"text":"\u00e4"})";
    EXPECT_TRUE(is_genuine(meta, {.headers = {{"X-Hub-Signature-256", "sha256=" + hex(body)}}, .body = body}, kKey, kNow));
    EXPECT_FALSE(is_genuine(meta, {.headers = {{"X-Hub-Signature-256", "sha256=" + hex(body)}}, .body = R"({"text":"ä"})"}, kKey, kNow));
    EXPECT_FALSE(is_genuine(meta, {.headers = {{"X-Hub-Signature-256", hex(body)}}, .body = body}, kKey, kNow));
}

TEST(Webhook, TakesStandardWebhooks) {
    const Webhook standard{.path = "w", .scheme = Webhook::Scheme::standard_webhooks, .header = "webhook-signature", .signed_text = "{id}.{timestamp}.{body}",
                           .timestamp_header = "webhook-timestamp", .id_header = "webhook-id", .base64 = true, .key = *Text::parse("{secret.standard}"),
                           .key_encoding = Jwt::KeyEncoding::base64};
    const std::string signature = base64("msg_1." + kSeconds + ".{}");
    const auto with = [&](const std::string& header) {
        return WebhookCall{.headers = {{"webhook-id", "msg_1"}, {"webhook-timestamp", kSeconds}, {"webhook-signature", header}}, .body = "{}"};
    };
    EXPECT_TRUE(is_genuine(standard, with("v1," + signature), kStandardKey, kNow));
    EXPECT_TRUE(is_genuine(standard, with("v1," + base64("other") + " v1," + signature), kStandardKey, kNow));
    EXPECT_FALSE(is_genuine(standard, with("v1a," + signature), kStandardKey, kNow));
    EXPECT_FALSE(is_genuine(standard, with(signature), kStandardKey, kNow));
    EXPECT_FALSE(is_genuine(standard, with("v1," + signature), kStandardKey, kNow + std::chrono::minutes(6))) << "five minutes unless stated";
}

TEST(Webhook, TakesNoStandardIdThatCouldBeReadInAnotherWay) {
    const Webhook standard{.path = "w", .scheme = Webhook::Scheme::standard_webhooks, .header = "webhook-signature", .signed_text = "{id}.{timestamp}.{body}",
                           .timestamp_header = "webhook-timestamp", .id_header = "webhook-id", .base64 = true, .key_encoding = Jwt::KeyEncoding::base64};
    for (const std::string id : {"", "msg_1.2"}) {
        const WebhookCall call{.headers = {{"webhook-id", id}, {"webhook-timestamp", kSeconds}, {"webhook-signature", "v1," + base64(id + "." + kSeconds + ".{}")}}, .body = "{}"};
        EXPECT_FALSE(is_genuine(standard, call, kStandardKey, kNow)) << id;
    }
}

// Each single bit of what is signed, and of the signature.
TEST(Webhook, TakesNoCallOfWhichABitWasChanged) {
    const WebhookCall genuine{.headers = {{"x-signature", "t=" + kSeconds + ",v0=" + hex(kSeconds + ".{\"id\": 7}")}}, .body = "{\"id\": 7}"};
    ASSERT_TRUE(is_genuine(listed(), genuine, kKey, kNow));
    const auto lower = [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return text;
    };
    const auto refused = [&](const WebhookCall& call) { return !is_genuine(listed(), call, kKey, kNow); };
    for (int bit = 0; bit < 8; ++bit) {
        for (std::size_t i = 0; i < genuine.body.size(); ++i) {
            WebhookCall call = genuine;
            call.body[i] = static_cast<char>(call.body[i] ^ (1 << bit));
            EXPECT_TRUE(refused(call)) << call.body;
        }
        for (std::size_t i = 0; i < genuine.headers[0].second.size(); ++i) {
            WebhookCall call = genuine;
            std::string& header = call.headers[0].second;
            header[i] = static_cast<char>(header[i] ^ (1 << bit));
            if (lower(header) == lower(genuine.headers[0].second)) continue;  // hex in either case is the same bytes
            EXPECT_TRUE(refused(call)) << header;
        }
    }
}

TEST(Webhook, TakesASharedSecret) {
    const Webhook shared{.path = "w", .scheme = Webhook::Scheme::shared_secret, .key = *Text::parse("{secret.key}"), .secret_in = Place::query, .secret_name = "key"};
    EXPECT_TRUE(is_genuine(shared, {.query = {{"key", kKey}}}, kKey, kNow));
    EXPECT_FALSE(is_genuine(shared, {.query = {{"key", kKey + "x"}}}, kKey, kNow));
    EXPECT_FALSE(is_genuine(shared, {.headers = {{"key", kKey}}}, kKey, kNow));
}

TEST(Webhook, TakesNothingWithoutAKey) {
    const WebhookCall call{.headers = {{"x-signature", "t=" + kSeconds + ",v0=" + crypto::to_hex(crypto::hmac(crypto::Hash::sha256, "", kSeconds + ".{}"))}}, .body = "{}"};
    EXPECT_FALSE(is_genuine(listed(), call, "", kNow));
}

TEST(Webhook, AnswersHandshakes) {
    const Webhook meta{.path = "w", .handshake = Webhook::Handshake::meta_hub, .verify_token = *Text::parse("{secret.key}")};
    const WebhookCall call{.query = {{"hub.mode", "subscribe"}, {"hub.challenge", "1158201444"}, {"hub.verify_token", kKey}}};
    ASSERT_TRUE(asks_meta_hub(meta, call));
    EXPECT_EQ(meta_hub_answer(meta, call, kLookup), "1158201444");
    EXPECT_EQ(meta_hub_answer(meta, {.query = {{"hub.mode", "subscribe"}, {"hub.challenge", "1"}, {"hub.verify_token", "guess"}}}, kLookup), std::nullopt);

    const Webhook echo{.path = "w", .handshake = Webhook::Handshake::echo, .echo = *Path::parse("$.challenge")};
    EXPECT_EQ(echo_answer(echo, json::Document::parse(R"({"challenge": "abc"})")->root()), "abc");
    EXPECT_EQ(echo_answer(echo, json::Document::parse(R"({"type": "order"})")->root()), std::nullopt);
}

TEST(Webhook, GivesEachRecordToTheFirstEventThatHolds) {
    using Do = Webhook::Event::Do;
    const Webhook webhook{.path = "w", .dedup_key = *Path::parse("message.mid"), .route_path = *Path::parse("$.entry[*].id"), .route_setting = "page",
                          .events = {{.when = Condition{.path = *Path::parse("read"), .exists = true}, .action = Do::ignore, .records = *Path::parse("$.entry[*].messaging[*]")},
                                     {.action = Do::mark_due, .stream = "chats", .records = *Path::parse("$.entry[*].messaging[*]")}}};
    const auto body = json::Document::parse(R"({"entry": [{"id": 7, "messaging": [{"message": {"mid": "m1"}}, {"read": {"watermark": 1}}]},
        {"id": "8", "messaging": [{"message": {"mid": "m2"}}]}]})");
    const auto found = occurrences(webhook, {}, body->root());
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].event, &webhook.events[1]);
    EXPECT_EQ(found[0].key, "m1");
    EXPECT_EQ(found[1].event, &webhook.events[0]) << "in the order of the call";
    EXPECT_EQ(found[1].key, std::nullopt);
    EXPECT_EQ(found[2].key, "m2");
    EXPECT_EQ(found[2].route, (std::vector<std::string>{"7", "8"}));
}

TEST(Webhook, MakesAStreamsRecordOfACall) {
    const Webhook webhook{.path = "w",
                          .events = {{.action = Webhook::Event::Do::upsert, .stream = "messages", .records = *Path::parse("$.messaging[*]"),
                                      .map = {{"id", *Path::parse("message.mid")}, {"from.id", *Path::parse("sender.id")}, {"from.name", *Path::parse("sender.name")},
                                              {"@['odd.name']", *Path::parse("$.object")}, {"topic", *Path::parse("header:X-Topic")}, {"gone", *Path::parse("message.gone")}},
                                      .occurred_at = *Path::parse("timestamp"), .occurred_at_format = TimeFormat::epoch_ms}}};
    const auto body = json::Document::parse(R"({"object": "page", "messaging": [{"sender": {"id": 12345678901234567890}, "timestamp": 1767312000500,
        "message": {"mid": "m\u0031", "gone": null}}, {"timestamp": "soon"}]})");
    const WebhookCall call{.headers = {{"x-topic", "say \"hi\""}}};
    const auto found = occurrences(webhook, call, body->root());
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(record_for_stream(found[0], call, body->root()),
              R"({"id":"m\u0031","from":{"id":12345678901234567890},"odd.name":"page","topic":"say \"hi\"","gone":null})");
    EXPECT_EQ(found[0].at, at("2026-01-02T00:00:00.5Z"));
    EXPECT_EQ(found[1].at, std::nullopt);
    EXPECT_EQ(found[1].unreadable_at, "soon");
}

TEST(Webhook, GivesTheRecordAsItIsWithoutAMap) {
    const Webhook webhook{.path = "w", .events = {{.action = Webhook::Event::Do::upsert, .stream = "orders"}}};
    const auto body = json::Document::parse(R"({"id": 1.50, "a": [ ]})");
    const auto found = occurrences(webhook, {}, body->root());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(record_for_stream(found[0], {}, body->root()), R"({"id": 1.50, "a": [ ]})");
}

TEST(Webhook, ReadsTopicAndKeyFromHeaders) {
    const Webhook webhook{.path = "w", .dedup_key = *Path::parse("header:webhook-id"),
                          .events = {{.when = Condition{.path = *Path::parse("header:x-webhook-topic"), .in = std::vector<std::string>{R"("order.shipped")"}},
                                      .action = Webhook::Event::Do::mark_due, .stream = "orders"}}};
    const auto body = json::Document::parse("{}");
    const auto found = occurrences(webhook, {.headers = {{"Webhook-Id", "msg_1"}, {"X-Webhook-Topic", "order.shipped"}}}, body->root());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].key, "msg_1");
    EXPECT_TRUE(occurrences(webhook, {.headers = {{"X-Webhook-Topic", "billing"}}}, body->root()).empty());
}

}  // namespace
}  // namespace upstream::core
