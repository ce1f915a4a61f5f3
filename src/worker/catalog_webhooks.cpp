#include "worker/catalog_webhooks.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kReceiversOf = R"(
SELECT a.account_id, a.name, (a.config || coalesce(t.remembered, '{}'))::text,
       (SELECT coalesce(jsonb_object_agg(x.name, x.value), '{}')::text FROM upstream.secrets x WHERE x.account_id = a.account_id)
FROM upstream.accounts a LEFT JOIN upstream.tokens t ON t.account_id = a.account_id AND t.credential = ''
WHERE a.source_id = $1
ORDER BY a.account_id
)";

// Of two calls with one key at the same time the second waits for the first one's transaction to end.
constexpr const char* kNote = R"(
INSERT INTO upstream.webhook_events AS e (account_id, key) VALUES ($1, $2)
ON CONFLICT (account_id, key) DO UPDATE SET received_at = now() WHERE e.received_at < now() - make_interval(secs => $3)
RETURNING true
)";

// Takes what is older out of a table that grows with the calls of `whose`: a few with each call, so that none has many to take out.
std::string prune_sql(const std::string& table, const std::string& whose) {
    return "DELETE FROM upstream." + table + " WHERE ctid = ANY (ARRAY(SELECT e.ctid FROM upstream." + table + " e WHERE e." + whose +
           " = $1 AND e.received_at < now() - make_interval(secs => $2) ORDER BY e.received_at LIMIT 100 FOR UPDATE SKIP LOCKED))";
}

constexpr const char* kMarkDue = R"(
SELECT upstream.request_sync(so.name || '/' || a.name, m.stream)
FROM upstream.models m JOIN upstream.accounts a USING (account_id) JOIN upstream.sources so USING (source_id)
WHERE m.account_id = $1 AND m.stream = $2
)";

constexpr const char* kModelFor = R"(
SELECT m.model_id, m.target::oid::bigint,
       s.read IS NOT NULL OR upstream.lease_is_held(s.lease_incarnation, s.lease_pid, s.lease_started_at, s.lease_deadline)
FROM upstream.models m JOIN upstream.model_state s USING (model_id) WHERE m.account_id = $1 AND m.stream = $2
)";

constexpr const char* kIsLatest = R"(
INSERT INTO upstream.webhook_latest AS l (model_id, key, occurred_at) VALUES ($1, $2, $3)
ON CONFLICT (model_id, key) DO UPDATE SET occurred_at = excluded.occurred_at, received_at = now() WHERE l.occurred_at <= excluded.occurred_at
RETURNING true
)";

}  // namespace

WebhookCatalog::WebhookCatalog()
    : receivers_of_(kReceiversOf), note_(kNote), prune_(prune_sql("webhook_events", "account_id")), mark_due_(kMarkDue), model_for_(kModelFor), is_latest_(kIsLatest),
      prune_latest_(prune_sql("webhook_latest", "model_id")) {}

std::vector<Model> WebhookCatalog::receivers_of(const StoredSource& source) {
    std::vector<Model> found;
    const pg::Rows rows = receivers_of_.run(source.id);
    for (const pg::Row row : rows) {
        Model model;
        model.account_id = row.get<std::int32_t>(0);
        model.source_id = source.id;
        model.source = source.name;
        model.account = row.get<std::string>(1);
        model.config = row.get<std::string>(2);
        model.secrets = row.get<std::string>(3);
        found.push_back(std::move(model));
    }
    return found;
}

bool WebhookCatalog::note(std::int32_t account, const std::string& key, double keep_seconds) { return !note_.run(account, key, keep_seconds).empty(); }

void WebhookCatalog::prune(std::int32_t account, double keep_seconds) { prune_.run(account, keep_seconds); }

std::optional<WebhookModel> WebhookCatalog::model_for(const Model& account, const std::string& stream) {
    const pg::Rows rows = model_for_.run(account.account_id, stream);
    if (rows.empty()) return std::nullopt;
    const pg::Row row = rows[0];
    WebhookModel found{.model = account, .is_read = row.get<bool>(2)};
    found.model.id = row.get<std::int32_t>(0);
    found.model.target = static_cast<Oid>(row.get<std::int64_t>(1));
    found.model.stream = stream;
    return found;
}

bool WebhookCatalog::is_latest(std::int32_t model, const std::string& key, Time at) { return !is_latest_.run(model, key, at).empty(); }

void WebhookCatalog::prune_latest(std::int32_t model, double keep_seconds) { prune_latest_.run(model, keep_seconds); }

void WebhookCatalog::mark_due(std::int32_t account, const std::string& stream) { mark_due_.run(account, stream); }

}  // namespace upstream::worker
