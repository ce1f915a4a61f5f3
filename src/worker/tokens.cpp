#include "worker/tokens.hpp"

#include <algorithm>

#include "core/sign.hpp"
#include "core/token.hpp"

#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "worker/convert.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

constexpr core::Duration kLookAgain = std::chrono::milliseconds(100);
constexpr core::Duration kLongestHeld = std::chrono::seconds(3);   // that models wait for a row that cannot be looked at, in places that others could have

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
    bool parked = false;  // refused before, or of no account any more: nothing more to write down
};

Decision decide(Catalog& catalog, const CredentialId& id, const StoredToken& stored, const core::Auth& auth, const std::set<std::string>& refused) {
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
    if (stored.is_held && !stored.has_refresh) return {.wait = true};  // by whoever asks without one
    if (stored.is_spent)
        return {.refused = reauth("the refresh token is probably spent", "Two processes ended after they had sent it and before they could store the answer; it is not sent again."),
                .access = stored.access};
    if (!stored.has_refresh)
        return {.refused = reauth(stored.access ? "the access token has ended, and there is no refresh token" : "the account has no token"), .access = stored.access};
    if (auto claim = catalog.claim_refresh(id)) return {.claim = std::move(claim)};
    return {.wait = true};
}

double margin_seconds(const core::Auth& auth, const core::Grant& grant) {
    return std::chrono::duration<double>(core::token_margin(auth, grant.lifetime)).count();
}

}  // namespace

std::string reason_of(const Error& error) { return error.message + (error.detail.empty() ? "" : " (" + error.detail + ")"); }

void Tokens::ask(const Model& model, std::shared_ptr<const core::Source> source, const core::Account& account, std::optional<std::string> refused) {
    const CredentialId id = credential_of(model);
    Credential& credential = credentials_[id];
    credential.models.push_back(model.id);
    if (refused) credential.refused.insert(std::move(*refused));
    if (credential.transfer || (credential.step && !std::holds_alternative<Look>(*credential.step))) return;  // what was asked for is dealt with as it was meant
    credential.source_id = model.source_id;
    credential.auth = core::auth_for(*source, *source->stream(model.stream), account);
    credential.source = std::move(source);
    credential.account = account;
    if (!credential.step) proceed(id, credential, Look{});
}

void Tokens::proceed(const CredentialId& id, Credential& credential, Step step) {
    credential.step = std::move(step);
    credential.step_at = core::Uptime{0};
    take_step(id, credential);
}

void Tokens::take_step(const CredentialId& id, Credential& credential) {
    const Step step = *credential.step;  // the credential may be gone before it is done
    std::visit([&](const auto& what) { carry_out(id, credential, what); }, step);
}

void Tokens::look_later(Credential& credential) {
    credential.step = Look{};
    credential.step_at = uptime() + kLookAgain;
}

// The transaction of a step. If it fails, the step stays, and false is returned.
template <class Work>
bool Tokens::attempt(Credential& credential, const char* activity, Work&& work) {
    try {
        unit_.run(activity, Durability::synchronous, std::forward<Work>(work), patience_of(credential.setback));
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        if (!credential.setback.lasts()) pg::log_warning(std::string{activity} + " failed and will be tried again: " + error.message());
        credential.setback.suffer(uptime());
        not_before_ = uptime() + std::chrono::milliseconds(1000 / kMostFailures);
        credential.trouble = to_error(error);
        return false;
    }
    credential.step.reset();
    credential.setback.overcome();
    return true;
}

void Tokens::carry_out(const CredentialId& id, Credential& credential, const Look&) {
    if (credential.models.empty()) {
        credentials_.erase(id);
        return;
    }
    const core::Timestamp asked = pg::now();
    Decision decision;
    const auto look = [&](Catalog& catalog) -> Decision {
        const std::optional<StoredToken> stored = catalog.token(id);
        if (!stored) return {.refused = Error{.code = Code::fenced, .message = "the account was dropped"}, .parked = true};
        credential.account.secrets = to_words(stored->secrets);  // what a model was claimed with may be refused already
        credential.secrets_revision = stored->secrets_revision;
        return decide(catalog, id, *stored, credential.auth, credential.refused);
    };
    if (!attempt(credential, "checking a token", [&](Catalog& catalog) { decision = look(catalog); })) {
        if (credential.setback.until() - credential.setback.since() > kLongestHeld) answer_all(id, core::TokenRefused{.error = credential.trouble});
        return;
    }
    if (decision.claim) return send(id, credential, *decision.claim, asked + lease_timeout());
    if (decision.wait) return look_later(credential);
    if (decision.parked) return answer_all(id, core::TokenRefused{.error = std::move(*decision.refused)});
    if (decision.refused) return proceed(id, credential, Park{.error = std::move(*decision.refused), .claimed = false, .access = std::move(decision.access)});
    answer_all(id, core::TokenReady{std::move(*decision.ready)});
}

void Tokens::carry_out(const CredentialId& id, Credential& credential, const Store& store) {
    const core::Grant& grant = store.grant;
    bool stored = false;
    if (!attempt(credential, "storing a token", [&](Catalog& catalog) { stored = catalog.store_grant(id, grant, margin_seconds(credential.auth, grant)); })) return;
    if (!stored) return proceed(id, credential, Look{});  // update_token() came first: that pair counts
    answer_all(id, core::TokenReady{core::Token{.access = grant.access, .expires_at = pg::now() + grant.lifetime, .lifetime = grant.lifetime, .remembered = grant.remembered}});
}

void Tokens::carry_out(const CredentialId& id, Credential& credential, const GiveBack& give_back) {
    if (!attempt(credential, "giving back a token", [&](Catalog& catalog) { catalog.release_refresh(id); })) return;
    if (!give_back.error) return look_later(credential);
    answer_all(id, core::TokenRefused{.error = *give_back.error});
}

// Another look if what was refused is not what counts any more.
void Tokens::carry_out(const CredentialId& id, Credential& credential, const Park& park) {
    bool parked = false;
    const std::string reason = reason_of(park.error);
    if (!attempt(credential, "parking an account", [&](Catalog& catalog) {
            parked = park.claimed ? catalog.park_claimed_account(id, reason, credential.secrets_revision)
                                  : catalog.park_account(id, reason, credential.secrets_revision, park.access);
        }))
        return;
    if (!parked) return look_later(credential);
    answer_all(id, core::TokenRefused{.error = park.error});
}

// Within the claim: whoever claims it afterwards sends the same refresh token, and an upstream may take a second use of it for theft.
void Tokens::send(const CredentialId& id, Credential& credential, const Claim& claim, core::Timestamp claimed_until) {
    credential.second_try = claim.attempts > 1;
    auto request = core::token_request(*credential.source, credential.auth, credential.account, claim.refresh_token, pg::now());
    if (!request) return proceed(id, credential, refusal(credential, request.error()));
    bound_by_lease(*request);
    credential.transfer = dispatcher_.send({.account = id.account_id,
                                            .source_id = credential.source_id,
                                            .source = credential.source,
                                            .request = std::move(*request),
                                            .lease_until = claimed_until},
                                           credential.account);
}

bool Tokens::take(Delivered& delivered) {
    const auto found = std::find_if(credentials_.begin(), credentials_.end(), [&](const auto& entry) { return entry.second.transfer == delivered.ticket; });
    if (found == credentials_.end()) return false;
    const CredentialId id = found->first;
    Credential& credential = found->second;
    credential.transfer.reset();
    if (delivered.postponed) {
        proceed(id, credential, GiveBack{});  // not sent, and not to be sent any more by this claim
    } else if (!delivered.result) {
        proceed(id, credential, refusal(credential, delivered.result.error()));
    } else if (auto grant = core::read_grant(*credential.source, credential.auth, std::move(*delivered.result), pg::now())) {
        proceed(id, credential, Store{std::move(*grant)});
    } else {
        Error error = grant.error();
        if (error.code == Code::needs_reauth && credential.second_try)
            error.detail += "; it was sent before by a process that ended before it could store the answer";
        proceed(id, credential, refusal(credential, std::move(error)));
    }
    return true;
}

// What was asked for by claim is refused: the account is parked if only a person helps; else the claim is given back, and the models try again later.
Tokens::Step Tokens::refusal(const Credential& credential, Error error) {
    error.detail = core::without_secrets(std::move(error.detail), credential.account);  // its models may know the former ones only
    if (error.code == Code::needs_reauth) return Park{.error = std::move(error)};
    return GiveBack{.error = std::move(error)};
}

void Tokens::answer_all(const CredentialId& id, const Answer& answer) {
    // Taken out first: whoever is told may ask again at once.
    const auto found = credentials_.find(id);
    const std::vector<std::int32_t> models = std::move(found->second.models);
    credentials_.erase(found);
    for (const std::int32_t model : models) tell_(model, answer);
}

// Where in line a step stands, and when it may be taken.
core::Uptime Tokens::Credential::due() const { return setback.lasts() ? setback.until() : step_at; }

core::Uptime Tokens::due_at(const Credential& credential) const {
    return credential.setback.lasts() ? std::max(credential.due(), not_before_) : credential.due();
}

std::optional<core::Uptime> Tokens::next_look() const {
    std::optional<core::Uptime> next;
    for (const auto& [id, credential] : credentials_)
        if (credential.step) next = std::min(next.value_or(core::Uptime::max()), due_at(credential));
    return next;
}

void Tokens::look(core::Uptime now) {
    std::vector<std::pair<core::Uptime, CredentialId>> due;
    for (const auto& [id, credential] : credentials_)
        if (credential.step && due_at(credential) <= now) due.emplace_back(credential.due(), id);
    std::sort(due.begin(), due.end());  // who waits longest first
    for (const auto& [at, id] : due)
        if (const auto found = credentials_.find(id); found != credentials_.end() && found->second.step && due_at(found->second) <= uptime()) take_step(id, found->second);
}

void Tokens::forget(std::int32_t model) {
    for (auto entry = credentials_.begin(); entry != credentials_.end();) {
        Credential& credential = entry->second;
        std::erase(credential.models, model);
        const bool only_looks = credential.step && std::holds_alternative<Look>(*credential.step);
        entry = credential.models.empty() && only_looks ? credentials_.erase(entry) : std::next(entry);
    }
}

void Tokens::forget() {
    for (const auto& [id, credential] : credentials_)
        if (credential.transfer) dispatcher_.cancel(*credential.transfer);
    credentials_.clear();
}

// A refresh token that has left may be spent: its claim stays as that of a process that died, so that it is sent once more, and not a third time.
void Tokens::abandon() {
    for (auto& [id, credential] : credentials_) {
        const bool sent = credential.transfer && dispatcher_.cancel(*credential.transfer);
        if (!credential.transfer && (!credential.step || std::holds_alternative<Look>(*credential.step))) continue;
        try {
            unit_.run("giving back a token", Durability::synchronous, [&, &id = id, &credential = credential](Catalog& catalog) {
                const auto* store = credential.step ? std::get_if<Store>(&*credential.step) : nullptr;
                if (store != nullptr) catalog.store_grant(id, store->grant, margin_seconds(credential.auth, store->grant));
                if (sent) {
                    catalog.leave_refresh(id, std::chrono::duration<double>(kStillOnTheWay).count());
                } else {
                    catalog.release_refresh(id);
                }
            });
        } catch (const pg::Error& error) {
            if (ends_everything(error, unit_.session())) throw;
            pg::log_warning("could not give back a token: " + error.message());
        }
    }
    forget();
}

}  // namespace upstream::worker
