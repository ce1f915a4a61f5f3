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

Account masked(Account account) {
    for (auto& [name, value] : account.secrets) value = "***";
    if (account.token) account.token->access = "***";
    return account;
}

}  // namespace upstream::core
