#include "worker/catalog.hpp"

#include "pg/error.hpp"
#include "pg/extension.hpp"
#include "pg/process.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

// The columns of a model, in the order in which load() reads them.
constexpr const char* kModelColumns = R"(
    s.model_id, m.account_id, so.source_id, so.revision, so.name, a.name, m.stream, m.target::oid::bigint, a.config::text,
    (SELECT coalesce(jsonb_object_agg(x.name, x.value), '{}')::text FROM upstream.secrets x WHERE x.account_id = m.account_id),
    t.access_token, t.expires_at, extract(epoch FROM t.lifetime)::float8,
    s.cursor, s.failures, s.full_refresh, s.reading, s.read_started_at, s.read_start, s.read_pending, s.page_token,
    s.pages_before, s.records_before, s.fence, s.run_id
)";

constexpr const char* kModelJoins = R"(
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id)
    LEFT JOIN upstream.tokens t USING (account_id)
)";

// A claim takes those of the models in `chosen` that nobody alive holds. SKIP LOCKED: somebody else is claiming those at this moment.
std::string claim_sql(const std::string& chosen, const std::string& condition) {
    return "WITH chosen AS (" + chosen + "), free AS (SELECT s.model_id, s.run_id, s.reading, s.cursor, m.incremental AND NOT s.full_refresh AS incremental"
           " FROM upstream.model_state s JOIN chosen USING (model_id) JOIN upstream.models m USING (model_id) WHERE " + condition + R"(
    AND NOT upstream.lease_is_held(s.lease_incarnation, s.lease_pid, s.lease_started_at, s.lease_deadline)
    FOR UPDATE OF s SKIP LOCKED
), settled AS (
    UPDATE upstream.runs r SET status = 'interrupted', ended_at = clock_timestamp(), message = 'its process ended'
    FROM free f WHERE r.run_id = f.run_id AND r.status = 'running'
), begun AS (
    INSERT INTO upstream.runs (model_id, sync_mode, started_by, resumed, pid, cursor_before, cursor_after)
    SELECT f.model_id, CASE WHEN f.incremental THEN 'incremental' ELSE 'full_refresh' END, $6, f.reading, $3, f.cursor, f.cursor
    FROM free f
    RETURNING run_id, model_id
), leased AS (
    UPDATE upstream.model_state s
    SET lease_incarnation = $2, lease_pid = $3, lease_started_at = $4, lease_deadline = now() + make_interval(secs => $5),
        fence = s.fence + 1, run_id = b.run_id, last_attempt_at = now()
    FROM begun b WHERE s.model_id = b.model_id
    RETURNING s.*
)
SELECT )" + std::string{kModelColumns} + " FROM leased s " + kModelJoins;
}

constexpr const char* kVersion = "SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_upstream'";

constexpr const char* kDueModels =
    "SELECT d.model_id FROM upstream.models_needing_sync d ORDER BY d.priority DESC, d.due_since LIMIT $1";

constexpr const char* kGivenModels = "SELECT unnest($1::int4[]) AS model_id";

// A model that is due but held by somebody else is looked at again in a second: its holder may die without a word.
constexpr const char* kNextDue = R"(
SELECT least(
    (SELECT min(s.next_due_at) FROM upstream.model_state s WHERE s.next_due_at > now() AND s.next_due_at < 'infinity'),
    (SELECT now() + interval '1 second' WHERE EXISTS
        (SELECT FROM upstream.model_state s WHERE s.next_due_at <= now() AND s.blocked_reason IS NULL AND s.lease_pid <> pg_backend_pid())))
)";

constexpr const char* kModelsOf = "SELECT unnest(upstream.find_models($1, $2))";

constexpr const char* kModelsOfSource = R"(
SELECT m.model_id
FROM upstream.models m JOIN upstream.accounts a USING (account_id) JOIN upstream.sources so USING (source_id)
WHERE so.name = $1 OR $1 IS NULL
ORDER BY m.model_id
)";

constexpr const char* kExisting = "SELECT model_id FROM upstream.model_state WHERE model_id = ANY ($1)";

constexpr const char* kRequestFullRefresh = R"(
UPDATE upstream.model_state s
SET full_refresh = true, reading = false, page_token = NULL, read_pending = NULL, read_start = NULL, pages_before = 0, records_before = 0,
    fence = s.fence + 1
WHERE s.model_id = ANY ($1)
)";

constexpr const char* kOneModel = " WHERE s.model_id = ANY (upstream.find_models($1, $2))";

// The commit of a page: the fence is checked by the very statement that moves the cursor.
constexpr const char* kSavePage = R"(
WITH saved AS (
    UPDATE upstream.model_state s
    SET cursor = $4, full_refresh = $5, reading = $6, read_started_at = $7, read_start = $8, read_pending = $9, page_token = $10,
        pages_before = $11, records_before = $12, failures = $23,
        requests = s.requests + $13, pages = s.pages + $14, received = s.received + $15, bytes = s.bytes + $16,
        inserted = s.inserted + $17, updated = s.updated + $18, unchanged = s.unchanged + $19,
        fetch_time = s.fetch_time + $20, apply_time = s.apply_time + $21,
        last_change_at = CASE WHEN $17 + $18 > 0 THEN now() ELSE s.last_change_at END,
        lease_deadline = now() + make_interval(secs => $22)
    WHERE s.model_id = $1 AND s.fence = $2
    RETURNING s.model_id
)
UPDATE upstream.runs r
SET requests = r.requests + $13, pages = r.pages + $14, received = r.received + $15, bytes = r.bytes + $16,
    inserted = r.inserted + $17, updated = r.updated + $18, unchanged = r.unchanged + $19, cursor_after = $4
FROM saved WHERE r.run_id = $3
)";

// A request that came while the run was under way is not forgotten: the model stays due.
constexpr const char* kFinishRun = R"(
WITH finished AS (
    UPDATE upstream.model_state s
    SET phase = 'live', runs = s.runs + 1, last_success_at = now(),
        error_code = NULL, error_message = NULL, error_detail = NULL, error_hint = NULL, error_sqlstate = NULL, error_at = NULL,
        due_reason = CASE WHEN s.requested_at > r.started_at THEN 'requested' ELSE 'schedule' END,
        next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN 'infinity'
                           WHEN s.requested_at > r.started_at THEN now()
                           ELSE now() + m.every + m.jitter * random() END,
        lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
    FROM upstream.models m, upstream.runs r
    WHERE s.model_id = $1 AND s.fence = $2 AND m.model_id = s.model_id AND r.run_id = $3
    RETURNING s.model_id
)
UPDATE upstream.runs r SET status = 'succeeded', ended_at = clock_timestamp()
FROM finished WHERE r.run_id = $3
)";

constexpr const char* kFailRun = R"(
WITH failed AS (
    UPDATE upstream.model_state s
    SET runs = s.runs + 1, failed_runs = s.failed_runs + 1,
        error_code = $4, error_message = $5, error_detail = nullif($6, ''), error_hint = nullif($7, ''), error_sqlstate = nullif($8, ''),
        error_at = now(), due_reason = 'retry',
        next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN 'infinity' ELSE coalesce($9, 'infinity') END,
        lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
    FROM upstream.models m
    WHERE s.model_id = $1 AND s.fence = $2 AND m.model_id = s.model_id
    RETURNING s.model_id
)
UPDATE upstream.runs r SET status = 'failed', ended_at = clock_timestamp(), error_code = $4, message = $5
FROM failed WHERE r.run_id = $3
)";

constexpr const char* kParkAccount = R"(
WITH parked AS (
    UPDATE upstream.tokens SET needs_reauth = true, reason = $2, refresh_pid = NULL, refresh_incarnation = NULL WHERE account_id = $1
)
UPDATE upstream.model_state s SET blocked_reason = 'needs_reauth', next_due_at = 'infinity'
FROM upstream.models m WHERE m.model_id = s.model_id AND m.account_id = $1
)";

constexpr const char* kRelease = R"(
WITH released AS (
    UPDATE upstream.model_state s
    SET lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
    WHERE s.model_id = $1 AND s.fence = $2
    RETURNING s.model_id
)
UPDATE upstream.runs r SET status = $4, ended_at = clock_timestamp(), message = $5
FROM released WHERE r.run_id = $3 AND r.status = 'running'
)";

// For a holder that was fenced off: whatever the fence, the lease is still its own.
constexpr const char* kGiveUp = R"(
WITH ended AS (
    UPDATE upstream.runs SET status = 'interrupted', ended_at = clock_timestamp(), message = 'fenced off: the model was altered, reset or taken over'
    WHERE run_id = $5 AND status = 'running'
)
UPDATE upstream.model_state
SET lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
WHERE model_id = $1 AND lease_incarnation = $2 AND lease_pid = $3 AND lease_started_at = $4
)";

constexpr const char* kPruneRuns = R"(
DELETE FROM upstream.runs WHERE run_id IN
    (SELECT r.run_id FROM upstream.runs r WHERE r.ended_at < now() - make_interval(secs => $1) ORDER BY r.run_id LIMIT 1000)
)";

constexpr const char* kSource = "SELECT source_id, revision, name, spec::text, target_schema FROM upstream.sources WHERE source_id = $1";
constexpr const char* kFindSource = "SELECT source_id, revision, name, spec::text, target_schema FROM upstream.sources WHERE name = $1";
constexpr const char* kSourceOf = R"(
SELECT so.source_id, so.revision, so.name, so.spec::text, so.target_schema
FROM upstream.sources so JOIN upstream.accounts a USING (source_id) WHERE a.account_id = $1
)";
constexpr const char* kFindTable = "SELECT to_regclass($1)::oid::bigint";
constexpr const char* kMayActAs = "SELECT pg_has_role($1::oid, 'USAGE')";
constexpr const char* kFindAccount = "SELECT upstream.find_account($1)";

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

constexpr const char* kInsertSource = "INSERT INTO upstream.sources (name, spec, target_schema) VALUES ($1, $2, $3) RETURNING source_id";
constexpr const char* kUpdateSource = "UPDATE upstream.sources SET spec = $2, revision = revision + 1, updated_at = now() WHERE source_id = $1";
constexpr const char* kInsertAccount =
    "INSERT INTO upstream.accounts (source_id, name, config, streams) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING account_id";

constexpr const char* kInsertModel = R"(
WITH made AS (
    INSERT INTO upstream.models (account_id, stream, target, every, jitter, priority, incremental)
    VALUES ($1, $2, $3::oid, make_interval(secs => $4), make_interval(secs => $5), $6, $7)
    RETURNING model_id
)
INSERT INTO upstream.model_state (model_id) SELECT model_id FROM made
)";

// A changed spec fences off runs that follow the old one. Here as elsewhere the lease stays: its holder has a request in flight, finds out at its next
// commit, and gives the lease back then; so there are never two requests of one model at a time.
constexpr const char* kUpdateModel = R"(
WITH changed AS (
    UPDATE upstream.models m
    SET target = $2::oid, every = make_interval(secs => $3), jitter = make_interval(secs => $4), priority = $5, incremental = $6
    WHERE m.model_id = $1
    RETURNING m.model_id, m.paused
)
UPDATE upstream.model_state s
SET fence = s.fence + 1, reading = false, page_token = NULL, read_pending = NULL, read_start = NULL, pages_before = 0, records_before = 0,
    cursor = CASE WHEN $7 THEN NULL ELSE s.cursor END, phase = CASE WHEN $7 THEN 'initial' ELSE s.phase END, failures = 0,
    due_reason = 'altered',
    next_due_at = CASE WHEN c.paused OR s.blocked_reason IS NOT NULL THEN 'infinity' ELSE now() END
FROM changed c WHERE s.model_id = c.model_id
)";

constexpr const char* kDeleteModel = "DELETE FROM upstream.models WHERE model_id = $1";

constexpr const char* kAccountsOf = R"(
SELECT a.account_id, a.streams IS NULL, m.model_id, m.stream, m.target::oid::bigint
FROM upstream.accounts a LEFT JOIN upstream.models m USING (account_id)
WHERE a.source_id = $1
ORDER BY a.account_id, m.model_id
)";

constexpr const char* kRecordRun = R"(
WITH marked AS (
    UPDATE upstream.model_state s
    SET cursor = coalesce($2, s.cursor), phase = 'live', reading = false, page_token = NULL, read_pending = NULL, read_start = NULL,
        pages_before = 0, records_before = 0, failures = 0, last_success_at = coalesce($3, now()),
        error_code = NULL, error_message = NULL, error_detail = NULL, error_hint = NULL, error_sqlstate = NULL, error_at = NULL,
        due_reason = 'schedule',
        next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN 'infinity' ELSE coalesce($3, now()) + m.every END,
        fence = s.fence + 1
    FROM upstream.models m WHERE s.model_id = $1 AND m.model_id = s.model_id
    RETURNING s.model_id, s.cursor, m.incremental
)
INSERT INTO upstream.runs (model_id, status, sync_mode, started_by, pid, started_at, ended_at, cursor_after, message)
SELECT model_id, 'recorded', CASE WHEN incremental THEN 'incremental' ELSE 'full_refresh' END, 'session', pg_backend_pid(), coalesce($3, now()),
       coalesce($3, now()), cursor, 'recorded by mark_sync_complete()'
FROM marked
)";

StoredSource read_source_row(const pg::Row& row) {
    return StoredSource{.id = row.get<std::int32_t>(0),
                        .revision = row.get<std::int32_t>(1),
                        .name = row.get<std::string>(2),
                        .spec = row.get<std::string>(3),
                        .target_schema = row.get<std::string>(4)};
}

std::vector<std::int32_t> ids(const pg::Rows& rows) {
    std::vector<std::int32_t> found;
    for (const pg::Row row : rows) found.push_back(row.get<std::int32_t>(0));
    return found;
}

}  // namespace

Holder this_process(const char* kind) {
    return Holder{.incarnation = pg::postmaster_start(),
                  .pid = MyProcPid,
                  .started_at = pg::own_start(),
                  .lease_seconds = settings().lease_timeout_ms / 1000.0,
                  .kind = kind};
}

Catalog::Catalog(Holder holder)
    : holder_(holder), version_(kVersion), claim_due_(claim_sql(kDueModels, "s.next_due_at <= now() AND s.blocked_reason IS NULL")),
      claim_(claim_sql(kGivenModels, "true")), next_due_(kNextDue), models_of_(kModelsOf),
      models_of_source_(kModelsOfSource), existing_(kExisting), request_full_refresh_(kRequestFullRefresh), model_(std::string{"SELECT "} + kModelColumns + " FROM upstream.model_state s " + kModelJoins + kOneModel), save_page_(kSavePage),
      finish_run_(kFinishRun), fail_run_(kFailRun), park_account_(kParkAccount), release_(kRelease), give_up_(kGiveUp), prune_runs_(kPruneRuns),
      source_(kSource), find_source_(kFindSource), source_of_(kSourceOf), find_account_(kFindAccount), find_table_(kFindTable),
      may_act_as_(kMayActAs), token_(kToken), claim_refresh_(kClaimRefresh),
      store_grant_(kStoreGrant), release_refresh_(kReleaseRefresh), store_token_(kStoreToken), set_secret_(kSetSecret),
      insert_source_(kInsertSource), update_source_(kUpdateSource), insert_account_(kInsertAccount), insert_model_(kInsertModel),
      update_model_(kUpdateModel), delete_model_(kDeleteModel), accounts_of_(kAccountsOf), record_run_(kRecordRun) {}

std::optional<std::string> Catalog::extension_version() {
    if (!pg::lock_extension("pg_upstream")) return std::nullopt;
    const pg::Rows rows = version_.run();
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::string>(0);
}

std::vector<Model> Catalog::load(pg::Rows rows) {
    std::vector<Model> models;
    for (const pg::Row row : rows) {
        Model model{.id = row.get<std::int32_t>(0),
                    .account_id = row.get<std::int32_t>(1),
                    .source_id = row.get<std::int32_t>(2),
                    .revision = row.get<std::int32_t>(3),
                    .source = row.get<std::string>(4),
                    .account = row.get<std::string>(5),
                    .stream = row.get<std::string>(6),
                    .target = static_cast<Oid>(row.get<std::int64_t>(7)),
                    .config = row.get<std::string>(8),
                    .secrets = row.get<std::string>(9)};
        if (auto access = row.get<std::optional<std::string>>(10)) {
            const double lifetime = row.get<std::optional<double>>(12).value_or(0);
            model.token = core::Token{.access = std::move(*access),
                                      .expires_at = row.get<std::optional<Time>>(11),
                                      .lifetime = core::Duration{static_cast<std::int64_t>(lifetime * 1e6)}};
        }
        model.state = StoredState{.cursor = row.get<std::optional<std::string>>(13),
                                  .failures = row.get<std::int32_t>(14),
                                  .full_refresh = row.get<bool>(15),
                                  .reading = row.get<bool>(16),
                                  .started_at = row.get<std::optional<Time>>(17),
                                  .start = row.get<std::optional<std::string>>(18),
                                  .pending = row.get<std::optional<std::string>>(19),
                                  .page_token = row.get<std::optional<std::string>>(20),
                                  .pages_before = row.get<std::int64_t>(21),
                                  .records_before = row.get<std::int64_t>(22)};
        model.fence = row.get<std::int64_t>(23);
        model.run_id = row.get<std::optional<std::int64_t>>(24).value_or(0);
        models.push_back(std::move(model));
    }
    return models;
}

std::vector<Model> Catalog::claim_due(std::int32_t limit) {
    return load(claim_due_.run(limit, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds, holder_.kind));
}

std::vector<Model> Catalog::claim(const std::vector<std::int32_t>& models) {
    return load(claim_.run(models, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds, holder_.kind));
}

std::optional<Time> Catalog::next_due() { return next_due_.run()[0].get<std::optional<Time>>(0); }

std::vector<std::int32_t> Catalog::models_of(const std::optional<std::string>& account, const std::optional<std::string>& stream) {
    return ids(models_of_.run(account, stream));
}

std::vector<std::int32_t> Catalog::models_of_source(const std::optional<std::string>& source) { return ids(models_of_source_.run(source)); }

std::vector<std::int32_t> Catalog::existing(const std::vector<std::int32_t>& models) { return ids(existing_.run(models)); }

void Catalog::request_full_refresh(const std::vector<std::int32_t>& models) { request_full_refresh_.run(models); }

Model Catalog::model(const std::string& account, const std::string& stream) { return std::move(load(model_.run(account, stream)).at(0)); }

bool Catalog::save_page(const Model& model, const Entry& entry) {
    const StoredState& state = entry.state;
    const core::Tally& tally = entry.tally;
    return save_page_
               .run(model.id, model.fence, model.run_id, state.cursor, state.full_refresh, state.reading, state.started_at, state.start,
                    state.pending, state.page_token, state.pages_before, state.records_before, tally.requests, tally.pages, tally.received,
                    tally.bytes, entry.inserted, entry.updated, entry.unchanged, entry.fetch_ms, entry.apply_ms, holder_.lease_seconds,
                    state.failures)
               .affected() == 1;
}

bool Catalog::finish_run(const Model& model) { return finish_run_.run(model.id, model.fence, model.run_id).affected() == 1; }

bool Catalog::fail_run(const Model& model, const core::Error& error, std::optional<Time> retry_at) {
    return fail_run_
               .run(model.id, model.fence, model.run_id, std::string{core::name(error.code)}, error.message, error.detail, error.hint,
                    error.sqlstate, retry_at)
               .affected() == 1;
}

void Catalog::park_account(std::int32_t account, const std::string& reason) { park_account_.run(account, reason); }

void Catalog::release(const Model& model, const char* status, const std::string& message) {
    release_.run(model.id, model.fence, model.run_id, status, message);
}

void Catalog::give_up(const Model& model) { give_up_.run(model.id, holder_.incarnation, holder_.pid, holder_.started_at, model.run_id); }

void Catalog::prune_runs(double keep_seconds) { prune_runs_.run(keep_seconds); }

StoredSource Catalog::source(std::int32_t id) { return read_source_row(source_.run(id)[0]); }

std::optional<StoredSource> Catalog::find_source(const std::string& name) {
    const pg::Rows rows = find_source_.run(name);
    if (rows.empty()) return std::nullopt;
    return read_source_row(rows[0]);
}

StoredSource Catalog::source_of(std::int32_t account) { return read_source_row(source_of_.run(account)[0]); }

Oid Catalog::find_table(const std::string& qualified) {
    return static_cast<Oid>(find_table_.run(qualified)[0].get<std::optional<std::int64_t>>(0).value_or(InvalidOid));
}

bool Catalog::may_act_as(Oid role) { return may_act_as_.run(role)[0].get<bool>(0); }

std::int32_t Catalog::find_account(const std::string& account) { return find_account_.run(account)[0].get<std::int32_t>(0); }

StoredToken Catalog::token(std::int32_t account) {
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

std::optional<std::string> Catalog::claim_refresh(std::int32_t account) {
    const pg::Rows rows = claim_refresh_.run(account, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds);
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::string>(0);
}

bool Catalog::store_grant(std::int32_t account, const core::Grant& grant, double margin_seconds) {
    const double lifetime = std::chrono::duration<double>(grant.lifetime).count();
    return store_grant_.run(account, holder_.pid, grant.access, grant.refresh, lifetime, margin_seconds).affected() == 1;
}

void Catalog::release_refresh(std::int32_t account) { release_refresh_.run(account, holder_.pid); }

void Catalog::store_token(std::int32_t account, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                          const std::optional<Time>& expires_at, double margin_seconds) {
    store_token_.run(account, access, refresh, expires_at, margin_seconds);
}

void Catalog::set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value) {
    set_secret_.run(account, name, value);
}

std::int32_t Catalog::insert_source(const std::string& name, const std::string& spec, const std::string& schema) {
    return insert_source_.run(name, pg::Json{spec}, schema)[0].get<std::int32_t>(0);
}

void Catalog::update_source(std::int32_t id, const std::string& spec) { update_source_.run(id, pg::Json{spec}); }

std::optional<std::int32_t> Catalog::insert_account(std::int32_t source, const std::string& name, const std::string& config,
                                     const std::optional<std::vector<std::string>>& streams) {
    const pg::Rows rows = insert_account_.run(source, name, pg::Json{config}, streams);
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::int32_t>(0);
}

void Catalog::insert_model(const ModelRow& row) {
    insert_model_.run(row.account_id, row.stream, row.target, row.every, row.jitter, row.priority, row.incremental);
}

void Catalog::update_model(std::int32_t model, const ModelRow& row, bool read_again) {
    update_model_.run(model, row.target, row.every, row.jitter, row.priority, row.incremental, read_again);
}

void Catalog::delete_model(std::int32_t model) { delete_model_.run(model); }

std::vector<Catalog::AccountRow> Catalog::accounts_of(std::int32_t source) {
    std::vector<AccountRow> accounts;
    const pg::Rows rows = accounts_of_.run(source);
    for (const pg::Row row : rows) {
        const auto id = row.get<std::int32_t>(0);
        if (accounts.empty() || accounts.back().id != id) accounts.push_back({.id = id, .all_streams = row.get<bool>(1), .models = {}});
        if (const auto model = row.get<std::optional<std::int32_t>>(2)) accounts.back().models.push_back({.id = *model, .stream = row.get<std::string>(3), .target = static_cast<Oid>(row.get<std::int64_t>(4))});
    }
    return accounts;
}

void Catalog::record_run(std::int32_t model, const std::optional<std::string>& cursor, const std::optional<Time>& synced_at) {
    record_run_.run(model, cursor, synced_at);
}

}  // namespace upstream::worker
