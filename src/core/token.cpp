#include "core/token.hpp"

#include <algorithm>
#include <utility>

#include "core/backoff.hpp"
#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/token_answer.hpp"

namespace upstream::core {
namespace {

constexpr std::size_t kLargestAnswer = 256 * 1024;
constexpr json::Limits kTokenLimits{.depth = 16, .digits = 32};

// Where an answer holds what.
struct Places {
    std::optional<Path> access{}, refresh{}, expires_in{}, expires_at{};
    TimeFormat expires_at_format = TimeFormat::iso;
    Duration lifetime{0};
    const Remember* remember = nullptr;
};

Places places_of(const Auth& auth) {
    const auto standard = [](const char* name) { return *Path::parse(name); };
    if (auth.oauth2) {
        const OAuth2::Answer& answer = auth.oauth2->answer;
        return {.access = answer.access_token.value_or(standard("$.access_token")),
                .refresh = answer.refresh_token.value_or(standard("$.refresh_token")),
                .expires_in = answer.expires_in.value_or(standard("$.expires_in")),
                .expires_at = answer.expires_at,
                .expires_at_format = answer.expires_at_format,
                .lifetime = auth.oauth2->lifetime,
                .remember = &auth.oauth2->remember};
    }
    if (auth.login)
        return {.access = auth.login->token, .expires_in = auth.login->expires_in, .lifetime = auth.login->lifetime, .remember = &auth.login->remember};
    return {.access = standard("$.access_token"), .expires_in = standard("$.expires_in"), .lifetime = OAuth2{}.lifetime};
}

// The spec's reasons; where no person has signed in, also those that mean that the stored credentials are wrong.
bool needs_person(const Auth& auth, int status, const std::string& error) {
    static constexpr std::string_view kWrongClient[] = {"invalid_grant", "invalid_client", "unauthorized_client"};
    const auto& reasons = auth.oauth2 ? auth.oauth2->reauth_errors : OAuth2{}.reauth_errors;
    if (std::find(reasons.begin(), reasons.end(), error) != reasons.end()) return true;
    if (takes_refresh_token(auth)) return false;
    return status == 401 || status == 403 || std::find(std::begin(kWrongClient), std::end(kWrongClient), error) != std::end(kWrongClient);
}

Error refused(const Auth& auth, const Response& response, const TokenAnswer& answer) {
    Error error = *failure_of(response, Retry{});
    error.message = (auth.login ? "login" : "token endpoint") + std::string{" answered "} + std::to_string(response.status);
    error.hint.clear();
    error.detail = answer.reason();  // a body may echo the request, so it is not shown
    if (!needs_person(auth, response.status, answer.error())) return error;
    error.code = Code::needs_reauth;
    error.message = takes_refresh_token(auth) ? "the refresh token was refused" : auth.login ? "the login was refused" : "the account's credentials were refused";
    error.hint = takes_refresh_token(auth) ? "Sign in again and store the new pair with upstream.update_token()." : "Store the right ones with upstream.set_secret().";
    return error;
}

std::optional<Error> remember(const Source& source, const Remember& wanted, const TokenAnswer& answer, Words& remembered) {
    for (const auto& [name, path] : wanted) {
        auto value = answer.text(path);
        if (!value) continue;
        if (auto complaint = complaint_about_setting(source, name, *value))
            return Error{.code = Code::shape, .message = "setting \"" + name + "\" in the answer " + *complaint};
        remembered.insert_or_assign(name, std::move(*value));
    }
    return std::nullopt;
}

}  // namespace

bool takes_refresh_token(const Auth& auth) { return auth.oauth2 && auth.oauth2->grant == OAuth2::Grant::refresh_token; }

Duration token_margin(const Auth& auth, Duration lifetime) {
    static const OAuth2 usual;
    const OAuth2& oauth = auth.oauth2 ? *auth.oauth2 : usual;
    const Duration part{static_cast<Duration::rep>(static_cast<double>(lifetime.count()) * oauth.refresh_fraction)};
    return std::min(oauth.refresh_at_most, part);
}

bool needs_token(const Auth& auth, const std::optional<Token>& token, Timestamp now) {
    if (!auth.has_token()) return false;
    if (!token) return true;
    if (!token->expires_at) return false;
    const Duration lifetime = token->lifetime > Duration{0} ? token->lifetime : places_of(auth).lifetime;
    return now >= *token->expires_at - token_margin(auth, lifetime);
}

Result<Grant> read_grant(const Source& source, const Auth& auth, Response response, Timestamp now) {
    if (response.body.size() > kLargestAnswer)
        return Error{.code = Code::too_large, .message = "the token endpoint's answer is larger than 256 kB"};
    const TokenAnswer answer{response, kTokenLimits};
    if (response.status < 200 || response.status >= 300) return refused(auth, response, answer);
    const Places places = places_of(auth);
    const bool from_header = places.access->root() == Path::Root::header;
    if (!answer.is_object() && !from_header && !auth.login) return Error{.code = Code::not_json, .message = "the token endpoint's answer is not a JSON object"};

    auto access = answer.token(*places.access);
    if (!access)
        return Error{.code = Code::shape, .message = "the token endpoint's answer has no " + (places.access->text().starts_with("$.") ? places.access->text().substr(2) : places.access->text()), .detail = answer.reason()};
    Grant grant{.access = std::move(*access), .lifetime = places.lifetime};
    if (places.refresh) grant.refresh = answer.token(*places.refresh);
    if (const auto left = places.expires_at ? answer.until(*places.expires_at, places.expires_at_format, now) : std::nullopt) {
        grant.lifetime = *left;
    } else if (const auto seconds = places.expires_in ? answer.seconds(*places.expires_in) : std::nullopt) {
        grant.lifetime = *seconds;
    }
    if (places.remember != nullptr)
        if (auto error = remember(source, *places.remember, answer, grant.remembered)) return *error;
    return grant;
}

}  // namespace upstream::core
