#include "worker/tokens.hpp"

#include <algorithm>

#include "core/sign.hpp"
#include "core/token.hpp"

#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

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

// What a look at the token's row leads to.
struct Decision {
    std::optional<core::Token> ready{};
    std::optional<Claim> claim{};  // had: ask for a new token
    std::optional<Error> refused{};
    std::optional<std::string> access{};  // refused: what was stored then
    bool wait = false;
    bool parked = false;  // refused before: nothing more to write down
};

Decision decide(Catalog& catalog, const CredentialId& id, const core::Auth& auth, const std::set<std::string>& refused) {
    const StoredToken stored = catalog.token(id);
    if (stored.needs_reauth) return {.refused = reauth("the account has to sign in again", stored.reason), .parked = true};
    const bool usable = stored.access && !refused.contains(*stored.access);
    if (usable && !core::needs_token(auth, stored_token(stored), pg::now())) return {.ready = stored_token(stored)};
    if (!core::takes_refresh_token(auth)) {
        if (auto claim = catalog.claim_token(id)) return {.claim = std::move(claim)};
        return {.wait = true};
    }
    // Nothing to ask with: an access token near its end is used while it lasts.
    const bool lasts = usable && (!stored.expires_at || *stored.expires_at > pg::now());
    if ((!stored.has_refresh || stored.is_spent) && lasts) return {.ready = stored_token(stored)};
    if (stored.is_spent)
        return {.refused = reauth("the refresh token is probably spent", "Two processes ended after they had sent it and before they could store the answer; it is not sent again."),
                .access = stored.access};
    if (!stored.has_refresh)
        return {.refused = reauth(stored.access ? "the access token has ended, and there is no refresh token" : "the account has no token"), .access = stored.access};
    if (auto claim = catalog.claim_refresh(id)) return {.claim = std::move(claim)};
    return {.wait = true};
}

}  // namespace

std::string reason_of(const Error& error) { return error.message + (error.detail.empty() ? "" : " (" + error.detail + ")"); }

void Tokens::ask(const Model& model, std::shared_ptr<const core::Source> source, const core::Account& account, std::optional<std::string> refused) {
    const CredentialId id = credential_of(model);
    Credential& credential = credentials_[id];
    credential.models.push_back(model.id);
    credential.source_id = model.source_id;
    credential.auth = core::auth_for(*source, *source->stream(model.stream), account);
    credential.source = std::move(source);
    credential.account = account;
    if (refused) credential.refused.insert(std::move(*refused));
    if (!credential.transfer && !credential.unstored && !credential.look_at) check(id, credential);
}

void Tokens::check(const CredentialId& id, Credential& credential) {
    credential.look_at.reset();
    const core::Timestamp asked = pg::now();
    Decision decision = unit_.run("checking a token", Durability::synchronous,
                                  [&](Catalog& catalog) { return decide(catalog, id, credential.auth, credential.refused); });
    if (decision.claim) return send(id, credential, *decision.claim, asked + lease_timeout());
    if (decision.wait) {
        credential.look_at = uptime() + kLookAgain;
        return;
    }
    if (decision.parked) return answer_all(id, core::TokenRefused{.error = std::move(*decision.refused)});
    if (decision.refused) return park(id, credential, std::move(*decision.refused), [&](Catalog& catalog, const std::string& reason) { return catalog.park_account(id, reason, decision.access); });
    answer_all(id, core::TokenReady{std::move(*decision.ready)});
}

// Within the claim: whoever claims it afterwards sends the same refresh token, and an upstream may take a second use of it for theft.
void Tokens::send(const CredentialId& id, Credential& credential, const Claim& claim, core::Timestamp claimed_until) {
    credential.second_try = claim.attempts > 1;
    auto request = core::token_request(*credential.source, credential.auth, credential.account, claim.refresh_token, pg::now());
    if (!request) return refuse(id, credential, request.error());
    bound_by_lease(*request);
    credential.transfer = dispatcher_.send({.account = id.account_id,
                                            .source_id = credential.source_id,
                                            .source = credential.source,
                                            .request = std::move(*request),
                                            .lease_until = claimed_until},
                                           credential.account);
}

double Tokens::margin_seconds(const Credential& credential) {
    return std::chrono::duration<double>(core::token_margin(credential.auth, credential.unstored->lifetime)).count();
}

bool Tokens::take(Delivered& delivered) {
    for (auto& entry : credentials_) {
        const CredentialId& id = entry.first;
        Credential& credential = entry.second;
        if (credential.transfer != delivered.ticket) continue;
        credential.transfer.reset();
        if (delivered.postponed) {  // not sent, and not to be sent any more by this claim
            release(id);
            credential.look_at = uptime() + kLookAgain;
            return true;
        }
        if (!delivered.result) {
            refuse(id, credential, delivered.result.error());
            return true;
        }
        auto grant = core::read_grant(*credential.source, credential.auth, std::move(*delivered.result), pg::now());
        if (!grant) {
            Error error = grant.error();
            if (error.code == Code::needs_reauth && credential.second_try)
                error.detail += "; it was sent before by a process that ended before it could store the answer";
            refuse(id, credential, std::move(error));
            return true;
        }
        credential.unstored = std::move(*grant);
        store(id, credential);
        return true;
    }
    return false;
}

void Tokens::store(const CredentialId& id, Credential& credential) {
    const core::Grant grant = *credential.unstored;
    credential.look_at.reset();
    bool stored = false;
    try {
        stored = unit_.run("storing a token", Durability::synchronous, [&](Catalog& catalog) {
            return catalog.store_grant(id, grant, margin_seconds(credential));
        });
    } catch (const pg::Error& error) {
        pg::log_warning("could not store a refreshed token, trying again: " + error.message());
        credential.look_at = uptime() + kStoreAgain;
        return;
    }
    credential.unstored.reset();
    if (!stored) return check(id, credential);  // update_token() came first: that pair counts
    answer_all(id, core::TokenReady{core::Token{.access = grant.access, .expires_at = pg::now() + grant.lifetime, .lifetime = grant.lifetime, .remembered = grant.remembered}});
}

void Tokens::release(const CredentialId& id) {
    unit_.run("giving back a token", Durability::synchronous, [&](Catalog& catalog) { catalog.release_refresh(id); });
}

// What was asked for by claim is refused: the account is parked if only a person helps; else the claim is given back, and the models try again later.
void Tokens::refuse(const CredentialId& id, Credential& credential, Error error) {
    if (error.code == Code::needs_reauth)
        return park(id, credential, std::move(error), [&](Catalog& catalog, const std::string& reason) { return catalog.park_claimed_account(id, reason); });
    release(id);
    answer_all(id, core::TokenRefused{.error = std::move(error)});
}

// Another look if what was refused is not what counts any more.
template <class Park>
void Tokens::park(const CredentialId& id, Credential& credential, Error error, Park&& park_account) {
    const bool parked = unit_.run("giving back a token", Durability::synchronous, [&](Catalog& catalog) { return park_account(catalog, reason_of(error)); });
    if (!parked) return check(id, credential);
    answer_all(id, core::TokenRefused{.error = std::move(error)});
}

void Tokens::answer_all(const CredentialId& id, const Answer& answer) {
    // Taken out first: whoever is told may ask again at once.
    const auto found = credentials_.find(id);
    const std::vector<std::int32_t> models = std::move(found->second.models);
    credentials_.erase(found);
    for (const std::int32_t model : models) tell_(model, answer);
}

std::optional<core::Uptime> Tokens::next_look() const {
    std::optional<core::Uptime> next;
    for (const auto& [id, credential] : credentials_)
        if (credential.look_at && (!next || *credential.look_at < *next)) next = credential.look_at;
    return next;
}

void Tokens::look(core::Uptime now) {
    std::vector<CredentialId> due;
    for (const auto& [id, credential] : credentials_)
        if (credential.look_at && *credential.look_at <= now) due.push_back(id);
    for (const CredentialId& id : due) {
        Credential& credential = credentials_.at(id);
        if (credential.unstored) {
            store(id, credential);
        } else {
            check(id, credential);
        }
    }
}

void Tokens::abandon() {
    for (const auto& entry : credentials_) {
        const CredentialId& id = entry.first;
        const Credential& credential = entry.second;
        if (credential.transfer) dispatcher_.cancel(*credential.transfer);
        if (!credential.transfer && !credential.unstored) continue;
        unit_.run("giving back a token", Durability::synchronous, [&](Catalog& catalog) {
            if (credential.unstored)
                catalog.store_grant(id, *credential.unstored, margin_seconds(credential));
            catalog.release_refresh(id);
        });
    }
    credentials_.clear();
}

}  // namespace upstream::worker
