#include "core/account.hpp"

#include <algorithm>

#include "core/source.hpp"

namespace upstream::core {

const std::string* setting_of(const Account& account, std::string_view name) {
    if (account.token)
        if (const auto found = account.token->remembered.find(name); found != account.token->remembered.end()) return &found->second;
    const auto found = account.settings.find(name);
    return found == account.settings.end() ? nullptr : &found->second;
}

Lookup account_lookup(const Account& account) {
    return [&account](const Placeholder& placeholder) -> std::optional<std::string> {
        if (placeholder.root == "account") {
            const std::string* setting = setting_of(account, placeholder.word);
            return setting == nullptr ? std::nullopt : std::optional{*setting};
        }
        if (placeholder.root != "secret") return std::nullopt;
        const auto found = account.secrets.find(placeholder.word);
        if (found == account.secrets.end()) return std::nullopt;
        return found->second;
    };
}

void add_derived(const Source& source, Account& account) {
    Words added;
    for (const Derived& derived : source.derived) {
        const std::string* value = setting_of(account, derived.from);
        const auto row_of = [&](std::string_view key) {
            return std::find_if(derived.map.begin(), derived.map.end(), [&](const auto& row) { return row.first == key; });
        };
        auto row = row_of(value == nullptr ? "" : *value);
        if (row == derived.map.end() && value != nullptr) row = row_of("*");
        if (row == derived.map.end()) continue;
        if (auto text = row->second.render(account_lookup(account))) added.insert_or_assign(derived.name, std::move(*text));
    }
    for (auto& [name, text] : added) account.settings.insert_or_assign(name, std::move(text));
}

// Shorter words stand in ordinary sentences.
constexpr std::size_t kShortestSecret = 8;

std::string without_secrets(std::string text, const Account& account) {
    const auto hide = [&text](const std::string& secret) {
        if (secret.size() < kShortestSecret) return;
        for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) text.replace(at, secret.size(), "***");
    };
    for (const auto& [name, secret] : account.secrets) hide(secret);
    if (account.token) hide(account.token->access);
    return text;
}

Account masked(Account account) {
    for (auto& [name, value] : account.secrets) value = "***";
    if (account.token) account.token->access = "***";
    return account;
}

}  // namespace upstream::core
