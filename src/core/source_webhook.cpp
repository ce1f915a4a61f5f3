// Webhooks: how a call proves where it comes from, which account it is for, and what it means.
#include <optional>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

void read_handshake(const Node& node, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"type", "verify_token", "path"});
    (void)object.require("type");
    using Handshake = Webhook::Handshake;
    webhook.handshake = object.choice<Handshake>("type", {{"meta_hub", Handshake::meta_hub}, {"echo", Handshake::echo}})
                            .value_or(Handshake::none);
    if (webhook.handshake == Handshake::meta_hub) (void)object.require("verify_token");
    if (webhook.handshake == Handshake::echo) (void)object.require("path");
    webhook.verify_token = text(object, "verify_token", Spot::webhook, uses, problems).value_or(Text{});
    webhook.echo = path(object, "path", PathKind::answer, problems);
}

void read_header(const ObjectReader& object, std::string_view key, std::string& name, Problems& problems) {
    if (const std::optional<Node> node = object.find(key)) name = read_header_name(*node, problems).value_or("");
}

void read_key(const ObjectReader& object, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    (void)object.require("key");
    webhook.key = text(object, "key", Spot::webhook, uses, problems).value_or(Text{});
}

void read_fields(const Node& node, Webhook& webhook, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"timestamp", "signature"});
    (void)object.require("signature");
    webhook.field_signature = object.string("signature").value_or("");
    webhook.field_timestamp = object.string("timestamp").value_or("");
}

// What is signed: "{timestamp}.{body}". Each part has to come from somewhere.
void read_signed(const ObjectReader& object, Webhook& webhook, Problems& problems) {
    const std::optional<Node> node = object.require("signed");
    const std::optional<std::string> text = node ? read_string(*node, problems) : std::nullopt;
    if (!text) return;
    for (std::size_t at = text->find('{'); at != std::string::npos; at = text->find('{', at + 1)) {
        const std::size_t end = text->find('}', at);
        const std::string word = end == std::string::npos ? "" : text->substr(at + 1, end - at - 1);
        if (word != "body" && word != "timestamp" && word != "id" && word != "url") {
            const std::string hint = perhaps(word, {"body", "timestamp", "id", "url"});
            problems.add(node->where, "unknown placeholder " + text->substr(at, end == std::string::npos ? end : end - at + 1),
                         hint.empty() ? "Known are {body}, {timestamp}, {id} and {url}." : hint);
        } else if (word == "timestamp" && webhook.field_timestamp.empty() && webhook.timestamp_header.empty()) {
            problems.add(node->where, "nothing says where {timestamp} is", "State \"timestamp_header\" or \"fields.timestamp\".");
        } else if (word == "id" && webhook.id_header.empty()) {
            problems.add(node->where, "nothing says where {id} is", "State \"header_id\".");
        }
    }
    webhook.signed_text = *text;
}

void read_tolerance(const ObjectReader& object, Webhook& webhook, Problems& problems) {
    webhook.tolerance = interval(object, "tolerance", problems);
    const bool is_dated = webhook.scheme == Webhook::Scheme::standard_webhooks || !webhook.field_timestamp.empty() ||
                          !webhook.timestamp_header.empty();
    if (webhook.tolerance && !is_dated)
        problems.add(object.find("tolerance")->where, "nothing says when a call was signed", "State \"timestamp_header\" or \"fields.timestamp\".");
    if (webhook.tolerance && is_dated && webhook.signed_text.find("{timestamp}") == std::string::npos)
        problems.add(object.find("tolerance")->where, "the time is not signed, so that anybody could change it", "Does \"signed\" lack {timestamp}?");
}

void read_hmac(const ObjectReader& object, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"scheme", "algorithm", "header", "prefix", "fields", "signed", "timestamp_header", "header_id", "encoding", "key",
                  "key_encoding", "tolerance"});
    for (const std::string_view key : {"algorithm", "header", "encoding"}) (void)object.require(key);
    using Hash = Webhook::Hash;
    webhook.hash = object.choice<Hash>("algorithm", {{"sha1", Hash::sha1}, {"sha256", Hash::sha256}, {"sha512", Hash::sha512}})
                       .value_or(webhook.hash);
    read_header(object, "header", webhook.header, problems);
    read_header(object, "timestamp_header", webhook.timestamp_header, problems);
    read_header(object, "header_id", webhook.id_header, problems);
    webhook.prefix = object.string("prefix").value_or("");
    if (const std::optional<Node> fields = object.find("fields")) read_fields(*fields, webhook, problems);
    read_signed(object, webhook, problems);
    webhook.base64 = object.choice<bool>("encoding", {{"hex", false}, {"base64", true}}).value_or(false);
    read_key(object, webhook, uses, problems);
    using Encoding = Jwt::KeyEncoding;
    webhook.key_encoding =
        object.choice<Encoding>("key_encoding", {{"text", Encoding::text}, {"base64", Encoding::base64}, {"hex", Encoding::hex}})
            .value_or(webhook.key_encoding);
    read_tolerance(object, webhook, problems);
}

void read_standard(const ObjectReader& object, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"scheme", "key", "tolerance", "header_id", "header_timestamp", "header_signature"});
    webhook.id_header = "webhook-id";
    webhook.timestamp_header = "webhook-timestamp";
    webhook.header = "webhook-signature";
    webhook.base64 = true;
    webhook.key_encoding = Jwt::KeyEncoding::base64;
    webhook.signed_text = "{id}.{timestamp}.{body}";
    read_header(object, "header_id", webhook.id_header, problems);
    read_header(object, "header_timestamp", webhook.timestamp_header, problems);
    read_header(object, "header_signature", webhook.header, problems);
    read_key(object, webhook, uses, problems);
    read_tolerance(object, webhook, problems);
}

void read_shared_secret(const ObjectReader& object, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"scheme", "in", "name", "key"});
    (void)object.require("in");
    webhook.secret_in = object.choice<Place>("in", {{"header", Place::header}, {"query", Place::query}}).value_or(Place::header);
    if (const std::optional<Node> name = object.require("name")) {
        webhook.secret_name = (webhook.secret_in == Place::header ? read_header_name(*name, problems) : read_string(*name, problems)).value_or("");
        if (name->value.is_string() && name->value.text().empty()) problems.add(name->where, "must not be empty");
    }
    read_key(object, webhook, uses, problems);
}

void read_verify(const Node& node, Webhook& webhook, std::vector<TextUse>& uses, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    if (!object.require("scheme")) return;
    using Scheme = Webhook::Scheme;
    const std::optional<Scheme> scheme = object.choice<Scheme>("scheme", {{"hmac", Scheme::hmac},
                                                                          {"standard_webhooks", Scheme::standard_webhooks},
                                                                          {"shared_secret", Scheme::shared_secret}});
    if (!scheme) return;
    webhook.scheme = *scheme;
    switch (*scheme) {
        case Scheme::hmac: read_hmac(object, webhook, uses, problems); break;
        case Scheme::standard_webhooks: read_standard(object, webhook, uses, problems); break;
        case Scheme::shared_secret: read_shared_secret(object, webhook, uses, problems); break;
    }
}

void read_dedup(const Node& node, Webhook& webhook, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"key", "keep"});
    (void)object.require("key");
    (void)object.require("keep");
    webhook.dedup_key = path(object, "key", PathKind::any, problems);
    webhook.dedup_keep = interval(object, "keep", problems).value_or(webhook.dedup_keep);
}

void read_route(const Node& node, WebhookDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"path", "setting"});
    if (const std::optional<Node> path = object.require("path"))
        draft.webhook.route_path = read_path(*path, PathKind::any, Wildcard::allowed, problems);
    if (const std::optional<Node> setting = object.require("setting")) {
        draft.webhook.route_setting = read_string(*setting, problems).value_or("");
        if (setting->value.is_string()) draft.route_setting = setting->where;
    }
}

void read_map(const Node& node, Webhook::Event& event, Problems& problems) {
    if (!expect_object(node, problems)) return;
    for (const Node& member : members(node)) {
        const Result<Path> to = Path::parse(member.value.key());
        if (!to || !to->names())
            problems.add(member.where, "must name a member of the stream's record", "Write it as in \"id\" or \"from.id\".");
        if (std::optional<Path> from = read_path(member, PathKind::any, Wildcard::refused, problems))
            event.map.emplace_back(member.value.key(), std::move(*from));
    }
}

void read_occurred_at(const Node& node, Webhook::Event& event, Reader& reader) {
    if (!node.value.is_object()) {
        event.occurred_at = read_path(node, PathKind::any, Wildcard::refused, reader.problems);
        return;
    }
    const ObjectReader object(node, reader.problems);
    object.allow({"path", "format"});
    (void)object.require("path");
    event.occurred_at = path(object, "path", PathKind::any, reader.problems);
    if (const std::optional<Node> format = object.find("format"))
        event.occurred_at_format = read_time_format(*format, reader).value_or(event.occurred_at_format);
}

void read_event(const Node& node, WebhookDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"when", "do", "stream", "records", "map", "occurred_at"});
    Webhook::Event event;
    if (const std::optional<Node> when = object.find("when")) event.when = read_condition(*when, PathKind::any, problems);
    (void)object.require("do");
    using Do = Webhook::Event::Do;
    const std::optional<Do> action = object.choice<Do>(
        "do", {{"upsert", Do::upsert}, {"delete", Do::erase}, {"mark_due", Do::mark_due}, {"ignore", Do::ignore}});
    event.action = action.value_or(Do::ignore);
    const std::optional<Node> stream = action && *action != Do::ignore ? object.require("stream") : object.find("stream");
    if (stream) event.stream = read_string(*stream, problems).value_or("");
    if (const std::optional<Node> records = object.find("records")) {
        if (std::optional<Path> path = read_path(*records, PathKind::document, Wildcard::allowed, problems)) event.records = std::move(*path);
    }
    if (const std::optional<Node> map = object.find("map")) read_map(*map, event, problems);
    if (const std::optional<Node> at = object.find("occurred_at")) read_occurred_at(*at, event, reader);
    draft.event_streams.push_back(stream && stream->value.is_string() ? std::optional(stream->where) : std::nullopt);
    draft.webhook.events.push_back(std::move(event));
}

}  // namespace

WebhookDraft read_webhook(const Node& node, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    WebhookDraft draft;
    draft.where = node.where;
    if (!expect_object(node, problems)) return draft;
    const ObjectReader object(node, problems);
    object.allow({"path", "handshake", "verify", "dedup", "route", "events"});
    if (const std::optional<Node> path = object.require("path")) {
        draft.webhook.path = read_string(*path, problems).value_or("");
        if (path->value.is_string() && draft.webhook.path.empty()) problems.add(path->where, "must not be empty");
    }
    if (const std::optional<Node> handshake = object.find("handshake")) read_handshake(*handshake, draft.webhook, uses, problems);
    if (const std::optional<Node> verify = object.require("verify")) read_verify(*verify, draft.webhook, uses, problems);
    if (const std::optional<Node> dedup = object.find("dedup")) read_dedup(*dedup, draft.webhook, problems);
    if (const std::optional<Node> route = object.find("route")) read_route(*route, draft, problems);
    if (const std::optional<Node> events = object.require("events"); events && expect_array(*events, problems, 1)) {
        for (const Node& event : elements(*events)) read_event(event, draft, reader);
    }
    return draft;
}

}  // namespace upstream::core::parts
