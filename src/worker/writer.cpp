#include "pg/postgres.hpp"

#include "worker/writer.hpp"

#include <utility>

#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/role.hpp"
#include "worker/convert.hpp"

namespace upstream::worker {
namespace {

double milliseconds(std::chrono::microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

}  // namespace

bool ends_everything(const pg::Error& error, const pg::Session& session) {
    return error.sqlerrcode() == ERRCODE_QUERY_CANCELED && session.kind() == pg::Session::Kind::procedure;
}

void Writer::flush() {
    while (!queue_.empty()) {
        Waiting next = std::move(queue_.front());
        queue_.pop_front();
        const std::int32_t model = next.run->model.id;
        Verdict verdict = write(*next.run, next.page);
        tell_(model, std::move(verdict));
    }
}

void Writer::forget(std::int32_t model) {
    std::erase_if(queue_, [&](const Waiting& waiting) { return waiting.run->model.id == model; });
}

// T4: rows, cursor and counters in one transaction.
Verdict Writer::write(RunContext& run, const core::Apply& page) {
    const core::Timestamp before = pg::now();
    Written written;
    try {
        const bool same_target = unit_.run("applying a page", Durability::asynchronous, [&](Catalog& catalog) {
            const auto target = targets_.open(*run.source, run.model.revision, *run.stream, run.model.target);
            if (target != run.target) return false;
            {
                pg::RoleScope owner{target->table.owner};
                written = target->upsert->write(run.model.account_id, page.batch);
                owner.leave();
            }
            const Entry entry{.state = to_stored(page.state, *run.stream),
                              .tally = page.tally,
                              .inserted = written.inserted,
                              .updated = written.updated,
                              .unchanged = written.unchanged,
                              .fetch_ms = milliseconds(run.fetched),
                              .apply_ms = milliseconds(pg::now() - before)};
            if (!catalog.save_page(run.model, entry) || (page.last && !catalog.finish_run(run.model))) throw LeaseLost{};
            return true;
        });
        if (!same_target)
            return core::Refused{core::Error{.code = core::Code::target_busy,
                                             .message = "the target was altered during the run",
                                             .hint = "The page is read again with the new definition."}};
    } catch (const LeaseLost&) {
        return Fenced{};
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        return core::Refused{to_error(error)};
    } catch (const pg::Raise& error) {
        return core::Refused{to_error(error)};
    }
    run.fetched = std::chrono::microseconds{0};
    return Committed{.written = written, .tally = page.tally};
}

}  // namespace upstream::worker
