// The requests that ask for tokens.
#include <utility>

#include "core/jwt.hpp"
#include "core/sign.hpp"
#include "core/token.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

constexpr const char* kJwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

std::string as_form(const Query& fields) {
    std::string body;
    for (const auto& [name, value] : fields) body += (body.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(value);
    return body;
}

std::string as_json(const Query& fields) {
    JsonText object{.kind = JsonText::Kind::object};
    for (const auto& [name, value] : fields) object.members.emplace_back(name, JsonText{.literal = json::quote(value)});
    return to_json(object);
}

Request post(const Source& source, std::string url) {
    Request request{.method = "POST", .url = std::move(url), .headers = {{"Accept", "application/json"}}};
    if (source.connect_timeout) request.connect_timeout = *source.connect_timeout;
    if (source.total_timeout) request.total_timeout = *source.total_timeout;
    return request;
}

void write(Request& request, const Query& fields, OAuth2::TokenFormat format) {
    using Format = OAuth2::TokenFormat;
    if (format == Format::query) {
        request.url = join_url(request.url, "", fields);
        return;
    }
    request.headers.emplace_back("Content-Type", format == Format::json ? "application/json" : "application/x-www-form-urlencoded");
    request.body = format == Format::json ? as_json(fields) : as_form(fields);
}

// The members that make a grant what it is. The password grant takes the secrets of HTTP basic.
Result<Query> grant_fields(const OAuth2& oauth, const std::string& refresh_token, const Lookup& lookup) {
    switch (oauth.grant) {
        case OAuth2::Grant::refresh_token: return Query{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
        case OAuth2::Grant::client_credentials: return Query{{"grant_type", "client_credentials"}};
        case OAuth2::Grant::password: break;
    }
    const auto user = lookup(Placeholder{.root = "secret", .word = "username", .format = {}});
    const auto password = lookup(Placeholder{.root = "secret", .word = "password", .format = {}});
    if (!user || !password)
        return Error{.code = Code::invalid_spec, .message = "the account lacks the username or password for its token endpoint",
                     .hint = "Store them with upstream.set_secret()."};
    return Query{{"grant_type", "password"}, {"username", *user}, {"password", *password}};
}

Result<Request> oauth_request(const Source& source, const OAuth2& oauth, const Lookup& lookup, const std::string& refresh_token) {
    const bool refreshing = oauth.grant == OAuth2::Grant::refresh_token;
    const auto url = (refreshing && oauth.refresh_url ? *oauth.refresh_url : oauth.token_url).render(lookup);
    const auto id = oauth.client_id.render(lookup);
    const auto secret = oauth.client_secret.render(lookup);
    if (!url || !id || (!secret && oauth.client_auth != OAuth2::ClientAuth::none))
        return Error{.code = Code::invalid_spec,
                     .message = "the account lacks the client_id or client_secret for its token endpoint",
                     .hint = "Store them with upstream.set_secret()."};
    Result<Query> fields = grant_fields(oauth, refresh_token, lookup);
    if (!fields) return fields.error();
    if (oauth.client_auth != OAuth2::ClientAuth::basic) fields->emplace_back("client_id", *id);
    if (oauth.client_auth == OAuth2::ClientAuth::body) fields->emplace_back("client_secret", *secret);
    if (!oauth.scopes.empty()) {
        std::string scope;
        for (const std::string& word : oauth.scopes) scope += (scope.empty() ? "" : oauth.scope_separator) + word;
        fields->emplace_back("scope", scope);
    }
    for (const auto& [name, text] : oauth.params)
        if (auto value = text.render(lookup)) fields->emplace_back(name, std::move(*value));

    Request request = post(source, *url);
    write(request, *fields, oauth.token_format);
    for (const auto& [name, text] : oauth.headers)
        if (auto value = text.render(lookup))
            if (auto error = set_header(request.headers, name, std::move(*value))) return *error;
    // RFC 6749 2.3.1: id and secret are form-encoded before they go into the header.
    if (oauth.client_auth == OAuth2::ClientAuth::basic) request.basic.emplace(percent_encode(*id), percent_encode(*secret));
    return request;
}

Result<Request> exchange_request(const Source& source, const Jwt& jwt, const TypedLookup& values, Timestamp now) {
    const auto url = jwt.token_url->render(as_texts(values));
    if (!url) return no_value("auth.token_url", *jwt.token_url);
    const auto assertion = make_jwt(jwt, values, now);
    if (!assertion) return assertion.error();
    Request request = post(source, *url);
    write(request, {{"grant_type", kJwtGrant}, {"assertion", *assertion}}, OAuth2::TokenFormat::form);
    return request;
}

// Whole, or a path under base_url.
Result<std::string> login_url(const Source& source, const Login& login, const Lookup& lookup) {
    const auto url = login.url.render(lookup);
    if (!url) return no_value("auth.request.url", login.url);
    Query query;
    for (const auto& [name, texts] : login.params)
        for (const Text& text : texts)
            if (auto value = text.render(lookup)) query.emplace_back(name, std::move(*value));
    if (origin(*url)) return join_url(*url, "", query);
    const auto base = source.base_url.render(lookup);
    if (!base) return no_value("base_url", source.base_url);
    return join_url(*base, *url, query);
}

Result<Request> login_request(const Source& source, const Login& login, const Account& account, const TypedLookup& values, Timestamp now) {
    const Lookup lookup = as_texts(values);
    auto url = login_url(source, login, lookup);
    if (!url) return url.error();
    Draft draft{.request = post(source, std::move(*url)), .body_format = login.body_format};
    draft.request.method = login.method;
    for (const auto& [name, text] : login.headers)
        if (auto value = text.render(lookup))
            if (auto error = set_header(draft.request.headers, name, std::move(*value))) return *error;
    if (login.body) draft.body = fill_in(*login.body, values);
    if (login.auth)
        if (auto error = sign(draft, *login.auth, source, account, now)) return *error;
    return finish(std::move(draft));
}

}  // namespace

Result<Request> token_request(const Source& source, const Auth& auth, const Account& account, const std::string& refresh_token, Timestamp now) {
    const TypedLookup values = account_values(source, account, now);
    if (auth.oauth2) return oauth_request(source, *auth.oauth2, as_texts(values), refresh_token);
    if (auth.login) return login_request(source, *auth.login, account, values, now);
    return exchange_request(source, *auth.jwt, values, now);
}

}  // namespace upstream::core
