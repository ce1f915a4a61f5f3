#include "worker/target_plan.hpp"

#include "pg/error.hpp"

namespace upstream::worker {

std::shared_ptr<TargetPlan> TargetPlans::open(const core::Source& source, std::int32_t revision, const core::Stream& stream, Oid target) {
    if (!pg::lock_for_write(target))
        throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "the target of stream \"" + stream.name + "\" does not exist any more", "",
                        "Create it again and call upstream.alter_source(), or drop the account.");
    std::shared_ptr<TargetPlan>& plan = plans_[Key{source.name, revision, stream.name, target}];
    const std::uint64_t changes = pg::relation_changes();
    if (plan && plan->seen_changes == changes) return plan;
    pg::Table table = pg::describe(target);
    if (!plan || plan->table != table) {
        plan = std::make_shared<TargetPlan>();
        plan->table = std::move(table);
    }
    plan->bulk.reset();  // a trigger or a policy is no part of the description
    plan->seen_changes = changes;
    return plan;
}

}  // namespace upstream::worker
