// OAuth 2 refresh (RFC 6749 section 6) as plain data: when, what to ask, what the answer means. Who asks, and in which transaction the
// new pair is stored, is worker/tokens.
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
};

// Whether the token should be refreshed before it is used: it ends within min(refresh_at_most, refresh_fraction * lifetime), or has ended.
[[nodiscard]] bool needs_refresh(const OAuth2& oauth, const std::optional<Token>& token, Timestamp now);

// The token request.
Result<Request> refresh_request(const Source& source, const Account& account, const std::string& refresh_token);

// What a token endpoint answered. Code::needs_reauth if only a person helps (the spec's reauth_errors, or an answer that makes no sense twice); server_error
// or rate_limited if it may pass. The detail holds `error` and a cut `error_description`, never a token.
Result<Grant> read_grant(const OAuth2& oauth, Response response);

}  // namespace upstream::core
