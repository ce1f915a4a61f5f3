#include "worker/target_plan.hpp"

#include "pg/error.hpp"
#include "worker/target.hpp"

namespace upstream::worker {

void TargetPlans::lock(const std::string& stream, Oid table) {
    std::optional<bool> locked;
    try {
        locked = always_wait_ || !busy_.contains(table) ? pg::lock_for_write(table) : pg::try_lock_for_write(table);
    } catch (const pg::Error& error) {
        if (error.sqlerrcode() == ERRCODE_LOCK_NOT_AVAILABLE) busy_.insert(table);
        throw;
    }
    if (!locked)
        throw pg::Raise(ERRCODE_LOCK_NOT_AVAILABLE, "the target of stream \"" + stream + "\" is locked by another transaction",
                        "It was waited for as long as upstream.lock_timeout before; now it is only tried until it is free.");
    busy_.erase(table);
    if (!*locked)
        throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "the target of stream \"" + stream + "\" does not exist any more", "",
                        "Create it again and call upstream.alter_source(), or drop the account.");
}

std::shared_ptr<TargetPlan> TargetPlans::open(const core::Source& source, std::int32_t revision, const core::Stream& stream, const TargetOids& tables) {
    std::shared_ptr<TargetPlan>& plan = plans_[Key{source.name, revision, stream.name, tables}];
    lock(stream.name, tables.main);
    for (const Oid table : tables.inner) lock(stream.name, table);
    for (const auto& [told, table] : tables.told) lock(told, table);
    const std::uint64_t changes = pg::relation_changes();
    if (plan && plan->seen_changes == changes) return plan;
    Targets targets{.main = pg::describe(tables.main)};
    for (const Oid table : tables.inner) targets.inner.push_back(pg::describe(table));
    for (const auto& [told, table] : tables.told) targets.told.push_back(pg::describe(table));
    if (tables.inner.size() != stream.expand.size())
        throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the targets of inner lists of stream \"" + stream.name + "\" are not known", "",
                        "Call upstream.alter_source() with the source's spec.");
    if (!plan || plan->targets != targets) {
        auto layout = layout_of(stream, targets.main, targets.inner);
        if (!layout) throw pg::Raise(ERRCODE_INVALID_TABLE_DEFINITION, layout.error().message, layout.error().detail, layout.error().hint);
        add_deletions(*layout, source, stream, tables.told, targets.told);
        plan = std::make_shared<TargetPlan>();
        plan->applier = std::make_unique<Applier>(stream, targets, std::move(*layout));
        plan->targets = std::move(targets);
    }
    plan->bulk.reset();  // a trigger or a policy is no part of the description
    plan->seen_changes = changes;
    return plan;
}

}  // namespace upstream::worker
