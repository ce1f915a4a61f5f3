#include "core/account.hpp"

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
