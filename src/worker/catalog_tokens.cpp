#include "worker/catalog_tokens.hpp"

#include "core/json.hpp"

namespace upstream::worker {
namespace {

// Of a row t: what is known of a refresh token that was sent.
#define REFRESH_DIGEST "encode(sha256(convert_to(t.refresh_token, 'UTF8')), 'hex')"

// Only on account of what is still so: the claim of this process ($4), or the access token that was refused ($5) while nobody asks for another.
// A pair that update_token() stored meanwhile, or that somebody else is about to store, has been refused by nobody; nor have secrets that set_secret() has
// changed since those of revision $6. Nothing is inserted for an account that is gone when its row can be had: the foreign key would be an error.
constexpr const char* kParkAccount = R"(
WITH parked AS (
    INSERT INTO upstream.tokens AS t (account_id, credential, needs_reauth, reason)
    SELECT a.account_id, $2, true, $3 FROM upstream.accounts a WHERE a.account_id = $1 AND a.secrets_revision = $6 FOR SHARE
    ON CONFLICT (account_id, credential) DO UPDATE
    SET needs_reauth = true, reason = CASE WHEN t.needs_reauth THEN t.reason ELSE excluded.reason END,
        refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
    WHERE CASE WHEN $4 IS NOT NULL THEN t.refresh_pid = $4
          ELSE t.access_token IS NOT DISTINCT FROM $5
               AND NOT upstream.lease_is_held(t.refresh_incarnation, t.refresh_pid, t.refresh_started_at, t.refresh_deadline) END
    RETURNING t.account_id, t.credential
)
UPDATE upstream.model_state s SET blocked_reason = 'needs_reauth', next_due_at = 'infinity'
FROM upstream.models m JOIN parked USING (account_id, credential) WHERE m.model_id = s.model_id
)";

constexpr const char* kToken = R"(
SELECT t.access_token, t.expires_at, coalesce(extract(epoch FROM t.lifetime)::float8, 0), t.refresh_token IS NOT NULL,
       coalesce(t.needs_reauth, false), coalesce(t.reason, ''), h.held,
       coalesce(NOT h.held AND t.refresh_pid IS NOT NULL AND t.attempts >= 2
                AND t.sent_digest = )" REFRESH_DIGEST R"(, false),
       (SELECT coalesce(jsonb_object_agg(x.name, x.value), '{}')::text FROM upstream.secrets x WHERE x.account_id = a.account_id), a.secrets_revision
FROM upstream.accounts a LEFT JOIN upstream.tokens t ON t.account_id = a.account_id AND t.credential = $2
    CROSS JOIN LATERAL upstream.lease_is_held(t.refresh_incarnation, t.refresh_pid, t.refresh_started_at, t.refresh_deadline) h(held)
WHERE a.account_id = $1
)";

// The intent to refresh is committed before the refresh token is sent, with its digest, so that after a crash it is known that this token may be spent:
// a claim that finds the claim of a dead process sends it once more. Only the row itself is read: it is the newest one if update_token() was waited for.
constexpr const char* kClaimRefresh = R"(
UPDATE upstream.tokens t
SET attempts = CASE WHEN t.refresh_pid IS NOT NULL AND t.sent_digest = )" REFRESH_DIGEST R"( THEN t.attempts + 1 ELSE 1 END,
    sent_digest = )" REFRESH_DIGEST R"(,
    refresh_incarnation = $3, refresh_pid = $4, refresh_started_at = $5, refresh_deadline = now() + make_interval(secs => $6)
WHERE t.account_id = $1 AND t.credential = $2 AND t.refresh_token IS NOT NULL AND NOT coalesce(t.needs_reauth, false)
    AND NOT upstream.lease_is_held(t.refresh_incarnation, t.refresh_pid, t.refresh_started_at, t.refresh_deadline)
RETURNING t.refresh_token, t.attempts
)";

#undef REFRESH_DIGEST

constexpr const char* kClaimToken = R"(
INSERT INTO upstream.tokens AS t (account_id, credential, refresh_incarnation, refresh_pid, refresh_started_at, refresh_deadline)
SELECT a.account_id, $2, $3, $4, $5, now() + make_interval(secs => $6) FROM upstream.accounts a WHERE a.account_id = $1 FOR KEY SHARE
ON CONFLICT (account_id, credential) DO UPDATE
SET refresh_incarnation = excluded.refresh_incarnation, refresh_pid = excluded.refresh_pid, refresh_started_at = excluded.refresh_started_at,
    refresh_deadline = excluded.refresh_deadline
WHERE NOT coalesce(t.needs_reauth, false)
    AND NOT upstream.lease_is_held(t.refresh_incarnation, t.refresh_pid, t.refresh_started_at, t.refresh_deadline)
RETURNING '', 1
)";

constexpr const char* kStoreGrant = R"(
UPDATE upstream.tokens
SET access_token = $3, refresh_token = coalesce($4, refresh_token), lifetime = make_interval(secs => $5),
    expires_at = clock_timestamp() + make_interval(secs => $5), refresh_at = clock_timestamp() + make_interval(secs => $5 - $6),
    refreshed_at = clock_timestamp(), refreshes = coalesce(refreshes, 0) + 1, reason = NULL,
    recovered = coalesce(recovered, 0) + CASE WHEN attempts > 1 THEN 1 ELSE 0 END, attempts = 0,
    remembered = coalesce(remembered, '{}') || $7,
    refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
WHERE account_id = $1 AND refresh_pid = $2 AND credential = $8
)";

constexpr const char* kReleaseRefresh = R"(
UPDATE upstream.tokens
SET refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
WHERE account_id = $1 AND refresh_pid = $2 AND credential = $3
)";

constexpr const char* kLeaveRefresh = R"(
UPDATE upstream.tokens SET refresh_deadline = now() + make_interval(secs => $4) WHERE account_id = $1 AND refresh_pid = $2 AND credential = $3
)";

// Whoever was refreshing the former pair is fenced off: its answer finds no claim of its own any more.
constexpr const char* kStoreToken = R"(
INSERT INTO upstream.tokens AS t (account_id, access_token, refresh_token, expires_at, lifetime, refresh_at, credential)
VALUES ($1, $2, $3, $4, $4 - now(), $4 - make_interval(secs => $5), $6)
ON CONFLICT (account_id, credential) DO UPDATE
SET access_token = excluded.access_token, refresh_token = coalesce(excluded.refresh_token, t.refresh_token),
    expires_at = excluded.expires_at, lifetime = excluded.lifetime, refresh_at = excluded.refresh_at,
    refreshed_at = now(), needs_reauth = false, reason = NULL, attempts = 0,
    refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
)";

// A refresh token that was refused is not helped by another secret.
constexpr const char* kFreeTokens = R"(
UPDATE upstream.tokens SET needs_reauth = false, reason = NULL, access_token = NULL, expires_at = NULL
WHERE account_id = $1 AND needs_reauth AND refresh_token IS NULL
)";

// Before all other rows, and so that nobody drops it meanwhile.
constexpr const char* kLockAccount = "SELECT FROM upstream.accounts a WHERE a.account_id = $1 FOR NO KEY UPDATE";

// Before and after the change of the tokens, in statements of their own: each sees what was committed while the one before waited, by those who park the
// account, or pause and resume its models. Rows are locked in the order accounts, models, tokens, states.
constexpr const char* kLockModels = "SELECT FROM upstream.models m WHERE m.account_id = $1 ORDER BY m.model_id FOR NO KEY UPDATE";
constexpr const char* kUnblockModels = R"(
UPDATE upstream.model_state s
SET blocked_reason = NULL, due_reason = 'token', next_due_at = CASE WHEN m.paused THEN s.next_due_at ELSE now() END
FROM upstream.models m LEFT JOIN upstream.tokens t USING (account_id, credential)
WHERE m.model_id = s.model_id AND m.account_id = $1 AND NOT coalesce(t.needs_reauth, false)
    AND (s.blocked_reason = 'needs_reauth' OR s.blocked_reason IS NULL AND s.error_code = 'auth_failed' AND s.due_reason = 'retry')
)";

constexpr const char* kReviseSecrets = "UPDATE upstream.accounts SET secrets_revision = secrets_revision + 1 WHERE account_id = $1";

constexpr const char* kSetSecret = R"(
MERGE INTO upstream.secrets s USING (SELECT $1 AS account_id, $2 AS name) n ON s.account_id = n.account_id AND s.name = n.name
WHEN MATCHED AND $3 IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET value = $3
WHEN NOT MATCHED AND $3 IS NOT NULL THEN INSERT (account_id, name, value) VALUES ($1, $2, $3)
)";

}  // namespace

TokenCatalog::TokenCatalog(Holder holder)
    : holder_(holder), park_account_(kParkAccount), token_(kToken), claim_refresh_(kClaimRefresh), claim_token_(kClaimToken),
      store_grant_(kStoreGrant), release_refresh_(kReleaseRefresh), leave_refresh_(kLeaveRefresh), store_token_(kStoreToken), set_secret_(kSetSecret), revise_secrets_(kReviseSecrets),
      free_tokens_(kFreeTokens), lock_account_(kLockAccount), lock_models_(kLockModels), unblock_models_(kUnblockModels) {}

bool TokenCatalog::park_account(const CredentialId& id, const std::string& reason, std::int32_t secrets_revision, const std::optional<std::string>& refused) {
    return park_account_.run(id.account_id, id.name, reason, std::nullopt, refused, secrets_revision).affected() > 0;
}

bool TokenCatalog::park_claimed_account(const CredentialId& id, const std::string& reason, std::int32_t secrets_revision) {
    if (park_account_.run(id.account_id, id.name, reason, holder_.pid, std::nullopt, secrets_revision).affected() > 0) return true;
    release_refresh(id);
    return false;
}

std::optional<StoredToken> TokenCatalog::token(const CredentialId& id) {
    const pg::Rows rows = token_.run(id.account_id, id.name);
    if (rows.empty()) return std::nullopt;
    const pg::Row row = rows[0];
    return StoredToken{.access = row.get<std::optional<std::string>>(0),
                       .expires_at = row.get<std::optional<Time>>(1),
                       .lifetime = row.get<double>(2),
                       .has_refresh = row.get<bool>(3),
                       .needs_reauth = row.get<bool>(4),
                       .reason = row.get<std::string>(5),
                       .is_held = row.get<bool>(6),
                       .is_spent = row.get<bool>(7),
                       .secrets = row.get<std::string>(8),
                       .secrets_revision = row.get<std::int32_t>(9)};
}

namespace {

std::optional<Claim> read_claim(const pg::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return Claim{.refresh_token = rows[0].get<std::string>(0), .attempts = rows[0].get<std::int32_t>(1)};
}

std::string as_json(const core::Words& words) {
    std::string json = "{";
    for (const auto& [name, value] : words) json += (json.size() > 1 ? "," : "") + core::json::quote(name) + ":" + core::json::quote(value);
    return json + "}";
}

}  // namespace

std::optional<Claim> TokenCatalog::claim_refresh(const CredentialId& id) {
    return read_claim(claim_refresh_.run(id.account_id, id.name, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds));
}

std::optional<Claim> TokenCatalog::claim_token(const CredentialId& id) {
    return read_claim(claim_token_.run(id.account_id, id.name, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds));
}

bool TokenCatalog::store_grant(const CredentialId& id, const core::Grant& grant, double margin_seconds) {
    const double lifetime = std::chrono::duration<double>(grant.lifetime).count();
    const std::string remembered = as_json(grant.remembered);  // outlives the view that pg::Json is
    return store_grant_.run(id.account_id, holder_.pid, grant.access, grant.refresh, lifetime, margin_seconds, pg::Json{remembered}, id.name)
               .affected() == 1;
}

void TokenCatalog::release_refresh(const CredentialId& id) { release_refresh_.run(id.account_id, holder_.pid, id.name); }

void TokenCatalog::leave_refresh(const CredentialId& id, double seconds) { leave_refresh_.run(id.account_id, holder_.pid, id.name, seconds); }

bool TokenCatalog::lock_account(std::int32_t account) { return lock_account_.run(account).affected() == 1; }

void TokenCatalog::store_token(const CredentialId& id, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                               const std::optional<Time>& expires_at, double margin_seconds) {
    lock_models_.run(id.account_id);
    store_token_.run(id.account_id, access, refresh, expires_at, margin_seconds, id.name);
    unblock_models_.run(id.account_id);
}

void TokenCatalog::set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value) {
    set_secret_.run(account, name, value);
}

void TokenCatalog::revise_secrets(std::int32_t account) { revise_secrets_.run(account); }

void TokenCatalog::unblock_account(std::int32_t account) {
    lock_models_.run(account);
    free_tokens_.run(account);
    unblock_models_.run(account);
}

}  // namespace upstream::worker
