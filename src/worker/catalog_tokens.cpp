#include "worker/catalog_tokens.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kParkAccount = R"(
WITH parked AS (
    UPDATE upstream.tokens SET needs_reauth = true, reason = $2, refresh_pid = NULL, refresh_incarnation = NULL WHERE account_id = $1
)
UPDATE upstream.model_state s SET blocked_reason = 'needs_reauth', next_due_at = 'infinity'
FROM upstream.models m WHERE m.model_id = s.model_id AND m.account_id = $1
)";

constexpr const char* kToken = R"(
SELECT access_token, expires_at, coalesce(extract(epoch FROM lifetime)::float8, 0), refresh_token IS NOT NULL,
       coalesce(needs_reauth, false), coalesce(reason, ''),
       upstream.lease_is_held(refresh_incarnation, refresh_pid, refresh_started_at, refresh_deadline)
FROM upstream.tokens WHERE account_id = $1
)";

// The intent to refresh is committed before the refresh token is sent, so that after a crash it is known that the token may be spent.
constexpr const char* kClaimRefresh = R"(
UPDATE upstream.tokens
SET refresh_incarnation = $2, refresh_pid = $3, refresh_started_at = $4, refresh_deadline = now() + make_interval(secs => $5)
WHERE account_id = $1 AND refresh_token IS NOT NULL AND NOT coalesce(needs_reauth, false)
    AND NOT upstream.lease_is_held(refresh_incarnation, refresh_pid, refresh_started_at, refresh_deadline)
RETURNING refresh_token
)";

constexpr const char* kStoreGrant = R"(
UPDATE upstream.tokens
SET access_token = $3, refresh_token = coalesce($4, refresh_token), lifetime = make_interval(secs => $5),
    expires_at = clock_timestamp() + make_interval(secs => $5), refresh_at = clock_timestamp() + make_interval(secs => $5 - $6),
    refreshed_at = clock_timestamp(), refreshes = coalesce(refreshes, 0) + 1, reason = NULL,
    refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
WHERE account_id = $1 AND refresh_pid = $2
)";

constexpr const char* kReleaseRefresh = R"(
UPDATE upstream.tokens
SET refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
WHERE account_id = $1 AND refresh_pid = $2
)";

// Whoever was refreshing the former pair is fenced off: its answer finds no claim of its own any more.
constexpr const char* kStoreToken = R"(
WITH stored AS (
    INSERT INTO upstream.tokens AS t (account_id, access_token, refresh_token, expires_at, lifetime, refresh_at)
    VALUES ($1, $2, $3, $4, $4 - now(), $4 - make_interval(secs => $5))
    ON CONFLICT (account_id) DO UPDATE
    SET access_token = excluded.access_token, refresh_token = coalesce(excluded.refresh_token, t.refresh_token),
        expires_at = excluded.expires_at, lifetime = excluded.lifetime, refresh_at = excluded.refresh_at,
        refreshed_at = now(), needs_reauth = false, reason = NULL,
        refresh_incarnation = NULL, refresh_pid = NULL, refresh_started_at = NULL, refresh_deadline = NULL
)
UPDATE upstream.model_state s
SET blocked_reason = NULL, due_reason = 'token', next_due_at = CASE WHEN m.paused THEN s.next_due_at ELSE now() END
FROM upstream.models m
WHERE m.model_id = s.model_id AND m.account_id = $1 AND s.blocked_reason = 'needs_reauth'
)";

constexpr const char* kSetSecret = R"(
MERGE INTO upstream.secrets s USING (SELECT $1 AS account_id, $2 AS name) n ON s.account_id = n.account_id AND s.name = n.name
WHEN MATCHED AND $3 IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET value = $3
WHEN NOT MATCHED AND $3 IS NOT NULL THEN INSERT (account_id, name, value) VALUES ($1, $2, $3)
)";

}  // namespace

TokenCatalog::TokenCatalog(Holder holder)
    : holder_(holder), park_account_(kParkAccount), token_(kToken), claim_refresh_(kClaimRefresh), store_grant_(kStoreGrant),
      release_refresh_(kReleaseRefresh), store_token_(kStoreToken), set_secret_(kSetSecret) {}

void TokenCatalog::park_account(std::int32_t account, const std::string& reason) { park_account_.run(account, reason); }

StoredToken TokenCatalog::token(std::int32_t account) {
    const pg::Rows rows = token_.run(account);
    if (rows.empty()) return {};
    const pg::Row row = rows[0];
    return StoredToken{.access = row.get<std::optional<std::string>>(0),
                       .expires_at = row.get<std::optional<Time>>(1),
                       .lifetime = row.get<double>(2),
                       .has_refresh = row.get<bool>(3),
                       .needs_reauth = row.get<bool>(4),
                       .reason = row.get<std::string>(5),
                       .refresh_is_held = row.get<bool>(6)};
}

std::optional<std::string> TokenCatalog::claim_refresh(std::int32_t account) {
    const pg::Rows rows = claim_refresh_.run(account, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds);
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::string>(0);
}

bool TokenCatalog::store_grant(std::int32_t account, const core::Grant& grant, double margin_seconds) {
    const double lifetime = std::chrono::duration<double>(grant.lifetime).count();
    return store_grant_.run(account, holder_.pid, grant.access, grant.refresh, lifetime, margin_seconds).affected() == 1;
}

void TokenCatalog::release_refresh(std::int32_t account) { release_refresh_.run(account, holder_.pid); }

void TokenCatalog::store_token(std::int32_t account, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                          const std::optional<Time>& expires_at, double margin_seconds) {
    store_token_.run(account, access, refresh, expires_at, margin_seconds);
}

void TokenCatalog::set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value) {
    set_secret_.run(account, name, value);
}

}  // namespace upstream::worker
