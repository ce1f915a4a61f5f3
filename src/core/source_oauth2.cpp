// OAuth 2: how access tokens are had and kept fresh.
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

constexpr double kLargestFraction = 0.5;

std::optional<Text> read_url(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    std::optional<Text> url = read_text(node, Spot::auth, uses, problems);
    if (url) check_url(node.where, *url, Query::allowed, problems);
    return url;
}

void read_margin(const Node& node, OAuth2& oauth2, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"at_most", "fraction"});
    oauth2.refresh_at_most = interval(object, "at_most", problems, Zero::allowed).value_or(oauth2.refresh_at_most);
    oauth2.refresh_fraction =
        object.number("fraction", {.least = 0, .most = kLargestFraction, .open = true}).value_or(oauth2.refresh_fraction);
}

Texts read_texts(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Texts texts;
    if (!expect_object(node, problems)) return texts;
    for (const Node& member : members(node)) {
        if (std::optional<Text> text = read_text(member, Spot::auth, uses, problems))
            texts.emplace_back(member.value.key(), std::move(*text));
    }
    return texts;
}

Texts read_token_headers(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Texts texts = read_texts(node, uses, problems);
    if (!node.value.is_object()) return texts;
    for (const Node& member : members(node)) {
        if (!shape::is_token(member.value.key()))
            problems.add(member.where, "\"" + std::string(member.value.key()) + "\" is not a valid header name");
        if (shape::breaks_header(member.value.text())) problems.add(member.where, "a header must not hold line breaks or NUL");
    }
    return texts;
}

void read_answer(const Node& node, OAuth2::Answer& answer, Reader& reader) {
    if (!expect_object(node, reader.problems)) return;
    const ObjectReader object(node, reader.problems);
    object.allow({"access_token", "refresh_token", "expires_in", "expires_at", "expires_at_format"});
    answer.access_token = path(object, "access_token", PathKind::answer, reader.problems);
    answer.refresh_token = path(object, "refresh_token", PathKind::answer, reader.problems);
    answer.expires_in = path(object, "expires_in", PathKind::answer, reader.problems);
    answer.expires_at = path(object, "expires_at", PathKind::answer, reader.problems);
    if (const std::optional<Node> format = object.find("expires_at_format"))
        answer.expires_at_format = read_time_format(*format, reader).value_or(answer.expires_at_format);
}

void read_token_request(const ObjectReader& object, OAuth2& oauth2, std::vector<TextUse>& uses, Problems& problems) {
    using TokenFormat = OAuth2::TokenFormat;
    oauth2.token_format =
        object
            .choice<TokenFormat>("token_format",
                                 {{"form", TokenFormat::form}, {"json", TokenFormat::json}, {"query", TokenFormat::query}})
            .value_or(oauth2.token_format);
    if (const std::optional<Node> params = object.find("params")) oauth2.params = read_texts(*params, uses, problems);
    if (const std::optional<Node> headers = object.find("headers")) oauth2.headers = read_token_headers(*headers, uses, problems);
}

void read_client(const ObjectReader& object, OAuth2& oauth2, std::vector<TextUse>& uses, Problems& problems) {
    for (const auto& [key, text] : {std::pair{"client_id", &oauth2.client_id}, std::pair{"client_secret", &oauth2.client_secret}}) {
        const std::optional<Node> node = object.find(key);
        if (!node) continue;
        if (std::optional<Text> read = read_text(*node, Spot::auth, uses, problems)) *text = std::move(*read);
    }
    using ClientAuth = OAuth2::ClientAuth;
    oauth2.client_auth = object
                             .choice<ClientAuth>("client_auth", {{"basic", ClientAuth::basic},
                                                                 {"body", ClientAuth::body},
                                                                 {"none", ClientAuth::none}})
                             .value_or(oauth2.client_auth);
}

void read_lists(const ObjectReader& object, OAuth2& oauth2, Problems& problems) {
    if (const std::optional<Node> scopes = object.find("scopes"))
        oauth2.scopes = read_strings(*scopes, problems, 0).value_or(oauth2.scopes);
    if (const std::optional<Node> errors = object.find("reauth_errors"))
        oauth2.reauth_errors = read_strings(*errors, problems, 1).value_or(oauth2.reauth_errors);
}

}  // namespace

OAuth2 read_oauth2(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    OAuth2 oauth2;
    (void)object.require("grant_type");
    using Grant = OAuth2::Grant;
    oauth2.grant = object
                       .choice<Grant>("grant_type", {{"refresh_token", Grant::refresh_token},
                                                     {"client_credentials", Grant::client_credentials},
                                                     {"password", Grant::password}})
                       .value_or(oauth2.grant);
    if (const std::optional<Node> url = object.require("token_url")) oauth2.token_url = read_url(*url, uses, problems).value_or(Text{});
    if (const std::optional<Node> url = object.find("refresh_url")) oauth2.refresh_url = read_url(*url, uses, problems);
    // The consent page is the application's work; these two are in a spec for its sake.
    if (const std::optional<Node> url = object.find("authorization_url")) (void)read_url(*url, uses, problems);
    (void)object.choice<bool>("pkce", {{"S256", true}, {"plain", true}});
    read_client(object, oauth2, uses, problems);
    read_token_request(object, oauth2, uses, problems);
    read_lists(object, oauth2, problems);
    oauth2.scope_separator = object.string("scope_separator").value_or(oauth2.scope_separator);
    if (const std::optional<Node> margin = object.find("refresh_before_expiry")) read_margin(*margin, oauth2, problems);
    oauth2.rotates_refresh_token = object.boolean("rotates_refresh_token").value_or(false);
    oauth2.lifetime = interval(object, "lifetime", problems).value_or(oauth2.lifetime);
    oauth2.prefix = read_header_part(object, "prefix", problems).value_or(oauth2.prefix);
    if (const std::optional<Node> response = object.find("response")) read_answer(*response, oauth2.answer, reader);
    if (const std::optional<Node> remember = object.find("remember")) oauth2.remember = read_remember(*remember, reader);
    if (const std::optional<Node> send = object.find("send")) {
        oauth2.send = read_send(*send, problems);
        if (const std::optional<Node> prefix = object.find("prefix"))
            problems.add(prefix->where, "has no effect where \"send\" is stated", "State the prefix in \"send\".");
    }
    return oauth2;
}

}  // namespace upstream::core::parts
