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
    object.allow({"type", "token", "prefix"}, kAuthKeys, "bearer");
    auth.token = require_text(object, "token", uses, problems).value_or(Text{});
    auth.prefix = read_header_part(object, "prefix", problems).value_or("Bearer");
}

// The name that a credential goes under.
std::string read_place_name(const ObjectReader& object, std::optional<Place> place, Problems& problems) {
    const std::optional<Node> node = object.require("name");
    if (!node) return {};
    std::string name = read_string(*node, problems).value_or("");
    if (!node->value.is_string()) return {};
    if (name.empty()) {
        problems.add(node->where, "must not be empty");
    } else if (place && (*place == Place::header || *place == Place::cookie) && !shape::is_token(name)) {
        problems.add(node->where, "\"" + name + "\" is not a valid " + (*place == Place::header ? "header name" : "cookie name"));
    }
    return name;
}

std::optional<Place> read_place(const ObjectReader& object) {
    (void)object.require("in");
    return object.choice<Place>(
        "in", {{"header", Place::header}, {"query", Place::query}, {"cookie", Place::cookie}, {"body", Place::body}});
}

void read_api_key(const ObjectReader& object, Auth& auth, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"type", "in", "name", "value", "prefix"}, kAuthKeys, "api_key");
    const std::optional<Place> place = read_place(object);
    auth.place = place.value_or(Place::header);
    auth.value = require_text(object, "value", uses, problems).value_or(Text{});
    auth.prefix = read_header_part(object, "prefix", problems).value_or("");
    auth.name = read_place_name(object, place, problems);
}

void read_basic(const ObjectReader& object, Auth& auth, std::vector<TextUse>& uses, Problems& problems) {
    object.allow({"type", "username", "password"}, kAuthKeys, "basic");
    for (const auto& [key, text] : {std::pair{"username", &auth.username}, std::pair{"password", &auth.password}}) {
        const std::optional<Node> node = object.find(key);
        if (!node) continue;
        if (std::optional<Text> read = read_text(*node, Spot::auth, uses, problems)) *text = std::move(*read);
    }
}

}  // namespace

Send read_send(const Node& node, Problems& problems) {
    Send send;
    if (!expect_object(node, problems)) return send;
    const ObjectReader object(node, problems);
    object.allow({"in", "name", "prefix"});
    const std::optional<Place> place = read_place(object);
    send.in = place.value_or(Place::header);
    send.name = read_place_name(object, place, problems);
    send.prefix = read_header_part(object, "prefix", problems).value_or("");
    return send;
}

// What is remembered is a setting from then on.
Remember read_remember(const Node& node, Reader& reader) {
    Remember remember;
    if (!expect_object(node, reader.problems)) return remember;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        (void)check_name(member.where, name, reader.problems);
        reader.settings.push_back(name);
        if (std::optional<Path> path = read_path(member, PathKind::answer, Wildcard::refused, reader.problems))
            remember.emplace_back(name, std::move(*path));
    }
    return remember;
}

Auth read_auth(const Node& node, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    Auth auth;
    if (!expect_object(node, problems)) return auth;
    const ObjectReader object(node, problems);
    if (!object.require("type")) return auth;
    using Type = Auth::Type;
    const std::optional<Type> type = object.choice<Type>("type", {{"none", Type::none},
                                                                  {"bearer", Type::bearer},
                                                                  {"api_key", Type::api_key},
                                                                  {"basic", Type::basic},
                                                                  {"oauth2", Type::oauth2},
                                                                  {"login", Type::login},
                                                                  {"jwt", Type::jwt}});
    if (!type) return auth;
    auth.type = *type;
    switch (*type) {
        case Type::none: object.allow({"type"}, kAuthKeys, "none"); break;
        case Type::bearer: read_bearer(object, auth, uses, problems); break;
        case Type::api_key: read_api_key(object, auth, uses, problems); break;
        case Type::basic: read_basic(object, auth, uses, problems); break;
        case Type::oauth2:
            object.allow({"type", "grant_type", "token_url", "refresh_url", "authorization_url", "pkce", "client_id", "client_secret",
                          "client_auth", "scopes", "scope_separator", "params", "headers", "token_format", "refresh_before_expiry",
                          "rotates_refresh_token", "reauth_errors", "response", "lifetime", "remember", "prefix", "send"},
                         kAuthKeys, "oauth2");
            auth.oauth2 = read_oauth2(object, uses, reader);
            break;
        case Type::login:
            object.allow({"type", "request", "token", "expires_in", "lifetime", "send", "remember"}, kAuthKeys, "login");
            auth.login = read_login(object, uses, reader);
            break;
        case Type::jwt:
            object.allow({"type", "algorithm", "key", "key_encoding", "headers", "claims", "lifetime", "token_url", "send"}, kAuthKeys,
                         "jwt");
            auth.jwt = read_jwt(object, uses, reader);
            break;
    }
    return auth;
}

// One way to sign in, or several by name, of which the first counts where an account names none.
void read_ways(const Node& node, Source& source, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    const std::optional<json::Value> several = node.value.member("one_of");
    if (!several) {
        source.auth = read_auth(node, uses, reader);
        return;
    }
    const ObjectReader object(node, problems);
    object.allow({"one_of"});
    const Node ways = *object.find("one_of");
    if (!expect_object(ways, problems)) return;
    if (ways.value.size() < 2) problems.add(ways.where, "must have two members at least", "State a single way without \"one_of\".");
    for (const Node& member : members(ways)) {
        const std::string name(member.value.key());
        (void)check_name(member.where, name, problems);
        source.ways.emplace_back(name, read_auth(member, uses, reader));
    }
    if (!source.ways.empty()) source.auth = source.ways[0].second;
    reader.ways = source.ways;
}

}  // namespace upstream::core::parts
