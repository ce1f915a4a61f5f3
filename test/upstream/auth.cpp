// Checking the credentials of data requests, and the tokens as a test may change them.
#include "auth.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "clock.hpp"

namespace simulator {

namespace {

constexpr std::array<std::string_view, 5> kKinds = {"none", "bearer", "api_key", "basic", "oauth"};

// The token of "Authorization: Bearer token", "" if there is none.
std::string_view bearer(const Request& request) {
    const std::string_view value = request.header("authorization");
    if (!equal_ignoring_case(value.substr(0, 7), "bearer ")) return {};
    return trim(value.substr(7));
}

bool basic_matches(const Request& request, std::string_view user, const std::string& password) {
    const std::string_view value = request.header("authorization");
    if (!equal_ignoring_case(value.substr(0, 6), "basic ")) return false;
    const auto text = base64_decode(trim(value.substr(6)));
    return text && *text == std::string(user) + ":" + password;
}

Reply unauthorized(std::string_view challenge, std::string_view message) {
    Reply reply = error_reply(401, message);
    reply.headers.emplace_back("WWW-Authenticate", challenge);
    return reply;
}

}  // namespace

std::optional<AuthKind> parse_auth_kind(std::string_view name) {
    const auto* const at = std::find(kKinds.begin(), kKinds.end(), name);
    if (at == kKinds.end()) return std::nullopt;
    return static_cast<AuthKind>(at - kKinds.begin());
}

Auth::Auth(const AuthRules& rules, const std::vector<std::string>& names, std::uint64_t seed)
    : rules_(rules), random_(seed ^ hash_text("tokens")) {
    const std::int64_t now = monotonic_us();
    for (const std::string& name : names) {
        TokenFamily& family = accounts_[name];
        family.current = {"at-" + name + "-0", "rt-" + name + "-0"};
        family.access_until_us[family.current.access] = rules.initial_access_valid ? now + rules.lifetime_us : 0;
    }
}

std::optional<Reply> Auth::refuse(const Request& request, const Parameters& query, std::string_view account) {
    const auto at = accounts_.find(account);
    if (at == accounts_.end()) return error_reply(404, "unknown account");
    TokenFamily& family = at->second;
    const std::string name(account);
    std::optional<Reply> refusal;
    switch (rules_.kind) {
        case AuthKind::none: break;
        case AuthKind::bearer:
            if (bearer(request) != "static-" + name) refusal = unauthorized("Bearer", "invalid token");
            break;
        case AuthKind::api_key:
            if (request.header("x-api-key") != "key-" + name && query.find("api_key") != "key-" + name) {
                refusal = error_reply(401, "invalid API key");
            }
            break;
        case AuthKind::basic:
            if (!basic_matches(request, account, "pw-" + name)) {
                refusal = unauthorized("Basic realm=\"upstream\"", "wrong user or password");
            }
            break;
        case AuthKind::oauth: {
            const std::string_view token = bearer(request);
            const auto known = family.access_until_us.find(token);
            const bool good = known != family.access_until_us.end() && known->second > monotonic_us();
            if (!good || family.revoked) refusal = unauthorized("Bearer error=\"invalid_token\"", "invalid token");
        }
    }
    if (refusal) {
        ++family.counters.unauthorized;
        note_refusal(request, account);
    }
    return refusal;
}

std::string Auth::holder(const Request& request) const {
    const std::string_view token = bearer(request);
    for (const auto& [name, family] : accounts_) {
        if (family.access_until_us.contains(token)) return name;
    }
    return {};
}

void Auth::note_refusal(const Request& request, std::string_view account) {
    const auto at = accounts_.find(account);
    if (at != accounts_.end() && bearer(request) == at->second.current.access) at->second.refused = true;
}

void Auth::issue(TokenFamily& family, const std::string& account) {
    std::array<char, 24> suffix{};
    std::snprintf(suffix.data(), suffix.size(), "-%016llx", static_cast<unsigned long long>(random_()));
    const std::string tail = account + "-" + std::to_string(++family.number) + suffix.data();
    const std::int64_t now = monotonic_us();
    std::erase_if(family.access_until_us, [now](const auto& entry) { return entry.second <= now; });
    family.current = {"at-" + tail, "rt-" + tail};
    family.access_until_us[family.current.access] = now + rules_.lifetime_us;
    family.refused = false;
}

bool Auth::expire_access(std::string_view account) {
    bool found = account == "*";
    for (auto& [name, family] : accounts_) {
        if (account != "*" && account != name) continue;
        found = true;
        for (auto& [token, until_us] : family.access_until_us) until_us = 0;
    }
    return found;
}

std::optional<TokenPair> Auth::reseed(std::string_view account) {
    const auto at = accounts_.find(account);
    if (at == accounts_.end()) return std::nullopt;
    TokenFamily& family = at->second;
    family.revoked = false;
    family.used.clear();  // the old family's tokens are nobody's from here on: they fail, but revoke nothing
    family.access_until_us.clear();
    issue(family, at->first);
    return family.current;
}

void Auth::reset_counters() {
    for (auto& [name, family] : accounts_) family.counters = AccountCounters{};
}

}  // namespace simulator
