// Who may read what: the credentials of every account, and the OAuth server that rotates refresh tokens.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http.hpp"
#include "random.hpp"
#include "stats.hpp"
#include "text.hpp"

namespace simulator {

enum class AuthKind : std::uint8_t { none, bearer, api_key, basic, oauth };

[[nodiscard]] std::optional<AuthKind> parse_auth_kind(std::string_view name);

struct AuthRules {
    AuthKind kind = AuthKind::oauth;
    std::int64_t lifetime_us = 3600 * std::int64_t{1'000'000};
    std::int64_t grace_us = 0;  // how long a used refresh token still answers its successors
    bool initial_access_valid = false;
};

struct TokenPair {
    std::string access;
    std::string refresh;
};

// One account's tokens: a family, in which every refresh token has one successor.
struct TokenFamily {
    struct Used {
        std::string refresh;
        std::int64_t used_us = 0;
        TokenPair successor;
    };

    TokenPair current;
    std::map<std::string, std::int64_t, std::less<>> access_until_us;  // superseded ones live until they expire
    std::vector<Used> used;
    std::int64_t number = 0;
    bool refused = false;  // a 401 was served for the current access token, so a refresh is not early
    bool revoked = false;
    AccountCounters counters;
};

class Auth {
  public:
    using Accounts = std::map<std::string, TokenFamily, std::less<>>;

    Auth() = default;
    Auth(const AuthRules& rules, const std::vector<std::string>& names, std::uint64_t seed);

    // nullopt if the request may read the account's data, else the 401.
    [[nodiscard]] std::optional<Reply> refuse(const Request& request, const Parameters& query,
                                              std::string_view account);

    // The account whose access token, good or expired, the request shows; "" if it is nobody's.
    [[nodiscard]] std::string holder(const Request& request) const;

    // A 401 that a fault serves makes the next refresh as justified as one that was earned.
    void note_refusal(const Request& request, std::string_view account);

    // POST /oauth/token.
    [[nodiscard]] Reply token(const Request& request);

    // The account a token request is about, "" if its refresh token is nobody's.
    [[nodiscard]] std::string token_account(const Request& request) const;

    // Ends the current access tokens of the account ("*": of all); false if there is no such account.
    bool expire_access(std::string_view account);

    // A new family for the account, as after a person has logged in again.
    [[nodiscard]] std::optional<TokenPair> reseed(std::string_view account);

    [[nodiscard]] const Accounts& accounts() const { return accounts_; }
    void reset_counters();

  private:
    [[nodiscard]] Reply refresh(TokenFamily& family, const std::string& account, std::string_view token);
    [[nodiscard]] Reply grant(const TokenFamily& family, const TokenPair& pair) const;
    void issue(TokenFamily& family, const std::string& account);

    AuthRules rules_;
    Accounts accounts_;
    Random random_{0};
};

}  // namespace simulator
