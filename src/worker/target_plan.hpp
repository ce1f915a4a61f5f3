// What is known of a target, shared by all models that write to it: its description and the prepared statements.
//
// A description lasts until Postgres says that some relation changed; then it is made anew and compared.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/source.hpp"
#include "pg/relation.hpp"
#include "pg/transaction.hpp"
#include "worker/apply.hpp"
#include "worker/bulk.hpp"
#include "worker/deletions.hpp"

namespace upstream::worker {

// The tables that a model's pages write to.
struct TargetOids {
    Oid main = InvalidOid;
    std::vector<Oid> inner{};       // of its inner lists
    std::vector<ToldTable> told{};  // that its records tell deletions of

    auto operator<=>(const TargetOids&) const = default;
};

struct TargetPlan {
    Targets targets{};
    std::uint64_t seen_changes = 0;     // pg::relation_changes() when it was described
    std::unique_ptr<Applier> applier{};
    std::unique_ptr<BulkWriter> bulk{};    // made with the first page; anew when anything about the table changed
};

class TargetPlans {
  public:
    explicit TargetPlans(const pg::Session& session) : always_wait_(session.kind() == pg::Session::Kind::procedure) {}

    // The plan for a stream's tables, described now if it must be. Inside a transaction; locks them in ROW EXCLUSIVE mode. Raises 42P01 if one is gone,
    // 42P16 if it does not fit the stream, 55P03 if it is locked. A plan that no longer fits is replaced by another object, so that holders of the former one notice.
    std::shared_ptr<TargetPlan> open(const core::Source& source, std::int32_t revision, const core::Stream& stream, const TargetOids& tables);

    void forget() { plans_.clear(); }

  private:
    void lock(const std::string& stream, Oid table);

    using Key = std::tuple<std::string, std::int32_t, std::string, TargetOids>;
    std::map<Key, std::shared_ptr<TargetPlan>> plans_;
    std::set<Oid> busy_{};  // tables that were waited for in vain: they are only tried, for else each of their models would hold up all others for as long
    bool always_wait_;      // who calls a procedure waits for what it wants
};

}  // namespace upstream::worker
