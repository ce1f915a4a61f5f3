#include "worker/catalog_configuration.hpp"

namespace upstream::worker {
namespace {

#define SOURCES "SELECT source_id, revision, name, spec::text, target_schema FROM upstream.sources WHERE "
constexpr const char* kSource = SOURCES "source_id = $1";
constexpr const char* kFindSource = SOURCES "name = $1";
// Of those who make accounts of a source, and those who alter or drop it, one waits for the other.
constexpr const char* kShareSource = SOURCES "name = $1 FOR SHARE";
constexpr const char* kLockSource = SOURCES "name = $1 FOR NO KEY UPDATE";
constexpr const char* kSourcesAt = SOURCES "spec #>> '{webhook,path}' = $1 ORDER BY source_id";
#undef SOURCES

constexpr const char* kSourceOf = R"(
SELECT so.source_id, so.revision, so.name, so.spec::text, so.target_schema
FROM upstream.sources so JOIN upstream.accounts a USING (source_id) WHERE a.account_id = $1
)";

constexpr const char* kFindTable = "SELECT to_regclass($1)::oid::bigint";
constexpr const char* kMayActAs = "SELECT pg_has_role($1::oid, 'USAGE')";
constexpr const char* kFindAccount = "SELECT upstream.find_account($1)";
constexpr const char* kInsertSource = "INSERT INTO upstream.sources (name, spec, target_schema) VALUES ($1, $2, $3) RETURNING source_id";
constexpr const char* kUpdateSource = "UPDATE upstream.sources SET spec = $2, revision = revision + 1, updated_at = now() WHERE source_id = $1";

constexpr const char* kInsertAccount =
    "INSERT INTO upstream.accounts (source_id, name, config, streams) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING account_id";

constexpr const char* kInsertModel = R"(
WITH made AS (
    INSERT INTO upstream.models (account_id, stream, target, every, jitter, priority, incremental, credential)
    VALUES ($1, $2, $3::oid, make_interval(secs => $4), make_interval(secs => $5), $6, $7, $8)
    RETURNING model_id
)
INSERT INTO upstream.model_state (model_id) SELECT model_id FROM made
)";

// A changed spec fences off runs that follow the old one. Here as elsewhere the lease stays: its holder has a request in flight, finds out at its next
// commit, and gives the lease back then; so there are never two requests of one model at a time.
constexpr const char* kUpdateModel = R"(
WITH changed AS (
    UPDATE upstream.models m
    SET target = $2::oid, every = make_interval(secs => $3), jitter = make_interval(secs => $4), priority = $5, incremental = $6, credential = $8
    WHERE m.model_id = $1
    RETURNING m.model_id, m.paused
)
UPDATE upstream.model_state s
SET fence = s.fence + 1, read = NULL, kept = '{}',
    cursor = CASE WHEN $7 THEN NULL ELSE s.cursor END, phase = CASE WHEN $7 THEN 'initial' ELSE s.phase END, failures = 0,
    due_reason = 'altered',
    next_due_at = CASE WHEN c.paused OR s.blocked_reason IS NOT NULL THEN 'infinity' ELSE now() END
FROM changed c WHERE s.model_id = c.model_id
)";

// After the state is locked, so that it sees what a page has committed that was waited for.
constexpr const char* kForgetPartitions = "DELETE FROM upstream.partition_state WHERE model_id = $1";

constexpr const char* kDeleteModel = "DELETE FROM upstream.models WHERE model_id = $1";

constexpr const char* kAccountsOf = R"(
SELECT a.account_id, a.streams IS NULL, m.model_id, m.stream, m.target::oid::bigint
FROM upstream.accounts a LEFT JOIN upstream.models m USING (account_id)
WHERE a.source_id = $1
ORDER BY a.account_id, m.model_id
)";

StoredSource read_source_row(const pg::Row& row) {
    return StoredSource{.id = row.get<std::int32_t>(0),
                        .revision = row.get<std::int32_t>(1),
                        .name = row.get<std::string>(2),
                        .spec = row.get<std::string>(3),
                        .target_schema = row.get<std::string>(4)};
}

}  // namespace

ConfigurationCatalog::ConfigurationCatalog()
    : source_(kSource), find_source_(kFindSource), share_source_(kShareSource), lock_source_(kLockSource), sources_at_(kSourcesAt),
      source_of_(kSourceOf), find_account_(kFindAccount), find_table_(kFindTable), may_act_as_(kMayActAs), insert_source_(kInsertSource),
      update_source_(kUpdateSource), insert_account_(kInsertAccount), insert_model_(kInsertModel), update_model_(kUpdateModel),
      forget_partitions_(kForgetPartitions), delete_model_(kDeleteModel), accounts_of_(kAccountsOf) {}

StoredSource ConfigurationCatalog::source(std::int32_t id) { return read_source_row(source_.run(id)[0]); }

std::optional<StoredSource> ConfigurationCatalog::find_source(const std::string& name, For what) {
    const pg::Rows rows = (what == For::making_accounts ? share_source_ : what == For::altering ? lock_source_ : find_source_).run(name);
    if (rows.empty()) return std::nullopt;
    return read_source_row(rows[0]);
}

std::vector<StoredSource> ConfigurationCatalog::sources_at(const std::string& path) {
    std::vector<StoredSource> found;
    const pg::Rows rows = sources_at_.run(path);
    for (const pg::Row row : rows) found.push_back(read_source_row(row));
    return found;
}

StoredSource ConfigurationCatalog::source_of(std::int32_t account) { return read_source_row(source_of_.run(account)[0]); }

Oid ConfigurationCatalog::find_table(const std::string& qualified) {
    return static_cast<Oid>(find_table_.run(qualified)[0].get<std::optional<std::int64_t>>(0).value_or(InvalidOid));
}

bool ConfigurationCatalog::may_act_as(Oid role) { return may_act_as_.run(role)[0].get<bool>(0); }

std::int32_t ConfigurationCatalog::find_account(const std::string& account) { return find_account_.run(account)[0].get<std::int32_t>(0); }

std::int32_t ConfigurationCatalog::insert_source(const std::string& name, const std::string& spec, const std::string& schema) {
    return insert_source_.run(name, pg::Json{spec}, schema)[0].get<std::int32_t>(0);
}

void ConfigurationCatalog::update_source(std::int32_t id, const std::string& spec) { update_source_.run(id, pg::Json{spec}); }

std::optional<std::int32_t> ConfigurationCatalog::insert_account(std::int32_t source, const std::string& name, const std::string& config,
                                     const std::optional<std::vector<std::string>>& streams) {
    const pg::Rows rows = insert_account_.run(source, name, pg::Json{config}, streams);
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::int32_t>(0);
}

void ConfigurationCatalog::insert_model(const ModelRow& row) {
    insert_model_.run(row.account_id, row.stream, row.target, row.every, row.jitter, row.priority, row.incremental, row.credential);
}

void ConfigurationCatalog::update_model(std::int32_t model, const ModelRow& row, bool read_again) {
    update_model_.run(model, row.target, row.every, row.jitter, row.priority, row.incremental, read_again, row.credential);
    if (read_again) forget_partitions_.run(model);
}

void ConfigurationCatalog::delete_model(std::int32_t model) { delete_model_.run(model); }

std::vector<ConfigurationCatalog::AccountRow> ConfigurationCatalog::accounts_of(std::int32_t source) {
    std::vector<AccountRow> accounts;
    const pg::Rows rows = accounts_of_.run(source);
    for (const pg::Row row : rows) {
        const auto id = row.get<std::int32_t>(0);
        if (accounts.empty() || accounts.back().id != id) accounts.push_back({.id = id, .all_streams = row.get<bool>(1), .models = {}});
        if (const auto model = row.get<std::optional<std::int32_t>>(2)) accounts.back().models.push_back({.id = *model, .stream = row.get<std::string>(3), .target = static_cast<Oid>(row.get<std::int64_t>(4))});
    }
    return accounts;
}

}  // namespace upstream::worker
