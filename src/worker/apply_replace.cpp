// What is written when it has been read as a whole: rows that replace others, and the deletion of those that were not met.
#include "pg/postgres.hpp"

#include <algorithm>

#include "core/stored_batch.hpp"
#include "pg/memory.hpp"
#include "pg/role.hpp"
#include "worker/apply_page.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {
namespace {

using core::Batch;

core::Error too_many(const TooManyMissing& missing, std::int64_t rows, const core::Stream& stream) {
    std::string fraction = std::to_string(stream.deletes.max_fraction);
    fraction.erase(std::max(fraction.find_last_not_of('0'), fraction.find('.') + 1) + 1);
    return core::Error{.code = core::Code::too_many_missing,
                       .message = "a full read has not met at least " + std::to_string(missing.found) + " of " + std::to_string(rows) + " rows",
                       .detail = "deletes.max_fraction is " + fraction + "; nothing was deleted, and what was read is written.",
                       .hint = "Look at what the upstream answers. If the rows are gone, let a run delete them with a larger max_fraction.",
                       .sqlstate = "54000"};
}

}  // namespace

// The pages that wait, one at a time.
template <class Visit>
void Applier::for_each_staged(Work& work, const Visit& visit) {
    StagedPlace place;
    for (;;) {
        const pg::MemoryScope scratch;
        auto rows = work.catalog.next_staged(work.model.id, place);
        if (!rows) return;
        auto batch = core::batch_from_json(std::move(*rows), row_layout_);
        if (!batch) throw PageRefused{.error = batch.error(), .staged_is_void = true};
        visit(*batch);
        limit_write_time(*work.session);
    }
}

Written Applier::replace(Work& work, Page& page, const Batch& batch) {
    const core::Apply& what = work.what;
    const std::int32_t model = work.model.id;
    if (what.slice_begins) work.catalog.unstage(model, what.slice);
    if (!what.completes) {
        if (what.abandons) work.catalog.unstage(model, 0);
        else work.catalog.stage(model, what.slice, core::to_json(batch, row_layout_));
        return {};
    }
    if (!work.catalog.hold(work.model)) throw LeaseLost{};
    const Scope scope = sweep_->replaced_by(what);
    Written written = take_out(work, page, batch, scope);
    for_each_staged(work, [&](const Batch& waited) {
        Page again{work.account, waited, work.model.account_id, work.care};
        write_within(work, again, waited, scope);
        written += settle(work, again);
    });
    write_within(work, page, batch, scope);
    work.catalog.unstage(model, 0);
    return written;
}

// Notes the keys of a page's rows that the target has.
void Applier::see(Work& work, Page& page, const Batch& batch) {
    std::vector<std::string> keys;
    {
        const pg::RoleScope owner{main_.owner, pg::Constraints::as_they_are};
        keys = page.known_keys(main_, batch);
    }
    work.catalog.see(work.model.id, keys, work.what.started_at);
    if (page.lost_records()) work.catalog.see_unknown(work.model.id, work.what.started_at);
}

// What a full run has not met.
Written Applier::take_out_missing(Work& work) {
    Written written;
    const core::Timestamp generation = work.what.started_at;
    if (!work.catalog.hold(work.model)) throw LeaseLost{};
    if (work.catalog.has_seen_unknown(work.model.id, generation)) {
        written.notice = "the transform failed for some records: rows that are gone were not looked for";
    } else {
        std::int64_t rows = 0;
        {
            const pg::RoleScope owner{main_.owner, pg::Constraints::as_they_are};
            rows = sweep_->count(work.model.account_id);
        }
        const auto most = static_cast<std::int64_t>(stream_.deletes.max_fraction * static_cast<double>(rows));
        try {
            written.deleted = sweep_->run(*work.session, work.catalog, work.model, sweep_->to_be_met(generation), generation, most);
        } catch (const TooManyMissing& missing) {
            throw PageRefused{too_many(missing, rows, stream_)};
        }
    }
    work.catalog.forget_seen(work.model.id);
    return written;
}

// What is not there any more, before anything is written that it may stand in the way of.
Written Applier::take_out(Work& work, Page& page, const Batch& batch, const Scope& scope) {
    Written written;
    if (!stream_.has_identity()) {
        pg::RoleScope owner{main_.owner};
        written.deleted = sweep_->clear(work.model.account_id, scope);
        owner.leave();
        return written;
    }
    for_each_staged(work, [&](const Batch& waited) {
        Page again{work.account, waited, work.model.account_id, work.care};
        see(work, again, waited);
    });
    see(work, page, batch);
    written.deleted = sweep_->run(*work.session, work.catalog, work.model, scope, work.what.started_at);
    work.catalog.forget_seen(work.model.id);
    return written;
}

// Rows without a key that lie beyond the slice, because bounds are widened when they are sent, are another slice's.
void Applier::write_within(Work& work, Page& page, const Batch& batch, const Scope& scope) {
    pg::RoleScope owner{main_.owner};
    const bool all = stream_.has_identity() || scope.bounds.empty();
    write_rows(page, batch, all ? all_of(batch.rows) : page.within(main_, batch, *sweep_, scope));
    run_after_page(work);
    owner.leave();
}

}  // namespace upstream::worker
