// An account as a run sees it: settings, secrets and the present access token. Never shown, never logged.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

using Words = std::map<std::string, std::string, std::less<>>;

struct Source;

struct Token {
    std::string access;
    std::optional<Timestamp> expires_at{};
    Duration lifetime{0};  // as issued; 0 if unknown
    Words remembered{};    // settings that came with it, such as an instance's URL; they count before the account's own
};

struct Account {
    Words settings{};  // defaults of the spec filled in
    Words secrets{};
    std::optional<Token> token{};
};

// A setting; null if the account has none of that name.
[[nodiscard]] const std::string* setting_of(const Account& account, std::string_view name);

// Looks up {account.x} and {secret.x}; other roots have no value.
[[nodiscard]] Lookup account_lookup(const Account& account);

// A text that may repeat what was sent, such as the beginning of an answer, with the account's secrets and token replaced. Words shorter than eight
// characters cannot be told from ordinary ones.
[[nodiscard]] std::string without_secrets(std::string text, const Account& account);

// Adds the settings that the source derives from others by its tables, defaults and remembered settings included. A value that no table has, and a text
// that lacks a setting, is no setting.
void add_derived(const Source& source, Account& account);

// The same account with every secret replaced, for requests that are shown to a person.
[[nodiscard]] Account masked(Account account);

}  // namespace upstream::core
