// The token endpoint: refresh tokens that are good once, as services with rotation have them.
//
// A used refresh token answers the same successors within the grace period (a client that lost the answer may ask
// again); after it, its use means that somebody else has it, and the whole family is revoked.
#include <algorithm>

#include "auth.hpp"
#include "clock.hpp"

namespace simulator {

namespace {

Reply oauth_error(int status, std::string_view error) {
    Reply reply = error_reply(status, error);
    reply.headers.emplace_back("Cache-Control", "no-store");
    if (status == 401) reply.headers.emplace_back("WWW-Authenticate", "Basic realm=\"token\"");
    return reply;
}

// The client may name itself in the header or in the body.
bool client_is_known(const Request& request, const Parameters& form) {
    const std::string_view header = request.header("authorization");
    if (header.empty()) return form.find("client_id") == "client" && form.find("client_secret") == "secret";
    if (!equal_ignoring_case(header.substr(0, 6), "basic ")) return false;
    return base64_decode(trim(header.substr(6))) == "client:secret";
}

bool is_form(const Request& request) {
    const std::string_view type = request.header("content-type");
    return equal_ignoring_case(trim(type.substr(0, type.find(';'))), "application/x-www-form-urlencoded");
}

bool owns(const TokenFamily& family, std::string_view refresh) {
    return family.current.refresh == refresh ||
           std::any_of(family.used.begin(), family.used.end(),
                       [refresh](const TokenFamily::Used& used) { return used.refresh == refresh; });
}

}  // namespace

std::string Auth::token_account(const Request& request) const {
    const Parameters form(request.body);
    const auto refresh = form.find("refresh_token");
    if (!refresh) return {};
    for (const auto& [name, family] : accounts_) {
        if (owns(family, *refresh)) return name;
    }
    return {};
}

Reply Auth::token(const Request& request) {
    if (request.method != "POST") return error_reply(405, "use POST");
    const Parameters form(request.body);
    if (!is_form(request) || !form.well_formed()) return oauth_error(400, "invalid_request");
    if (!client_is_known(request, form)) return oauth_error(401, "invalid_client");
    if (form.find("grant_type") != "refresh_token") return oauth_error(400, "unsupported_grant_type");
    const auto token = form.find("refresh_token");
    if (!token) return oauth_error(400, "invalid_request");
    for (auto& [name, family] : accounts_) {
        if (owns(family, *token)) return refresh(family, name, *token);
    }
    return oauth_error(400, "invalid_grant");
}

Reply Auth::refresh(TokenFamily& family, const std::string& account, std::string_view token) {
    const std::int64_t now = monotonic_us();
    if (family.current.refresh != token) {
        const auto used = std::find_if(family.used.begin(), family.used.end(),
                                       [token](const TokenFamily::Used& entry) { return entry.refresh == token; });
        if (!family.revoked && now - used->used_us < rules_.grace_us) {
            ++family.counters.grace_uses;
            return grant(family, used->successor);
        }
        ++family.counters.reuses;
        family.revoked = true;
    }
    if (family.revoked) return oauth_error(400, "invalid_grant");

    const auto current = family.access_until_us.find(family.current.access);
    const std::int64_t left = current == family.access_until_us.end() ? 0 : current->second - now;
    if (!family.refused && left * 4 > rules_.lifetime_us) ++family.counters.early_refreshes;
    ++family.counters.refreshes;
    const std::string old = family.current.refresh;
    issue(family, account);
    family.used.push_back({old, now, family.current});
    return grant(family, family.current);
}

Reply Auth::grant(const TokenFamily& family, const TokenPair& pair) const {
    const auto at = family.access_until_us.find(pair.access);
    const std::int64_t left = at == family.access_until_us.end() ? 0 : at->second - monotonic_us();
    Reply reply;
    reply.headers.emplace_back("Cache-Control", "no-store");
    reply.body = R"({"access_token":")" + pair.access + R"(","refresh_token":")" + pair.refresh +
                 R"(","expires_in":)" + std::to_string(std::max<std::int64_t>(0, (left + 500'000) / 1'000'000)) +
                 R"(,"token_type":"Bearer","scope":"read"})";
    return reply;
}

}  // namespace simulator
