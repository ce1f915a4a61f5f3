#include "worker/catalog_runs.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kHold = "SELECT FROM upstream.model_state s WHERE s.model_id = $1 AND s.fence = $2 FOR NO KEY UPDATE";
constexpr const char* kLock = "SELECT FROM upstream.model_state s WHERE s.model_id = $1 FOR NO KEY UPDATE";

// The commit of a page: the fence is checked by the very statement that moves the cursor.
constexpr const char* kSavePage = R"(
WITH saved AS (
    UPDATE upstream.model_state s
    SET cursor = $4, full_refresh = $5, read = $6, kept = $7, failures = $18,
        requests = s.requests + $8, pages = s.pages + $9, received = s.received + $10, bytes = s.bytes + $11,
        inserted = s.inserted + $12, updated = s.updated + $13, unchanged = s.unchanged + $14, copied = s.copied + $19,
        fetch_time = s.fetch_time + $15, apply_time = s.apply_time + $16,
        last_change_at = CASE WHEN $12 + $13 > 0 THEN now() ELSE s.last_change_at END,
        lease_deadline = now() + make_interval(secs => $17)
    WHERE s.model_id = $1 AND s.fence = $2
    RETURNING s.model_id
)
UPDATE upstream.runs r
SET requests = r.requests + $8, pages = r.pages + $9, received = r.received + $10, bytes = r.bytes + $11,
    inserted = r.inserted + $12, updated = r.updated + $13, unchanged = r.unchanged + $14, cursor_after = $4
FROM saved WHERE r.run_id = $3
)";

// A request that came after the read began, which may have been in a run that broke off, is not forgotten: the model stays due.
constexpr const char* kFinishRun = R"(
WITH finished AS (
    UPDATE upstream.model_state s
    SET phase = 'live', runs = s.runs + 1, last_success_at = now(),
        error_code = NULL, error_message = NULL, error_detail = NULL, error_hint = NULL, error_sqlstate = NULL, error_at = NULL,
        due_reason = CASE WHEN s.requested_at > $7 THEN 'requested' ELSE 'schedule' END,
        next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN 'infinity'
                           WHEN s.requested_at > $7 THEN now()
                           ELSE least(coalesce($4, now() + m.every) + m.jitter * random(), $5) END,
        notice = nullif($6, ''),
        lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
    FROM upstream.models m
    WHERE s.model_id = $1 AND s.fence = $2 AND m.model_id = s.model_id
    RETURNING s.model_id
)
UPDATE upstream.runs r SET status = 'succeeded', ended_at = clock_timestamp(), message = nullif($6, '')
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

// Neither a success nor a failure: a request has to wait, and what was committed stays. The row is locked before: a statement that had to wait for it would not
// see that the model was paused or resumed meanwhile. (After a page or a failure it is locked, by kSavePage.)
constexpr const char* kPostponeRun = R"(
WITH postponed AS (
    UPDATE upstream.model_state s
    SET due_reason = $5, next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN 'infinity' ELSE $4 END,
        lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
    FROM upstream.models m
    WHERE s.model_id = $1 AND s.fence = $2 AND m.model_id = s.model_id
    RETURNING s.model_id
)
UPDATE upstream.runs r SET status = 'postponed', ended_at = clock_timestamp(), message = 'waits for ' || $5
FROM postponed WHERE r.run_id = $3
)";

constexpr const char* kRenewLease = R"(
UPDATE upstream.model_state s SET lease_deadline = now() + make_interval(secs => $3) WHERE s.model_id = $1 AND s.fence = $2
)";

// At whatever time, and whatever the fence is: the lease of this run's claim, which is its holder's to give back also if the model was altered meanwhile.
constexpr const char* kRelease = R"(
WITH ended AS (
    UPDATE upstream.runs SET status = $3, ended_at = clock_timestamp(), message = $4 WHERE run_id = $2 AND status = 'running'
)
UPDATE upstream.model_state
SET lease_incarnation = NULL, lease_pid = NULL, lease_started_at = NULL, lease_deadline = NULL
WHERE model_id = $1 AND run_id = $2 AND lease_pid IS NOT NULL
)";

constexpr const char* kPruneRuns = R"(
DELETE FROM upstream.runs WHERE run_id IN
    (SELECT r.run_id FROM upstream.runs r WHERE r.ended_at < now() - make_interval(secs => $1) ORDER BY r.run_id LIMIT 1000)
)";

constexpr const char* kRecordRun = R"(
WITH marked AS (
    UPDATE upstream.model_state s
    SET cursor = coalesce($2, s.cursor), phase = 'live', read = NULL, failures = 0, last_success_at = coalesce($3, now()),
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

}  // namespace

RunCatalog::RunCatalog(Holder holder)
    : holder_(holder), hold_(kHold), lock_(kLock), save_page_(kSavePage), finish_run_(kFinishRun), fail_run_(kFailRun), postpone_run_(kPostponeRun),
      renew_lease_(kRenewLease), release_(kRelease), prune_runs_(kPruneRuns), record_run_(kRecordRun) {}

bool RunCatalog::hold(const Model& model) { return hold_.run(model.id, model.fence).affected() == 1; }

void RunCatalog::lock(std::int32_t model) { lock_.run(model); }

bool RunCatalog::save_page(const Model& model, const Entry& entry) {
    const StoredState& state = entry.state;
    const core::Tally& tally = entry.tally;
    return save_page_
               .run(model.id, model.fence, model.run_id, state.cursor, state.full_refresh,
                    state.read ? std::optional{pg::Json{*state.read}} : std::nullopt, pg::Json{state.kept}, tally.requests, tally.pages, tally.received, tally.bytes,
                    entry.inserted, entry.updated, entry.unchanged, entry.fetch_ms, entry.apply_ms, holder_.lease_seconds,
                    state.failures, entry.copied)
               .affected() == 1;
}

bool RunCatalog::finish_run(const Model& model, const NextRun& next) {
    return finish_run_.run(model.id, model.fence, model.run_id, next.at, next.rescan, next.notice, next.read_began).affected() == 1;
}

bool RunCatalog::postpone_run(const Model& model, Time until, const std::string& waits_for) {
    return hold(model) && postpone_run_.run(model.id, model.fence, model.run_id, until, waits_for).affected() == 1;
}

bool RunCatalog::fail_run(const Model& model, const core::Error& error, std::optional<Time> retry_at) {
    return fail_run_
               .run(model.id, model.fence, model.run_id, std::string{core::name(error.code)}, error.message, error.detail, error.hint,
                    error.sqlstate, retry_at)
               .affected() == 1;
}

bool RunCatalog::renew_lease(const Model& model) { return renew_lease_.run(model.id, model.fence, holder_.lease_seconds).affected() == 1; }

void RunCatalog::release(const Model& model, const char* status, const std::string& message) { release_.run(model.id, model.run_id, status, message); }

void RunCatalog::prune_runs(double keep_seconds) { prune_runs_.run(keep_seconds); }

void RunCatalog::record_run(std::int32_t model, const std::optional<std::string>& cursor, const std::optional<Time>& synced_at) {
    record_run_.run(model, cursor, synced_at);
}

}  // namespace upstream::worker
