#include "core/webhook.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "core/condition.hpp"
#include "core/crypto.hpp"
#include "core/json_text.hpp"

namespace upstream::core {
namespace {

constexpr std::size_t kLongestKey = 200;            // longer ones are known by their digest
constexpr std::int64_t kMillisecondsFrom = 100'000'000'000;  // a time of signing as large as this is in milliseconds
constexpr Duration kStandardTolerance = std::chrono::minutes(5);
constexpr std::string_view kStandardPrefix = "whsec_";
constexpr std::string_view kStandardVersion = "v1,";

bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        std::string_view part = text.substr(begin, end - begin);
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
        if (!part.empty()) parts.push_back(part);
        begin = end + 1;
    }
    return parts;
}

// What the call says of its signing.
struct Signed {
    std::vector<std::string> signatures{};  // as raw bytes; any may be the right one, while keys are changed
    std::string timestamp{};
    std::string id{};
};

void add_signature(const Webhook& webhook, std::string_view text, Signed& found) {
    if (!text.starts_with(webhook.prefix)) return;
    text.remove_prefix(webhook.prefix.size());
    if (auto bytes = webhook.base64 ? crypto::from_base64(text) : crypto::from_hex(text)) found.signatures.push_back(std::move(*bytes));
}

Signed read_signed(const Webhook& webhook, const WebhookCall& call) {
    Signed found{.timestamp = std::string{call.header(webhook.timestamp_header).value_or("")}, .id = std::string{call.header(webhook.id_header).value_or("")}};
    const std::string_view header = call.header(webhook.header).value_or("");
    if (webhook.scheme == Webhook::Scheme::standard_webhooks) {
        for (std::string_view part : split(header, ' '))
            if (part.starts_with(kStandardVersion)) add_signature(webhook, part.substr(kStandardVersion.size()), found);
    } else if (!webhook.field_signature.empty()) {
        for (const std::string_view part : split(header, ',')) {
            const std::size_t equals = std::min(part.find('='), part.size());
            const std::string_view name = part.substr(0, equals);
            const std::string_view value = part.substr(std::min(equals + 1, part.size()));
            if (name == webhook.field_signature) add_signature(webhook, value, found);
            if (!webhook.field_timestamp.empty() && name == webhook.field_timestamp) found.timestamp = value;
        }
    } else {
        add_signature(webhook, header, found);
    }
    return found;
}

std::string signed_text(const Webhook& webhook, const WebhookCall& call, const Signed& said) {
    std::string text;
    const std::string& form = webhook.signed_text;
    for (std::size_t at = 0; at < form.size();) {
        const std::size_t brace = std::min(form.find('{', at), form.size());
        text.append(form, at, brace - at);
        const std::size_t end = form.find('}', brace);
        if (end == std::string::npos) return text.append(form, brace);
        const std::string_view word = std::string_view{form}.substr(brace + 1, end - brace - 1);
        text += word == "body" ? call.body : word == "timestamp" ? said.timestamp : word == "id" ? said.id : call.url;
        at = end + 1;
    }
    return text;
}

bool is_recent(const Webhook& webhook, const std::string& timestamp, Timestamp now) {
    const bool is_standard = webhook.scheme == Webhook::Scheme::standard_webhooks;
    if (!webhook.tolerance && !is_standard) return true;
    std::int64_t number = 0;
    const char* const stop = timestamp.data() + timestamp.size();
    if (const auto [end, error] = std::from_chars(timestamp.data(), stop, number); end != stop || error != std::errc{}) return false;
    if (number < 0 || number >= kMillisecondsFrom * 1000) return false;
    const Timestamp at{number >= kMillisecondsFrom ? Duration{std::chrono::milliseconds(number)} : Duration{std::chrono::seconds(number)}};
    return std::chrono::abs(now - at) <= webhook.tolerance.value_or(kStandardTolerance);
}

// Of "id.timestamp.body" an id with a dot in it could be taken for another id and another time.
bool is_unambiguous(const Webhook& webhook, const Signed& said) {
    return webhook.scheme != Webhook::Scheme::standard_webhooks || (!said.id.empty() && said.id.find('.') == std::string::npos);
}

std::optional<std::string> key_bytes(const Webhook& webhook, std::string_view key) {
    if (webhook.scheme == Webhook::Scheme::standard_webhooks && key.starts_with(kStandardPrefix)) key.remove_prefix(kStandardPrefix.size());
    switch (webhook.key_encoding) {
        case Jwt::KeyEncoding::base64: return crypto::from_base64(key);
        case Jwt::KeyEncoding::hex: return crypto::from_hex(key);
        default: return std::string{key};
    }
}

crypto::Hash hash_of(Webhook::Hash hash) {
    switch (hash) {
        case Webhook::Hash::sha1: return crypto::Hash::sha1;
        case Webhook::Hash::sha512: return crypto::Hash::sha512;
        default: return crypto::Hash::sha256;
    }
}

bool bears_secret(const Webhook& webhook, const WebhookCall& call, const std::string& key) {
    const auto given = webhook.secret_in == Place::header ? call.header(webhook.secret_name) : call.parameter(webhook.secret_name);
    return given && crypto::equal(*given, key);
}

// What a path finds, in the call or in one of its records. Values of headers have to be made into JSON first; `made` keeps them.
std::vector<json::Value> look_up(const Path& path, const WebhookCall& call, json::Value record, json::Value body, std::vector<json::Document>& made) {
    if (path.root() == Path::Root::header) {
        const auto value = call.header(path.header());
        if (!value) return {};
        auto document = json::Document::parse(json::quote(*value));
        if (!document) return {};
        made.push_back(std::move(*document));
        return {made.back().root()};
    }
    return path.find_all(path.root() == Path::Root::document ? body : record);
}

std::vector<std::string> texts_at(const std::optional<Path>& path, const WebhookCall& call, json::Value record, json::Value body) {
    std::vector<std::string> texts;
    if (!path) return texts;
    std::vector<json::Document> made;
    for (const json::Value value : look_up(*path, call, record, body, made))
        if (!value.is_null()) texts.emplace_back(value.text());
    return texts;
}

Occurrence occurrence_of(const Webhook& webhook, const Webhook::Event& event, const WebhookCall& call, json::Value record, json::Value body) {
    Occurrence occurrence{.event = &event, .record = record, .route = texts_at(webhook.route_path, call, record, body)};
    if (const auto keys = texts_at(webhook.dedup_key, call, record, body); !keys.empty())
        occurrence.key = keys.front().size() <= kLongestKey ? keys.front() : crypto::to_hex(crypto::digest(crypto::Hash::sha256, keys.front()));
    if (const auto times = texts_at(event.occurred_at, call, record, body); !times.empty()) {
        occurrence.at = parse_time(times.front(), event.occurred_at_format);
        if (!occurrence.at) occurrence.unreadable_at = times.front();
    }
    return occurrence;
}

}  // namespace

std::optional<std::string_view> WebhookCall::header(std::string_view name) const {
    for (const auto& [known, value] : headers)
        if (same_name(known, name)) return value;
    return std::nullopt;
}

std::optional<std::string_view> WebhookCall::parameter(std::string_view name) const {
    for (const auto& [known, value] : query)
        if (known == name) return value;
    return std::nullopt;
}

bool is_genuine(const Webhook& webhook, const WebhookCall& call, const std::string& key, Timestamp now) {
    if (key.empty()) return false;
    if (webhook.scheme == Webhook::Scheme::shared_secret) return bears_secret(webhook, call, key);
    const auto bytes = key_bytes(webhook, key);
    if (!bytes || bytes->empty()) return false;
    const Signed said = read_signed(webhook, call);
    if (!is_recent(webhook, said.timestamp, now) || !is_unambiguous(webhook, said)) return false;
    const std::string right = crypto::hmac(hash_of(webhook.hash), *bytes, signed_text(webhook, call, said));
    return std::any_of(said.signatures.begin(), said.signatures.end(), [&](const std::string& each) { return crypto::equal(each, right); });
}

bool asks_meta_hub(const Webhook& webhook, const WebhookCall& call) {
    return webhook.handshake == Webhook::Handshake::meta_hub && call.parameter("hub.mode") == "subscribe";
}

std::optional<std::string> meta_hub_answer(const Webhook& webhook, const WebhookCall& call, const Lookup& lookup) {
    const auto token = webhook.verify_token.render(lookup);
    const auto given = call.parameter("hub.verify_token");
    const auto challenge = call.parameter("hub.challenge");
    if (!token || token->empty() || !given || !challenge || !crypto::equal(*given, *token)) return std::nullopt;
    return std::string{*challenge};
}

std::optional<std::string> echo_answer(const Webhook& webhook, json::Value body) {
    if (webhook.handshake != Webhook::Handshake::echo || !webhook.echo) return std::nullopt;
    const auto value = webhook.echo->find(body);
    if (!value || value->is_null()) return std::nullopt;
    return std::string{value->text()};
}

std::vector<Occurrence> occurrences(const Webhook& webhook, const WebhookCall& call, json::Value body) {
    std::vector<Occurrence> found;
    std::set<const char*> settled;  // records, by where they begin and so by what they are
    for (const Webhook::Event& event : webhook.events) {
        for (const json::Value record : event.records.find_all(body)) {
            if (settled.contains(record.raw().data())) continue;
            std::vector<json::Document> made;
            if (event.when && !holds(*event.when, look_up(event.when->path, call, record, body, made))) continue;
            settled.insert(record.raw().data());
            found.push_back(occurrence_of(webhook, event, call, record, body));
        }
    }
    std::sort(found.begin(), found.end(), [](const Occurrence& a, const Occurrence& b) { return a.record.raw().data() < b.record.raw().data(); });
    return found;
}

std::string record_for_stream(const Occurrence& occurrence, const WebhookCall& call, json::Value body) {
    if (occurrence.event->map.empty()) return std::string{occurrence.record.raw()};
    JsonText record{.kind = JsonText::Kind::object};
    for (const auto& [to, from] : occurrence.event->map) {
        std::vector<json::Document> made;
        const std::vector<json::Value> values = look_up(from, call, occurrence.record, body, made);
        if (values.empty()) continue;
        if (const Result<Path> member = Path::parse(to); member && member->names()) set_member(record, *member->names(), std::string{values.front().raw()});
    }
    return to_json(record);
}

}  // namespace upstream::core
