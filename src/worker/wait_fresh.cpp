// CALL wait_fresh(): until the worker, or whoever else syncs the model, has made it young enough.
//
// It looks in one short transaction after another and waits between them, so that no snapshot is held and a cancel is served. A look that finds the model
// too old requests a sync, unless one is requested and still to come: what the upstream asks us to wait for is not asked again and again.
#include "pg/postgres.hpp"

#include <algorithm>

#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/wait_set.hpp"
#include "worker/commands.hpp"
#include "worker/instance.hpp"
#include "worker/unit.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr std::chrono::milliseconds kLookAgain{100};
constexpr core::Duration kLongest = std::chrono::years(100);  // of what the caller gives: dates beyond are no dates

[[noreturn]] void raise_obstacle(const FreshWish& wish, const std::string& obstacle) {
    throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                    "stream \"" + wish.stream + "\" of account \"" + wish.account + "\" does not become fresh by itself: it is " + obstacle, "",
                    obstacle == "paused" ? "Call upstream.resume() first." : "See upstream.model_status.");
}

[[noreturn]] void raise_timeout(const FreshWish& wish, const std::string& last_error) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(wish.timeout).count();
    throw pg::Raise(ERRCODE_QUERY_CANCELED,
                    "stream \"" + wish.stream + "\" of account \"" + wish.account + "\" did not become fresh within " + std::to_string(waited) + " ms",
                    last_error.empty() ? "" : "Its last run failed: " + last_error,
                    "The sync stays requested. Does a worker run? See upstream.model_status and upstream.pg_stat_upstream_workers.");
}

void wait_in(Unit& unit, const FreshWish& wish) {
    const core::Timestamp wanted = pg::now() - std::min(wish.max_age, kLongest);
    const core::Uptime deadline = uptime() + std::min(wish.timeout, kLongest);
    for (bool first = true;; first = false) {
        const Freshness seen = unit.run("looking how fresh a model is", Durability::asynchronous, [&](Catalog& catalog) {
            require_own_instance(catalog);
            const std::int32_t model = catalog.models_of(wish.account, wish.stream).at(0);
            const Freshness found = catalog.freshness(model, wanted);
            if (!found.fresh && found.obstacle.empty() && (first || !found.requested)) catalog.request_sync(wish.account, wish.stream);
            return found;
        });
        if (seen.fresh) return;
        if (!seen.obstacle.empty()) raise_obstacle(wish, seen.obstacle);
        const core::Uptime now = uptime();
        if (now >= deadline) raise_timeout(wish, seen.last_error);
        pg::wait(std::min(kLookAgain, std::chrono::ceil<std::chrono::milliseconds>(deadline - now)));
    }
}

}  // namespace

void wait_fresh(const FreshWish& wish) {
    pg::Session session{pg::Session::Kind::procedure};
    session.leave_callers_transaction();
    Unit unit{session, "session"};
    try {
        wait_in(unit, wish);
    } catch (const ForeignInstance& foreign) {
        foreign.raise();
    } catch (const ExtensionGone&) {
        throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "extension pg_upstream was dropped, or has a version that this library does not fit");
    }
}

}  // namespace upstream::worker
