#include "worker/catalog_models.hpp"

namespace upstream::worker {
namespace {

// The columns of a model, in the order in which load() reads them.
constexpr const char* kModelColumns = R"(
    s.model_id, m.account_id, so.source_id, so.revision, so.name, a.name, m.stream, m.target::oid::bigint, (a.config || coalesce(t.remembered, '{}'))::text,
    (SELECT coalesce(jsonb_object_agg(x.name, x.value), '{}')::text FROM upstream.secrets x WHERE x.account_id = m.account_id),
    t.access_token, t.expires_at, extract(epoch FROM t.lifetime)::float8,
    s.cursor, s.failures, s.full_refresh, s.read::text, s.kept::text, s.fence, s.run_id, m.credential, s.lease_deadline, a.secrets_revision
)";

constexpr const char* kModelJoins = R"(
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id)
    LEFT JOIN upstream.tokens t USING (account_id, credential)
)";

// A claim takes those of the models in `chosen` that nobody alive holds, at most `limit` of them. SKIP LOCKED: somebody else is claiming those at this moment,
// or drops their account.
std::string claim_sql(const std::string& chosen, const std::string& condition, const std::string& limit) {
    return "WITH chosen AS (" + chosen + "), free AS (SELECT s.model_id, s.run_id, s.read IS NOT NULL AS reading, s.cursor, m.incremental AND NOT s.full_refresh AS incremental"
           " FROM upstream.model_state s JOIN chosen USING (model_id) JOIN upstream.models m USING (model_id) WHERE " + condition + R"(
    AND NOT upstream.lease_is_held(s.lease_incarnation, s.lease_pid, s.lease_started_at, s.lease_deadline)
    ORDER BY chosen.priority DESC, chosen.due_since LIMIT )" + limit + R"( FOR UPDATE OF s SKIP LOCKED FOR KEY SHARE OF m SKIP LOCKED
), settled AS (
    UPDATE upstream.runs r SET status = 'interrupted', ended_at = clock_timestamp(), message = 'its process ended'
    FROM free f WHERE r.run_id = f.run_id AND r.status = 'running'
), begun AS (
    INSERT INTO upstream.runs (model_id, sync_mode, started_by, resumed, pid, cursor_before, cursor_after)
    SELECT f.model_id, CASE WHEN f.incremental THEN 'incremental' ELSE 'full_refresh' END, $6, f.reading, $3, f.cursor, f.cursor
    FROM free f
    RETURNING run_id, model_id
)
UPDATE upstream.model_state s
SET lease_incarnation = $2, lease_pid = $3, lease_started_at = $4, lease_deadline = now() + make_interval(secs => $5),
    fence = s.fence + 1, run_id = b.run_id, last_attempt_at = now()
FROM begun b WHERE s.model_id = b.model_id
RETURNING s.model_id)";
}

std::string models_sql(const char* which) { return std::string{"SELECT "} + kModelColumns + " FROM upstream.model_state s " + kModelJoins + which; }

// What was claimed is read by a statement of its own: its models cannot be altered any more, but may have been while the claim was waiting for something.
constexpr const char* kTheseModels = " WHERE s.model_id = ANY ($1)";

// $1 is what the caller has room for, $7 how many workers there are, $8 how many models they run, $9 how many of these the caller runs. Who comes first
// leaves the others their share, and who has more than the others all of it, but not for long: one of them may be busy or stopped.
constexpr const char* kDueModels =
    "SELECT d.model_id, d.priority, d.due_since FROM upstream.models_needing_sync d ORDER BY d.priority DESC, d.due_since LIMIT $1::int8 * $7";
constexpr const char* kShare =
    "(SELECT least($1, greatest(ceil((count(*) + $8) / $7::float8) - $9, count(*) FILTER (WHERE due_since < now() - interval '3 seconds')))::int8 FROM chosen)";

constexpr const char* kGivenModels = "SELECT unnest($1::int4[]) AS model_id, 0 AS priority, now() AS due_since";

// A model that is due and was not claimed is looked at again in a second: its holder may die without a word, it was left to another worker, or somebody had its
// row locked. One that this process holds without running it (the books could not be written) when the lease runs out.
constexpr const char* kNextDue = R"(
SELECT least(
    (SELECT min(s.next_due_at) FROM upstream.model_state s WHERE s.next_due_at > now() AND s.next_due_at < 'infinity'),
    (SELECT now() + interval '1 second' WHERE EXISTS
        (SELECT FROM upstream.model_state s WHERE s.next_due_at <= now() AND s.blocked_reason IS NULL AND s.lease_pid IS DISTINCT FROM pg_backend_pid())),
    (SELECT min(greatest(s.lease_deadline, now() + interval '1 second')) FROM upstream.model_state s
     WHERE s.next_due_at <= now() AND s.lease_pid = pg_backend_pid()))
)";

constexpr const char* kModelsOf = "SELECT unnest(upstream.find_models($1, $2))";

constexpr const char* kModelsOfSource = R"(
SELECT m.model_id
FROM upstream.models m JOIN upstream.accounts a USING (account_id) JOIN upstream.sources so USING (source_id)
WHERE so.name = $1 OR $1 IS NULL
ORDER BY m.model_id
)";

constexpr const char* kExisting = "SELECT model_id FROM upstream.model_state WHERE model_id = ANY ($1)";

// What was attempted in the future was so by a clock that has been set back since; its next time would be as far off as the clock was, and what was requested
// in the future would be so again after every run.
constexpr const char* kForgetFuture = R"(
WITH probed AS (UPDATE upstream.hosts SET probe_at = now() WHERE since > now() + interval '1 second' AND probe_at > now())
UPDATE upstream.model_state s
SET requested_at = least(s.requested_at, now()), next_due_at = CASE WHEN s.next_due_at < 'infinity' THEN least(s.next_due_at, now()) ELSE s.next_due_at END
WHERE (s.last_attempt_at > now() + interval '1 second' AND s.next_due_at > now() AND s.next_due_at < 'infinity') OR s.requested_at > now() + interval '1 second'
)";

constexpr const char* kRequestFullRefresh = R"(
UPDATE upstream.model_state s
SET full_refresh = true, read = NULL, fence = s.fence + 1
WHERE s.model_id = ANY ($1)
)";

constexpr const char* kOneModel = " WHERE s.model_id = ANY (upstream.find_models($1, $2))";

constexpr const char* kModelsOfAccount = R"(
 WHERE m.account_id = upstream.find_account($1) ORDER BY m.credential <> '', m.model_id
)";

// Data is as old as the beginning of the run that read it. A run that went on where another broke off also committed what that one had read, so it tells
// nothing; nor does a request say that a run is still to come once a run has succeeded after it, unless that began before it and the model
// is due again. The last runs are enough: who finds nothing requests one.
// One that began in the future did so by a clock that has been set back since.
constexpr const char* kFreshness = R"(
SELECT EXISTS (SELECT FROM (SELECT r.status, r.resumed, r.started_at FROM upstream.runs r WHERE r.model_id = $1 ORDER BY r.run_id DESC LIMIT 50) r
               WHERE r.status IN ('succeeded', 'recorded') AND NOT r.resumed AND r.started_at BETWEEN $2 AND now()),
       coalesce(s.requested_at > s.last_success_at, s.requested_at IS NOT NULL) OR s.due_reason = 'requested' AND s.next_due_at <= now(),
       CASE WHEN m.paused THEN 'paused' ELSE coalesce(s.blocked_reason, '') END, coalesce(s.error_message, '')
FROM upstream.model_state s JOIN upstream.models m USING (model_id) WHERE s.model_id = $1
)";

constexpr const char* kRequestSync = "SELECT upstream.request_sync($1, $2)";

std::vector<std::int32_t> ids(const pg::Rows& rows) {
    std::vector<std::int32_t> found;
    for (const pg::Row row : rows) found.push_back(row.get<std::int32_t>(0));
    return found;
}

}  // namespace

ModelCatalog::ModelCatalog(Holder holder)
    : holder_(holder), claim_due_(claim_sql(kDueModels, "s.next_due_at <= now() AND s.blocked_reason IS NULL", kShare)),
      claim_(claim_sql(kGivenModels, "true", "ALL")), next_due_(kNextDue), models_of_(kModelsOf), models_of_source_(kModelsOfSource),
      existing_(kExisting), forget_future_(kForgetFuture), request_full_refresh_(kRequestFullRefresh),
      these_models_(models_sql(kTheseModels)), model_(models_sql(kOneModel)), models_with_state_(models_sql(kModelsOfAccount)),
      freshness_(kFreshness), request_sync_(kRequestSync) {}

std::vector<Model> ModelCatalog::load(pg::Rows rows) {
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
                                  .read = row.get<std::optional<std::string>>(16),
                                  .kept = row.get<std::string>(17)};
        model.fence = row.get<std::int64_t>(18);
        model.run_id = row.get<std::optional<std::int64_t>>(19).value_or(0);
        model.credential = row.get<std::string>(20);
        model.lease_until = row.get<std::optional<Time>>(21);
        model.secrets_revision = row.get<std::int32_t>(22);
        models.push_back(std::move(model));
    }
    return models;
}

std::vector<Model> ModelCatalog::these(const pg::Rows& claimed) {
    if (claimed.empty()) return {};
    return load(these_models_.run(ids(claimed)));
}

std::vector<Model> ModelCatalog::claim_due(std::int32_t room, const Crew& crew) {
    return these(claim_due_.run(room, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds, holder_.kind, crew.workers, crew.running, crew.own));
}

std::vector<Model> ModelCatalog::claim(const std::vector<std::int32_t>& models) {
    return these(claim_.run(models, holder_.incarnation, holder_.pid, holder_.started_at, holder_.lease_seconds, holder_.kind));
}

std::optional<Time> ModelCatalog::next_due() { return next_due_.run()[0].get<std::optional<Time>>(0); }

std::vector<std::int32_t> ModelCatalog::models_of(const std::optional<std::string>& account, const std::optional<std::string>& stream) {
    return ids(models_of_.run(account, stream));
}

std::vector<std::int32_t> ModelCatalog::models_of_source(const std::optional<std::string>& source) { return ids(models_of_source_.run(source)); }

std::vector<std::int32_t> ModelCatalog::existing(const std::vector<std::int32_t>& models) { return ids(existing_.run(models)); }

std::uint64_t ModelCatalog::forget_future() { return forget_future_.run().affected(); }

void ModelCatalog::request_full_refresh(const std::vector<std::int32_t>& models) { request_full_refresh_.run(models); }

Model ModelCatalog::model(const std::string& account, const std::string& stream) { return std::move(load(model_.run(account, stream)).at(0)); }

std::vector<Model> ModelCatalog::models_with_state(const std::string& account) { return load(models_with_state_.run(account)); }

Freshness ModelCatalog::freshness(std::int32_t model, Time wanted) {
    const pg::Rows rows = freshness_.run(model, wanted);
    const pg::Row row = rows[0];
    return {.fresh = row.get<bool>(0), .requested = row.get<bool>(1), .obstacle = row.get<std::string>(2), .last_error = row.get<std::string>(3)};
}

void ModelCatalog::request_sync(const std::string& account, const std::string& stream) { request_sync_.run(account, stream); }

}  // namespace upstream::worker
