#include "worker/tokens.hpp"

#include "core/token.hpp"
#include <algorithm>

#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

constexpr core::Duration kLookAgain = std::chrono::milliseconds(100);
constexpr core::Duration kStoreAgain = std::chrono::seconds(1);

core::Token stored_token(const StoredToken& stored) {
    return core::Token{.access = *stored.access, .expires_at = stored.expires_at, .lifetime = core::Duration{static_cast<std::int64_t>(stored.lifetime * 1e6)}};
}

Error reauth(std::string message, std::string detail = {}) {
    return Error{.code = Code::needs_reauth, .message = std::move(message), .detail = std::move(detail),
                 .hint = "Sign in again and store the new pair with upstream.update_token()."};
}

double margin_seconds(const core::OAuth2& oauth, core::Duration lifetime) {
    const double part = std::chrono::duration<double>(lifetime).count() * oauth.refresh_fraction;
    return std::min(part, std::chrono::duration<double>(oauth.refresh_at_most).count());
}

// What a look at the token's row leads to.
struct Decision {
    std::optional<core::Token> ready{};
    std::optional<std::string> refresh_with{};  // claimed: send this refresh token
    std::optional<Error> refused{};
    bool wait = false;
    bool parked = false;  // refused before: nothing more to write down
};

Decision decide(Catalog& catalog, std::int32_t account, const core::OAuth2& oauth, const std::set<std::string>& refused) {
    const StoredToken stored = catalog.token(account);
    if (stored.needs_reauth) return {.refused = reauth("the account has to sign in again", stored.reason), .parked = true};
    const bool usable = stored.access && !refused.contains(*stored.access);
    if (usable && !core::needs_refresh(oauth, stored_token(stored), pg::now())) return {.ready = stored_token(stored)};
    if (!stored.has_refresh) {
        // Nothing to refresh with: an access token near its end is used while it lasts.
        if (usable && (!stored.expires_at || *stored.expires_at > pg::now())) return {.ready = stored_token(stored)};
        return {.refused = reauth(stored.access ? "the access token has ended, and there is no refresh token" : "the account has no token")};
    }
    if (auto token = catalog.claim_refresh(account)) return {.refresh_with = std::move(token)};
    return {.wait = true};
}

}  // namespace

void Tokens::ask(const Model& model, std::shared_ptr<const core::Source> source, const core::Account& account, std::optional<std::string> refused) {
    Credential& credential = credentials_[model.account_id];
    credential.models.push_back(model.id);
    credential.source_id = model.source_id;
    credential.source = std::move(source);
    credential.account = account;
    if (refused) credential.refused.insert(std::move(*refused));
    if (!credential.transfer && !credential.unstored && !credential.look_at) check(model.account_id, credential);
}

void Tokens::check(std::int32_t account, Credential& credential) {
    const core::OAuth2& oauth = *credential.source->auth.oauth2;
    credential.look_at.reset();
    Decision decision = unit_.run("checking a token", Durability::synchronous,
                                  [&](Catalog& catalog) { return decide(catalog, account, oauth, credential.refused); });
    if (decision.refresh_with) return send(account, credential, *decision.refresh_with);
    if (decision.wait) {
        credential.look_at = pg::now() + kLookAgain;
        return;
    }
    if (decision.parked) return answer_all(account, core::TokenRefused{.error = std::move(*decision.refused)});
    if (decision.refused) return refuse(account, std::move(*decision.refused));
    answer_all(account, core::TokenReady{std::move(*decision.ready)});
}

void Tokens::send(std::int32_t account, Credential& credential, const std::string& refresh_token) {
    auto request = core::refresh_request(*credential.source, credential.account, refresh_token);
    if (!request) return refuse(account, request.error());
    credential.transfer = dispatcher_.send(
        {.account = account, .source_id = credential.source_id, .source = credential.source, .request = std::move(*request)},
        credential.account);
}

bool Tokens::take(Delivered& delivered) {
    for (auto& [account, credential] : credentials_) {
        if (credential.transfer != delivered.ticket) continue;
        credential.transfer.reset();
        if (!delivered.result) {
            refuse(account, delivered.result.error());
            return true;
        }
        auto grant = core::read_grant(*credential.source->auth.oauth2, std::move(*delivered.result));
        if (!grant) {
            refuse(account, grant.error());
            return true;
        }
        credential.unstored = std::move(*grant);
        store(account, credential);
        return true;
    }
    return false;
}

void Tokens::store(std::int32_t account, Credential& credential) {
    const core::Grant grant = *credential.unstored;
    credential.look_at.reset();
    bool stored = false;
    try {
        stored = unit_.run("storing a token", Durability::synchronous, [&](Catalog& catalog) {
            return catalog.store_grant(account, grant, margin_seconds(*credential.source->auth.oauth2, grant.lifetime));
        });
    } catch (const pg::Error& error) {
        pg::log_warning("could not store a refreshed token, trying again: " + error.message());
        credential.look_at = pg::now() + kStoreAgain;
        return;
    }
    credential.unstored.reset();
    if (!stored) return check(account, credential);  // update_token() came first: that pair counts
    answer_all(account, core::TokenReady{core::Token{.access = grant.access, .expires_at = pg::now() + grant.lifetime, .lifetime = grant.lifetime}});
}

// Parks the account if only a person helps; else gives the claim back, and the models try again later.
void Tokens::refuse(std::int32_t account, Error error) {
    unit_.run("giving back a token", Durability::synchronous, [&](Catalog& catalog) {
        if (error.code == Code::needs_reauth) {
            catalog.park_account(account, error.message + (error.detail.empty() ? "" : " (" + error.detail + ")"));
        } else {
            catalog.release_refresh(account);
        }
    });
    answer_all(account, core::TokenRefused{.error = std::move(error)});
}

void Tokens::answer_all(std::int32_t account, const Answer& answer) {
    // Taken out first: whoever is told may ask again at once.
    const std::vector<std::int32_t> models = std::move(credentials_[account].models);
    credentials_.erase(account);
    for (const std::int32_t model : models) tell_(model, answer);
}

std::optional<core::Timestamp> Tokens::next_look() const {
    std::optional<core::Timestamp> next;
    for (const auto& [account, credential] : credentials_)
        if (credential.look_at && (!next || *credential.look_at < *next)) next = credential.look_at;
    return next;
}

void Tokens::look(core::Timestamp now) {
    std::vector<std::int32_t> due;
    for (const auto& [account, credential] : credentials_)
        if (credential.look_at && *credential.look_at <= now) due.push_back(account);
    for (const std::int32_t account : due) {
        Credential& credential = credentials_.at(account);
        if (credential.unstored) {
            store(account, credential);
        } else {
            check(account, credential);
        }
    }
}

void Tokens::abandon() {
    for (const auto& entry : credentials_) {
        const std::int32_t account = entry.first;
        const Credential& credential = entry.second;
        if (credential.transfer) dispatcher_.cancel(*credential.transfer);
        if (!credential.transfer && !credential.unstored) continue;
        unit_.run("giving back a token", Durability::synchronous, [&](Catalog& catalog) {
            if (credential.unstored)
                catalog.store_grant(account, *credential.unstored, margin_seconds(*credential.source->auth.oauth2, credential.unstored->lifetime));
            catalog.release_refresh(account);
        });
    }
    credentials_.clear();
}

}  // namespace upstream::worker
