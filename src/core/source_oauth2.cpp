// OAuth 2: how access tokens are had and kept fresh.
#include <optional>
#include <utility>

#include "core/source_parts.hpp"

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
    const std::optional<Node> stated = object.find("fraction");
    if (!stated) return;
    const std::optional<double> fraction = read_number(*stated, problems);
    if (!fraction) return;
    if (*fraction > 0 && *fraction <= kLargestFraction) {
        oauth2.refresh_fraction = *fraction;
    } else {
        problems.add(stated->where, "must be greater than 0 and at most 0.5");
    }
}

void read_token_params(const Node& node, OAuth2& oauth2, std::vector<TextUse>& uses, Problems& problems) {
    if (!expect_object(node, problems)) return;
    for (const Node& member : members(node)) {
        if (std::optional<Text> text = read_text(member, Spot::auth, uses, problems))
            oauth2.params.emplace_back(member.value.key(), std::move(*text));
    }
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

OAuth2 read_oauth2(const ObjectReader& object, std::vector<TextUse>& uses, Problems& problems) {
    OAuth2 oauth2;
    (void)object.require("grant_type");
    (void)object.choice<bool>("grant_type", {{"refresh_token", true}}, {"client_credentials", "password"});
    (void)object.choice<bool>("token_format", {{"form", true}}, {"json", "query"});
    if (const std::optional<Node> url = object.require("token_url")) oauth2.token_url = read_url(*url, uses, problems).value_or(Text{});
    if (const std::optional<Node> url = object.find("refresh_url")) oauth2.refresh_url = read_url(*url, uses, problems);
    // The consent page is the application's work; these two are in a spec for its sake.
    if (const std::optional<Node> url = object.find("authorization_url")) (void)read_url(*url, uses, problems);
    (void)object.choice<bool>("pkce", {{"S256", true}, {"plain", true}});
    read_client(object, oauth2, uses, problems);
    read_lists(object, oauth2, problems);
    oauth2.scope_separator = object.string("scope_separator").value_or(oauth2.scope_separator);
    if (const std::optional<Node> params = object.find("params")) read_token_params(*params, oauth2, uses, problems);
    if (const std::optional<Node> margin = object.find("refresh_before_expiry")) read_margin(*margin, oauth2, problems);
    oauth2.rotates_refresh_token = object.boolean("rotates_refresh_token").value_or(false);
    oauth2.lifetime = interval(object, "lifetime", problems).value_or(oauth2.lifetime);
    oauth2.prefix = read_header_part(object, "prefix", problems).value_or(oauth2.prefix);
    return oauth2;
}

}  // namespace upstream::core::parts
