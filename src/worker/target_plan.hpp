// What is known of a target, shared by all models that write to it: its description and the prepared statements.
//
// A description lasts until Postgres says that some relation changed; then it is made anew and compared.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/source.hpp"
#include "pg/relation.hpp"
#include "worker/apply.hpp"
#include "worker/bulk.hpp"

namespace upstream::worker {

struct TargetPlan {
    Targets targets{};
    std::uint64_t seen_changes = 0;     // pg::relation_changes() when it was described
    std::unique_ptr<Applier> applier{};
    std::unique_ptr<BulkWriter> bulk{};    // made with the first page; anew when anything about the table changed
};

class TargetPlans {
  public:
    // The plan for a stream's target, described now if it must be. Inside a transaction; locks the target in ROW EXCLUSIVE mode. Raises 42P01 if the target is gone,
    // 42P16 if it does not fit the stream.
    // `inner`: the targets of its inner lists. A plan that no longer fits is replaced by another object, so that holders of the former one notice.
    std::shared_ptr<TargetPlan> open(const core::Source& source, std::int32_t revision, const core::Stream& stream, Oid target,
                                     const std::vector<Oid>& inner);

    void forget() { plans_.clear(); }

  private:
    using Key = std::tuple<std::string, std::int32_t, std::string, Oid, std::vector<Oid>>;
    std::map<Key, std::shared_ptr<TargetPlan>> plans_;
};

}  // namespace upstream::worker
