#include "core/account.hpp"

namespace upstream::core {

Lookup account_lookup(const Account& account) {
    return [&account](const Placeholder& placeholder) -> std::optional<std::string> {
        const Words* words = placeholder.root == "account" ? &account.settings : placeholder.root == "secret" ? &account.secrets : nullptr;
        if (words == nullptr) return std::nullopt;
        const auto found = words->find(placeholder.word);
        if (found == words->end()) return std::nullopt;
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
