#include "worker/catalog_pages.hpp"

namespace upstream::worker {
namespace {

// Rows with a key are known by it; of those without one each is new. A model keeps its last thousand.
constexpr const char* kRejectRows = R"(
WITH given AS (
    SELECT DISTINCT ON (coalesce(nullif(g.key, ''), 'record ' || g.record), g.list, g.column_name) g.*
    FROM unnest($3, $4, $5, $6, $7, $8, $9, $10) AS g(record, list, key, sqlstate, column_name, path, value, message)
    ORDER BY coalesce(nullif(g.key, ''), 'record ' || g.record), g.list, g.column_name
), noted AS (
    INSERT INTO upstream.rejects AS r (model_id, run_id, record, list, key, sqlstate, column_name, path, value, message)
    SELECT $1, $2, g.record, nullif(g.list, ''), nullif(g.key, ''), g.sqlstate, nullif(g.column_name, ''), nullif(g.path, ''), nullif(g.value, ''), g.message
    FROM given g ORDER BY g.record
    ON CONFLICT (model_id, key, coalesce(list, ''), coalesce(column_name, '')) WHERE key IS NOT NULL
    DO UPDATE SET run_id = excluded.run_id, record = excluded.record, sqlstate = excluded.sqlstate, path = excluded.path, value = excluded.value,
        message = excluded.message, rejected_at = now(), times = r.times + 1
)
DELETE FROM upstream.rejects r
WHERE r.model_id = $1 AND r.reject_id <= (SELECT o.reject_id FROM upstream.rejects o WHERE o.model_id = $1 ORDER BY o.reject_id DESC OFFSET 1000 LIMIT 1)
)";

constexpr const char* kPruneRejects = R"(
DELETE FROM upstream.rejects WHERE reject_id IN
    (SELECT r.reject_id FROM upstream.rejects r WHERE r.rejected_at < now() - make_interval(secs => $1) ORDER BY r.reject_id LIMIT 1000)
)";

constexpr const char* kInnerTargets = "SELECT t.target::oid::bigint FROM upstream.model_targets t WHERE t.model_id = $1 ORDER BY t.ordinal";

constexpr const char* kSetInnerTargets = R"(
WITH model AS (
    SELECT m.model_id FROM upstream.models m WHERE m.account_id = $1 AND m.stream = $2
), gone AS (
    DELETE FROM upstream.model_targets t USING model m WHERE t.model_id = m.model_id AND t.list <> ALL ($3)
)
INSERT INTO upstream.model_targets AS t (model_id, list, ordinal, target)
SELECT m.model_id, g.list, g.ordinal, g.target::oid FROM model m, unnest($3, $4) WITH ORDINALITY AS g(list, target, ordinal)
ON CONFLICT (model_id, list) DO UPDATE SET ordinal = excluded.ordinal, target = excluded.target
)";

constexpr const char* kCount = R"(
WITH counted AS (
    UPDATE upstream.model_state s
    SET rejected = s.rejected + $3, deleted = s.deleted + $4, stale = s.stale + $5,
        last_change_at = CASE WHEN $4 > 0 THEN now() ELSE s.last_change_at END
    WHERE s.model_id = $1
)
UPDATE upstream.runs r SET rejected = r.rejected + $3, deleted = r.deleted + $4, stale = r.stale + $5 WHERE r.run_id = $2
)";

constexpr const char* kDropMarks = "DELETE FROM upstream.occurrences WHERE model_id = $1 AND first_record >= $2";

constexpr const char* kAddMarks = "INSERT INTO upstream.occurrences (model_id, first_record, marks) VALUES ($1, $2, $3)";

constexpr const char* kMarks = R"(
SELECT o.first_record, m.mark
FROM upstream.occurrences o, unnest(o.marks) WITH ORDINALITY AS m(mark, ordinal)
WHERE o.model_id = $1 ORDER BY o.first_record, m.ordinal
)";

}  // namespace

PageCatalog::PageCatalog()
    : reject_rows_(kRejectRows), prune_rejects_(kPruneRejects), inner_targets_(kInnerTargets), set_inner_targets_(kSetInnerTargets), count_(kCount),
      drop_marks_(kDropMarks), add_marks_(kAddMarks), marks_(kMarks) {}

void PageCatalog::reject_rows(const Model& model, const std::vector<core::Reject>& rejects) {
    std::vector<std::int32_t> records;
    Texts lists, keys, states, columns, paths, values, messages;
    for (const core::Reject& reject : rejects) {
        records.push_back(static_cast<std::int32_t>(reject.record + 1));
        lists.push_back(reject.list);
        keys.push_back(reject.key);
        states.push_back(reject.sqlstate);
        columns.push_back(reject.column);
        paths.push_back(reject.path);
        values.push_back(reject.value);
        messages.push_back(reject.message);
    }
    reject_rows_.run(model.id, model.run_id, records, lists, keys, states, columns, paths, values, messages);
}

void PageCatalog::prune_rejects(double keep_seconds) { prune_rejects_.run(keep_seconds); }

std::vector<Oid> PageCatalog::inner_targets(std::int32_t model) {
    std::vector<Oid> targets;
    const pg::Rows rows = inner_targets_.run(model);
    for (const pg::Row row : rows) targets.push_back(static_cast<Oid>(row.get<std::int64_t>(0)));
    return targets;
}

void PageCatalog::set_inner_targets(std::int32_t account, const std::string& stream, const Texts& lists, const std::vector<Oid>& targets) {
    Texts oids;
    for (const Oid target : targets) oids.push_back(std::to_string(target));
    set_inner_targets_.run(account, stream, lists, oids);
}

void PageCatalog::count(const Model& model, const Written& written) {
    if (written.rejected == 0 && written.deleted == 0 && written.stale == 0) return;
    count_.run(model.id, model.run_id, written.rejected, written.deleted, written.stale);
}

void PageCatalog::keep_marks(const Model& model, const core::Marks& marks) {
    drop_marks_.run(model.id, marks.first);
    if (marks.of_records.empty()) return;
    std::vector<std::int64_t> numbers;
    for (const std::uint64_t mark : marks.of_records) numbers.push_back(static_cast<std::int64_t>(mark));
    add_marks_.run(model.id, marks.first, numbers);
}

std::vector<core::Marks> PageCatalog::kept_marks(std::int32_t model) {
    std::vector<core::Marks> kept;
    const pg::Rows rows = marks_.run(model);
    for (const pg::Row row : rows) {
        const auto first = row.get<std::int64_t>(0);
        if (kept.empty() || kept.back().first != first) kept.push_back({.first = first});
        kept.back().of_records.push_back(static_cast<std::uint64_t>(row.get<std::int64_t>(1)));
    }
    return kept;
}

}  // namespace upstream::worker
