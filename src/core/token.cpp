#include "core/token.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/backoff.hpp"
#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

constexpr std::size_t kLargestAnswer = 256 * 1024;
constexpr json::Limits kTokenLimits{.depth = 16, .digits = 32};
constexpr Duration kLongestLife = std::chrono::hours(24 * 366);

std::optional<std::string> text_member(json::Value object, std::string_view name) {
    const auto value = object.member(name);
    if (!value || !value->is_string() || value->text().empty()) return std::nullopt;
    return std::string{value->text()};
}

// expires_in comes as a number, as text, with a fraction, negative or not at all.
Duration lifetime_of(const OAuth2& oauth, json::Value answer) {
    const auto value = answer.member("expires_in");
    if (!value) return oauth.lifetime;
    double seconds = 0;
    const std::string_view text = value->text();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(seconds) || seconds <= 0) return oauth.lifetime;
    const double longest = std::chrono::duration<double>(kLongestLife).count();
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, longest)));
}

// `error` and `error_description`, cut and in one line.
std::string reason_of(json::Value answer) {
    std::string reason = excerpt(text_member(answer, "error").value_or(""), 60);
    if (const auto description = text_member(answer, "error_description")) reason += ": " + excerpt(*description, 140);
    return reason;
}

Error refused(const OAuth2& oauth, const Response& response, const Result<json::Document>& parsed) {
    Error error = *failure_of(response, Retry{});
    error.message = "token endpoint answered " + std::to_string(response.status);
    error.detail.clear();  // a body may echo the request
    error.hint.clear();
    if (!parsed || !parsed->root().is_object()) return error;
    error.detail = reason_of(parsed->root());
    const std::string kind = text_member(parsed->root(), "error").value_or("");
    if (std::find(oauth.reauth_errors.begin(), oauth.reauth_errors.end(), kind) != oauth.reauth_errors.end()) {
        error.code = Code::needs_reauth;
        error.message = "the refresh token was refused";
        error.hint = "Sign in again and store the new pair with upstream.update_token().";
    }
    return error;
}

}  // namespace

bool needs_refresh(const OAuth2& oauth, const std::optional<Token>& token, Timestamp now) {
    if (!token) return true;
    if (!token->expires_at) return false;
    const Duration lifetime = token->lifetime > Duration{0} ? token->lifetime : oauth.lifetime;
    const Duration part{static_cast<Duration::rep>(static_cast<double>(lifetime.count()) * oauth.refresh_fraction)};
    return now >= *token->expires_at - std::min(oauth.refresh_at_most, part);
}

Result<Request> refresh_request(const Source& source, const Account& account, const std::string& refresh_token) {
    const OAuth2& oauth = *source.auth.oauth2;
    const Lookup lookup = account_lookup(account);
    const Text& where = oauth.refresh_url ? *oauth.refresh_url : oauth.token_url;
    const auto url = where.render(lookup);
    const auto id = oauth.client_id.render(lookup);
    const auto secret = oauth.client_secret.render(lookup);
    if (!url || !id || (!secret && oauth.client_auth != OAuth2::ClientAuth::none))
        return Error{.code = Code::invalid_spec,
                     .message = "the account lacks the client_id or client_secret for its token endpoint",
                     .hint = "Store them with upstream.set_secret()."};
    Query form{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
    if (oauth.client_auth != OAuth2::ClientAuth::basic) form.emplace_back("client_id", *id);
    if (oauth.client_auth == OAuth2::ClientAuth::body) form.emplace_back("client_secret", *secret);
    if (!oauth.scopes.empty()) {
        std::string scope;
        for (const std::string& word : oauth.scopes) scope += (scope.empty() ? "" : oauth.scope_separator) + word;
        form.emplace_back("scope", scope);
    }
    for (const auto& [name, text] : oauth.params)
        if (auto value = text.render(lookup)) form.emplace_back(name, std::move(*value));

    Request request{.method = "POST", .url = *url, .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}}};
    std::string body;
    for (const auto& [name, value] : form) body += (body.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(value);
    request.body = std::move(body);
    // RFC 6749 2.3.1: id and secret are form-encoded before they go into the header.
    if (oauth.client_auth == OAuth2::ClientAuth::basic) request.basic.emplace(percent_encode(*id), percent_encode(*secret));
    if (source.connect_timeout) request.connect_timeout = *source.connect_timeout;
    if (source.total_timeout) request.total_timeout = *source.total_timeout;
    return request;
}

Result<Grant> read_grant(const OAuth2& oauth, Response response) {
    if (response.body.size() > kLargestAnswer)
        return Error{.code = Code::too_large, .message = "the token endpoint's answer is larger than 256 kB"};
    const Result<json::Document> parsed = json::Document::parse(std::move(response.body), kTokenLimits);
    if (response.status < 200 || response.status >= 300) return refused(oauth, response, parsed);
    if (!parsed || !parsed->root().is_object())
        return Error{.code = Code::not_json, .message = "the token endpoint's answer is not a JSON object"};
    const json::Value answer = parsed->root();
    auto access = text_member(answer, "access_token");
    if (!access) {
        return Error{.code = Code::shape, .message = "the token endpoint's answer has no access_token", .detail = reason_of(answer)};
    }
    return Grant{.access = std::move(*access), .refresh = text_member(answer, "refresh_token"), .lifetime = lifetime_of(oauth, answer)};
}

}  // namespace upstream::core
