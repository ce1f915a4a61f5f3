#include "worker/catalog_partitions.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kOpen = R"(
SELECT w.ordinal, s.partition IS NOT NULL, s.cursor, coalesce(s.validator::text, '{}')
FROM jsonb_array_elements($2) WITH ORDINALITY AS w (item, ordinal)
    LEFT JOIN upstream.partition_state s ON s.model_id = $1 AND s.partition = w.item->>'id'
WHERE s.partition IS NULL OR (s.done_at < $3 AND (NOT $4 OR s.seen IS DISTINCT FROM w.item->>'seen'))
ORDER BY w.ordinal
)";

constexpr const char* kFinish = R"(
INSERT INTO upstream.partition_state AS s (model_id, partition, seen, cursor, validator, done_at)
SELECT $1, w->>'id', CASE WHEN NOT $6 THEN w->>'seen' END, CASE WHEN NOT $6 THEN $3 END, $4, $5
FROM jsonb_array_elements($2) AS w
ON CONFLICT (model_id, partition) DO UPDATE
SET done_at = greatest(s.done_at, excluded.done_at),
    seen = CASE WHEN $6 THEN s.seen ELSE excluded.seen END,
    cursor = CASE WHEN $6 THEN s.cursor ELSE excluded.cursor END,
    validator = CASE WHEN $6 THEN s.validator ELSE excluded.validator END
)";

constexpr const char* kKeptStream = "SELECT m.model_id, m.target::oid::bigint FROM upstream.models m WHERE m.account_id = $1 AND m.stream = $2";

}  // namespace

PartitionCatalog::PartitionCatalog() : open_(kOpen), finish_(kFinish), kept_stream_(kKeptStream) {}

std::vector<OpenPartition> PartitionCatalog::open_partitions(std::int32_t model, const std::string& asked, Time since, bool only_changed) {
    std::vector<OpenPartition> open;
    const pg::Rows rows = open_.run(model, pg::Json{asked}, since, only_changed);
    for (const pg::Row row : rows)
        open.push_back({.index = static_cast<std::size_t>(row.get<std::int64_t>(0) - 1),
                        .known = row.get<bool>(1),
                        .cursor = row.get<std::optional<std::string>>(2),
                        .validator = row.get<std::string>(3)});
    return open;
}

void PartitionCatalog::finish_partitions(std::int32_t model, const std::string& done, const std::optional<std::string>& cursor,
                                         const std::string& validator, Time done_at, bool skipped) {
    finish_.run(model, pg::Json{done}, cursor, pg::Json{validator}, done_at, skipped);
}

std::optional<PartitionCatalog::KeptStream> PartitionCatalog::kept_stream(std::int32_t account, const std::string& stream) {
    const pg::Rows rows = kept_stream_.run(account, stream);
    if (rows.empty()) return std::nullopt;
    return KeptStream{.model = rows[0].get<std::int32_t>(0), .target = static_cast<Oid>(rows[0].get<std::int64_t>(1))};
}

std::optional<Oid> PartitionCatalog::target_of(std::int32_t account, const std::string& stream) {
    const auto kept = kept_stream(account, stream);
    return kept ? std::optional{kept->target} : std::nullopt;
}

}  // namespace upstream::worker
