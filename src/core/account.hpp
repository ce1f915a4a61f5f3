// An account as a run sees it: settings, secrets and the present access token. Never shown, never logged.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

using Words = std::map<std::string, std::string, std::less<>>;

struct Token {
    std::string access;
    std::optional<Timestamp> expires_at{};
    Duration lifetime{0};  // as issued; 0 if unknown
};

struct Account {
    Words settings{};  // defaults of the spec filled in
    Words secrets{};
    std::optional<Token> token{};
};

// Looks up {account.x} and {secret.x}; other roots have no value.
[[nodiscard]] Lookup account_lookup(const Account& account);

// A text that may repeat what was sent, such as the beginning of an answer, with the account's secrets and token replaced. Words shorter than eight
// characters cannot be told from ordinary ones.
[[nodiscard]] std::string without_secrets(std::string text, const Account& account);

// The same account with every secret replaced, for requests that are shown to a person.
[[nodiscard]] Account masked(Account account);

}  // namespace upstream::core
