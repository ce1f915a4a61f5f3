#include "worker/catalog_staging.hpp"

#include "pg/lookup.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kStage = R"(
INSERT INTO upstream.staged_pages (model_id, slice, page, rows)
SELECT $1, $2, 1 + coalesce((SELECT max(s.page) FROM upstream.staged_pages s WHERE s.model_id = $1 AND s.slice = $2), 0), $3
)";

constexpr const char* kNextStaged = R"(
SELECT s.slice, s.page, s.rows FROM upstream.staged_pages s
WHERE s.model_id = $1 AND (s.slice, s.page) > ($2, $3)
ORDER BY s.slice, s.page LIMIT 1
)";

constexpr const char* kUnstage = "DELETE FROM upstream.staged_pages WHERE model_id = $1 AND slice >= $2";

constexpr const char* kSee = R"(
INSERT INTO upstream.seen_keys AS s (model_id, key, generation)
SELECT DISTINCT $1, k.key::uuid, $3 FROM unnest($2) AS k(key)
ON CONFLICT (model_id, key) DO UPDATE SET generation = excluded.generation WHERE s.generation <> excluded.generation
)";

constexpr const char* kUnseen = R"(
SELECT k.ordinal FROM unnest($2) WITH ORDINALITY AS k(key, ordinal)
WHERE (SELECT s.generation FROM upstream.seen_keys s WHERE s.model_id = $1 AND s.key = k.key::uuid) IS DISTINCT FROM $3
)";

constexpr const char* kUnknown = "00000000-0000-0000-0000-000000000000";  // no key's digest

constexpr const char* kForgetSeen = "DELETE FROM upstream.seen_keys WHERE model_id = $1";

constexpr const char* kForgetRead = "SELECT upstream.forget_read($1)";

}  // namespace

StagingCatalog::StagingCatalog()
    : stage_(kStage), next_staged_(kNextStaged), unstage_(kUnstage), see_(kSee), unseen_(kUnseen), forget_seen_(kForgetSeen), forget_read_(kForgetRead) {}

void StagingCatalog::stage(std::int32_t model, std::int64_t slice, std::string rows) {
    const pg::LookupScope by_key;
    stage_.run(model, slice, pg::Bytes{std::move(rows)});
}

std::optional<std::string> StagingCatalog::next_staged(std::int32_t model, StagedPlace& place) {
    const pg::LookupScope by_key;
    const pg::Rows rows = next_staged_.run(model, place.slice, place.page);
    if (rows.empty()) return std::nullopt;
    place = {.slice = rows[0].get<std::int64_t>(0), .page = rows[0].get<std::int64_t>(1)};
    return std::move(rows[0].get<pg::Bytes>(2).bytes);
}

void StagingCatalog::unstage(std::int32_t model, std::int64_t from_slice) { unstage_.run(model, from_slice); }

void StagingCatalog::see(std::int32_t model, const Texts& keys, Time generation) {
    if (!keys.empty()) see_.run(model, keys, generation);
}

std::vector<std::size_t> StagingCatalog::unseen(std::int32_t model, const Texts& keys, Time generation) {
    std::vector<std::size_t> places;
    const pg::LookupScope by_key;
    const pg::Rows rows = unseen_.run(model, keys, generation);
    for (const pg::Row row : rows) places.push_back(static_cast<std::size_t>(row.get<std::int64_t>(0) - 1));
    return places;
}

void StagingCatalog::see_unknown(std::int32_t model, Time generation) { see(model, {kUnknown}, generation); }

bool StagingCatalog::has_seen_unknown(std::int32_t model, Time generation) { return unseen(model, {kUnknown}, generation).empty(); }

void StagingCatalog::forget_seen(std::int32_t model) { forget_seen_.run(model); }

void StagingCatalog::forget_read(const std::vector<std::int32_t>& models) { forget_read_.run(models); }

}  // namespace upstream::worker
