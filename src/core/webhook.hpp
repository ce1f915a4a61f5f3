// Calls from an upstream: whether they are what they say, which records they bring, and what the spec wants done about each.
//
// A call is bytes from the internet. Nothing of its body is read before its origin is proven, and the proof is over the bytes as they came.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/request.hpp"
#include "core/source.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

struct WebhookCall {
    Headers headers{};
    Headers query{};
    std::string body{};
    std::string url{};  // as the upstream knows it, for signatures over {url}

    // The first header of that name, any case.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
    [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

// Whether the call bears a valid signature, or the secret, by this key (Webhook::key, filled in), and is not older or newer than the tolerance. An empty
// key proves nothing. Comparisons take the same time wherever texts differ.
[[nodiscard]] bool is_genuine(const Webhook& webhook, const WebhookCall& call, const std::string& key, Timestamp now);

// The handshake of type meta_hub: a question in the query, before any call is signed.
[[nodiscard]] bool asks_meta_hub(const Webhook& webhook, const WebhookCall& call);

// What it wants to hear; nothing if its verify token is not the one that `lookup` gives.
[[nodiscard]] std::optional<std::string> meta_hub_answer(const Webhook& webhook, const WebhookCall& call, const Lookup& lookup);

// What a genuine call wants to have echoed; nothing if it is no handshake.
[[nodiscard]] std::optional<std::string> echo_answer(const Webhook& webhook, json::Value body);

// A record of a call, with the first event whose condition holds for it, in the order of the call. Records that no event is for are not listed.
struct Occurrence {
    const Webhook::Event* event = nullptr;
    json::Value record;
    std::optional<std::string> key{};        // tells it from others, if the spec says how and it has one
    std::vector<std::string> route{};        // values of the account's setting, if the spec routes by one
    std::optional<Timestamp> at{};           // when it happened, if the spec says where that stands
    std::string unreadable_at{};             // what stands there instead, if it is no time
};
[[nodiscard]] std::vector<Occurrence> occurrences(const Webhook& webhook, const WebhookCall& call, json::Value body);

// The stream's record, as JSON: the one of the call, or what the event's `map` makes of it. A member whose path finds nothing is left out.
[[nodiscard]] std::string record_for_stream(const Occurrence& occurrence, const WebhookCall& call, json::Value body);

}  // namespace upstream::core
