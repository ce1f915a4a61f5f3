// Statements on what limits requests: rate budgets (upstream.budgets) and the hosts' circuit breakers and counters (upstream.hosts). Part of Catalog.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/breaker.hpp"
#include "core/budget.hpp"
#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// Which budget: the place in the spec's rate_limit.budgets, counted from 1, or 0 for what the upstream told about a host; and of whom.
struct BudgetKey {
    std::int32_t source = 0;
    std::int32_t ordinal = 0;
    std::string scope{};   // source, app or account
    std::string holder{};  // "" for source; a mark of the client id; the account
    std::string host{};    // of ordinal 0
    auto operator<=>(const BudgetKey&) const = default;
};

// What the spec says of it, for the view.
struct BudgetTerms {
    double limit = 0;  // 0: none is declared
    double per = 0;    // seconds
    std::string algorithm{};
};

struct StoredBudget {
    core::Ledger ledger{};
    std::optional<double> told_limit{}, told_remaining{}, told_percent{};
    std::optional<core::Uptime> held_until{};
    std::optional<Time> held_until_time{};  // the same moment, for people and for another boot
    std::string held_reason{};
    core::Duration spacing{0};
};

struct HostKey {
    std::int32_t source = 0;
    std::string host{};
    std::string scope{};  // "" for the source, "account:<id>", "stream:<name>"
    auto operator<=>(const HostKey&) const = default;
};

struct HostTraffic {
    std::int64_t requests = 0, failures = 0, bytes = 0;
    double milliseconds = 0;
    std::string last_error{};
};

class LimitCatalog {
  public:
    explicit LimitCatalog(Holder holder);

    // The row, locked till the end of the transaction; made if there is none. Lock several in the order of their keys. Its ledger stands on this boot's clock.
    StoredBudget lock_budget(const BudgetKey& key, const BudgetTerms& terms, core::Uptime now);
    std::optional<StoredBudget> find_budget(const BudgetKey& key, core::Uptime now);  // without a lock
    void save_budget(const BudgetKey& key, const StoredBudget& budget, double drawn);

    // What upstreams told about hosts of these sources, without locks.
    struct ToldBudget {
        BudgetKey key;
        StoredBudget budget;
    };
    std::vector<ToldBudget> told_budgets(const std::vector<std::int32_t>& sources, core::Uptime now);

    core::Circuit lock_circuit(const HostKey& key);
    void save_circuit(const HostKey& key, const core::Circuit& circuit);
    void add_traffic(const HostKey& key, const HostTraffic& traffic);
    struct KnownCircuit {
        HostKey key;
        core::Circuit circuit;
    };
    std::vector<KnownCircuit> circuits(const std::vector<std::int32_t>& sources);

  private:
    pg::Statement<std::int32_t, std::int32_t, std::string, std::string, std::string, double, double, std::string> make_budget_;
    pg::Statement<std::int32_t, std::int32_t, std::string, std::string> lock_budget_, find_budget_;
    pg::Statement<std::int32_t, std::int32_t, std::string, std::string, std::string, pg::Json, std::optional<double>, std::optional<double>, std::optional<double>,
                  std::optional<std::int64_t>, std::optional<Time>, std::string, std::int64_t, double>
        save_budget_;
    pg::Statement<std::vector<std::int32_t>> told_budgets_;
    pg::Statement<std::int32_t, std::string, std::string> make_host_;
    pg::Statement<std::int32_t, std::string, std::string> lock_host_;
    pg::Statement<std::int32_t, std::string, std::string, std::string, std::int32_t, std::int32_t, Time, std::optional<Time>> save_host_;
    pg::Statement<std::int32_t, std::string, std::string, std::int64_t, std::int64_t, std::int64_t, double, std::string> add_traffic_;
    pg::Statement<std::vector<std::int32_t>> circuits_;
};

}  // namespace upstream::worker
