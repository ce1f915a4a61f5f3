// Tokens that have to be had before the first request, as plain data: when one is needed, what to ask, what the answer means. OAuth 2 (RFC 6749: refresh
// token, client credentials, password), a login, and a signed token that is exchanged (RFC 7523). Who asks, and in which transaction the answer is
// stored, is worker/tokens.
#pragma once

#include <optional>
#include <string>

#include "core/account.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

struct Grant {
    std::string access;
    std::optional<std::string> refresh{};  // absent: the old one stays good
    Duration lifetime{0};
    Words remembered{};                    // settings that came with it
};

// Whether each token is had with the refresh token of the one before, so that somebody has to have signed in.
[[nodiscard]] bool takes_refresh_token(const Auth& auth);

// How long before its end a token of that lifetime is replaced.
[[nodiscard]] Duration token_margin(const Auth& auth, Duration lifetime);

// Whether a token should be had before the next request: there is none, or it ends within its margin, or has ended. Always false without has_token().
[[nodiscard]] bool needs_token(const Auth& auth, const std::optional<Token>& token, Timestamp now);

// The token request; `refresh_token` counts only if the auth takes one. Code::invalid_spec if the account lacks what the request needs.
Result<Request> token_request(const Source& source, const Auth& auth, const Account& account, const std::string& refresh_token, Timestamp now);

// What was answered. Code::needs_reauth if only a person helps (the spec's reauth_errors, or credentials that were refused); server_error or rate_limited
// if it may pass. The detail holds `error` and a cut `error_description`, never a token.
Result<Grant> read_grant(const Source& source, const Auth& auth, Response response, Timestamp now);

}  // namespace upstream::core
