#include "worker/catalog_limits.hpp"

#include "pg/process.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

// Rows are made of what is still there: a source can be dropped while a request of it is in flight, which must not make the exchange fail for all others.
#define OF_SOURCE " FROM upstream.sources so WHERE so.source_id = $1 FOR KEY SHARE"

constexpr const char* kMakeBudget = R"(
INSERT INTO upstream.budgets AS b (source_id, ordinal, scope, holder, host, max_units, per, algorithm)
SELECT so.source_id, $2, $3, $4, $5, nullif($6, 0), nullif(make_interval(secs => $7), '0'), nullif($8, '')
)" OF_SOURCE R"(
ON CONFLICT (source_id, ordinal, holder, host) DO UPDATE
SET scope = excluded.scope, max_units = excluded.max_units, per = excluded.per, algorithm = excluded.algorithm
WHERE b.scope <> excluded.scope OR b.max_units IS DISTINCT FROM excluded.max_units OR b.per IS DISTINCT FROM excluded.per
    OR b.algorithm IS DISTINCT FROM excluded.algorithm
)";

#define BUDGET_COLUMNS "boot, spent::text, told_limit, told_remaining, told_percent, held_uptime, held_until, coalesce(held_reason, ''), spacing_us"

#define FIND_BUDGET "SELECT " BUDGET_COLUMNS " FROM upstream.budgets WHERE source_id = $1 AND ordinal = $2 AND holder = $3 AND host = $4"
constexpr const char* kFindBudget = FIND_BUDGET;
constexpr const char* kLockBudget = FIND_BUDGET " FOR UPDATE";

constexpr const char* kSaveBudget = R"(
UPDATE upstream.budgets
SET boot = $5, spent = $6, told_limit = $7, told_remaining = $8, told_percent = $9, held_uptime = $10, held_until = $11, held_reason = nullif($12, ''),
    spacing_us = $13, drawn = drawn + $14, changed_at = now()
WHERE source_id = $1 AND ordinal = $2 AND holder = $3 AND host = $4
)";

constexpr const char* kToldBudgets = "SELECT " BUDGET_COLUMNS ", source_id, scope, holder, host FROM upstream.budgets WHERE ordinal = 0 AND source_id = ANY ($1)";

#undef FIND_BUDGET
#undef BUDGET_COLUMNS

constexpr const char* kMakeHost = "INSERT INTO upstream.hosts (source_id, host, scope) SELECT so.source_id, $2, $3" OF_SOURCE " ON CONFLICT DO NOTHING";

constexpr const char* kLockHost =
    "SELECT state, failures_in_row, openings, since, probe_at FROM upstream.hosts WHERE source_id = $1 AND host = $2 AND scope = $3 FOR UPDATE";

constexpr const char* kSaveHost = R"(
UPDATE upstream.hosts SET state = $4, failures_in_row = $5, openings = $6, since = $7, probe_at = $8 WHERE source_id = $1 AND host = $2 AND scope = $3
)";

constexpr const char* kAddTraffic = R"(
INSERT INTO upstream.hosts AS h (source_id, host, scope, requests, failures, bytes, request_time, last_error)
SELECT so.source_id, $2, $3, $4, $5, $6, $7, nullif($8, ''))" OF_SOURCE R"(
ON CONFLICT (source_id, host, scope) DO UPDATE
SET requests = h.requests + $4, failures = h.failures + $5, bytes = h.bytes + $6, request_time = h.request_time + $7, last_error = coalesce(nullif($8, ''), h.last_error)
)";

#undef OF_SOURCE

constexpr const char* kCircuits =
    "SELECT state, failures_in_row, openings, since, probe_at, source_id, host, scope FROM upstream.hosts WHERE source_id = ANY ($1) AND (state <> 'closed' OR failures_in_row > 0)";

// Times of another boot mean nothing on this one's clock: what was spent counts from now, and a hold ends by the wall clock.
StoredBudget read_budget(const pg::Row& row, core::Uptime now) {
    StoredBudget budget{.ledger = core::ledger_from_json(row.get<std::string>(1)),
                        .told_limit = row.get<std::optional<double>>(2),
                        .told_remaining = row.get<std::optional<double>>(3),
                        .told_percent = row.get<std::optional<double>>(4),
                        .held_until_time = row.get<std::optional<Time>>(6),
                        .held_reason = row.get<std::string>(7),
                        .spacing = core::Duration{row.get<std::int64_t>(8)}};
    const bool this_boot = row.get<std::string>(0) == boot_id();
    if (!this_boot) budget.ledger.restart({.limit = 0, .per = core::Duration{1}}, now);
    if (const auto held = row.get<std::optional<std::int64_t>>(5); held && this_boot) budget.held_until = core::Uptime{*held};
    if (!this_boot && budget.held_until_time) budget.held_until = now + (*budget.held_until_time - pg::now());
    return budget;
}

core::Circuit read_circuit(const pg::Row& row) {
    return core::Circuit{.state = core::circuit_state(row.get<std::string>(0)),
                         .failures = row.get<std::int32_t>(1),
                         .openings = row.get<std::int32_t>(2),
                         .since = row.get<Time>(3),
                         .probe_at = row.get<std::optional<Time>>(4).value_or(Time{})};
}

}  // namespace

LimitCatalog::LimitCatalog(Holder)
    : make_budget_(kMakeBudget), lock_budget_(kLockBudget), find_budget_(kFindBudget), save_budget_(kSaveBudget), told_budgets_(kToldBudgets),
      make_host_(kMakeHost), lock_host_(kLockHost), save_host_(kSaveHost), add_traffic_(kAddTraffic), circuits_(kCircuits) {}

StoredBudget LimitCatalog::lock_budget(const BudgetKey& key, const BudgetTerms& terms, core::Uptime now) {
    make_budget_.run(key.source, key.ordinal, key.scope, key.holder, key.host, terms.limit, terms.per, terms.algorithm);
    const pg::Rows rows = lock_budget_.run(key.source, key.ordinal, key.holder, key.host);
    return rows.empty() ? StoredBudget{} : read_budget(rows[0], now);
}

std::optional<StoredBudget> LimitCatalog::find_budget(const BudgetKey& key, core::Uptime now) {
    const pg::Rows rows = find_budget_.run(key.source, key.ordinal, key.holder, key.host);
    if (rows.empty()) return std::nullopt;
    return read_budget(rows[0], now);
}

void LimitCatalog::save_budget(const BudgetKey& key, const StoredBudget& budget, double drawn) {
    const std::string spent = core::to_json(budget.ledger);
    std::optional<std::int64_t> held;
    if (budget.held_until) held = budget.held_until->count();
    save_budget_.run(key.source, key.ordinal, key.holder, key.host, boot_id(), pg::Json{spent}, budget.told_limit, budget.told_remaining, budget.told_percent,
                     held, budget.held_until_time, budget.held_reason, budget.spacing.count(), drawn);
}

std::vector<LimitCatalog::ToldBudget> LimitCatalog::told_budgets(const std::vector<std::int32_t>& sources, core::Uptime now) {
    std::vector<ToldBudget> found;
    const pg::Rows rows = told_budgets_.run(sources);
    for (const pg::Row row : rows)
        found.push_back({.key = {.source = row.get<std::int32_t>(9),
                                 .scope = row.get<std::string>(10),
                                 .holder = row.get<std::string>(11),
                                 .host = row.get<std::string>(12)},
                         .budget = read_budget(row, now)});
    return found;
}

core::Circuit LimitCatalog::lock_circuit(const HostKey& key) {
    make_host_.run(key.source, key.host, key.scope);
    const pg::Rows rows = lock_host_.run(key.source, key.host, key.scope);
    return rows.empty() ? core::Circuit{} : read_circuit(rows[0]);
}

void LimitCatalog::save_circuit(const HostKey& key, const core::Circuit& circuit) {
    std::optional<Time> probe_at;
    if (!circuit.lets_through()) probe_at = circuit.probe_at;
    save_host_.run(key.source, key.host, key.scope, core::name(circuit.state), circuit.failures, circuit.openings, circuit.since, probe_at);
}

void LimitCatalog::add_traffic(const HostKey& key, const HostTraffic& traffic) {
    add_traffic_.run(key.source, key.host, key.scope, traffic.requests, traffic.failures, traffic.bytes, traffic.milliseconds, traffic.last_error);
}

std::vector<LimitCatalog::KnownCircuit> LimitCatalog::circuits(const std::vector<std::int32_t>& sources) {
    std::vector<KnownCircuit> found;
    const pg::Rows rows = circuits_.run(sources);
    for (const pg::Row row : rows)
        found.push_back({.key = {.source = row.get<std::int32_t>(5), .host = row.get<std::string>(6), .scope = row.get<std::string>(7)},
                         .circuit = read_circuit(row)});
    return found;
}

}  // namespace upstream::worker
