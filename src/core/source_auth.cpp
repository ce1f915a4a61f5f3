// Signing in: everything but the details of OAuth 2.
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

// Every key of every type, to tell a key of another type from a slip of the pen.
constexpr auto kAuthKeys = std::to_array<std::string_view>(
    {"type",          "token",         "prefix",        "in",           "name",          "value",
     "username",      "password",      "grant_type",    "token_url",    "refresh_url",   "authorization_url",
     "pkce",          "client_id",     "client_secret", "client_auth",  "scopes",        "scope_separator",
     "params",        "headers",       "token_format",  "lifetime",     "reauth_errors", "refresh_before_expiry",
     "response",      "remember",      "send",          "request",      "expires_in",    "rotates_refresh_token",
     "algorithm",     "key",           "key_encoding",  "claims"});

std::optional<Text> require_text(const ObjectReader& object, std::string_view key, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> node = object.require(key);
    return node ? read_text(*node, Spot::auth, uses, problems) : std::nullopt;
}

void read_bearer(const ObjectReader& object, Auth& auth, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"type", "token", "prefix"}, {}, kAuthKeys, "bearer");
    auth.token = require_text(object, "token", uses, problems).value_or(Text{});
    auth.prefix = read_header_part(object, "prefix", problems).value_or("Bearer");
}

void read_api_key(const ObjectReader& object, Auth& auth, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"type", "in", "name", "value", "prefix"}, {}, kAuthKeys, "api_key");
    (void)object.require("in");
    const std::optional<Auth::Place> place = object.choice<Auth::Place>(
        "in", {{"header", Auth::Place::header}, {"query", Auth::Place::query}, {"cookie", Auth::Place::cookie}}, {"body"});
    auth.place = place.value_or(Auth::Place::header);
    auth.value = require_text(object, "value", uses, problems).value_or(Text{});
    auth.prefix = read_header_part(object, "prefix", problems).value_or("");
    const std::optional<Node> name = object.require("name");
    if (!name) return;
    auth.name = read_string(*name, problems).value_or("");
    if (!name->value.is_string()) return;
    if (auth.name.empty()) {
        problems.add(name->where, "must not be empty");
    } else if (place && *place != Auth::Place::query && !shape::is_token(auth.name)) {
        problems.add(name->where, "\"" + auth.name + "\" is not a valid " +
                                      (*place == Auth::Place::header ? "header name" : "cookie name"));
    }
}

void read_basic(const ObjectReader& object, Auth& auth, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"type", "username", "password"}, {}, kAuthKeys, "basic");
    for (const auto& [key, text] : {std::pair{"username", &auth.username}, std::pair{"password", &auth.password}}) {
        const std::optional<Node> node = object.find(key);
        if (!node) continue;
        if (std::optional<Text> read = read_text(*node, Spot::auth, uses, problems)) *text = std::move(*read);
    }
}

}  // namespace

Auth read_auth(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Auth auth;
    if (!expect_object(node, problems)) return auth;
    const ObjectReader object(node, problems);
    if (const std::optional<Node> one_of = object.find("one_of")) {
        problems.add(one_of->where, "\"one_of\" is not supported yet", "State one way to sign in.");
        return auth;
    }
    if (!object.require("type")) return auth;
    const std::optional<Auth::Type> type = object.choice<Auth::Type>("type",
                                                                    {{"none", Auth::Type::none},
                                                                     {"bearer", Auth::Type::bearer},
                                                                     {"api_key", Auth::Type::api_key},
                                                                     {"basic", Auth::Type::basic},
                                                                     {"oauth2", Auth::Type::oauth2}},
                                                                    {"login", "jwt"});
    if (!type) return auth;
    auth.type = *type;
    switch (*type) {
        case Auth::Type::login:
        case Auth::Type::jwt: break;
        case Auth::Type::none: object.allow({"type"}, {}, kAuthKeys, "none"); break;
        case Auth::Type::bearer: read_bearer(object, auth, uses, problems); break;
        case Auth::Type::api_key: read_api_key(object, auth, uses, problems); break;
        case Auth::Type::basic: read_basic(object, auth, uses, problems); break;
        case Auth::Type::oauth2:
            object.allow({"type", "grant_type", "token_url", "refresh_url", "authorization_url", "pkce", "client_id", "client_secret",
                          "client_auth", "scopes", "scope_separator", "params", "token_format", "refresh_before_expiry",
                          "rotates_refresh_token", "reauth_errors", "lifetime", "prefix"},
                         {"headers", "response", "remember", "send"}, kAuthKeys, "oauth2");
            auth.oauth2 = read_oauth2(object, uses, problems);
            break;
    }
    return auth;
}

}  // namespace upstream::core::parts
