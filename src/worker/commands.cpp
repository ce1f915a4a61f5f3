#include "pg/postgres.hpp"

#include "worker/commands.hpp"

#include <algorithm>
#include <map>

#include "core/backoff.hpp"
#include "core/json.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/engine.hpp"
#include "worker/instance.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr core::Duration kLookAgain = std::chrono::milliseconds(200);  // while somebody else holds a model
constexpr core::Duration kLongestWait = std::chrono::minutes(1);       // that a CALL sits out for one failure

// One object of `results`, and what goes into `totals`.
struct Result {
    Model model;
    bool incremental = false;
    core::Tally tally{};
    Written written{};
    std::int64_t duration_ms = 0;
    std::string message;
    bool failed = false;

    void add(const Outcome& outcome) {
        model = outcome.model;
        incremental = outcome.incremental;
        tally.requests += outcome.tally.requests;
        tally.received += outcome.tally.received;
        written += outcome.written;
        duration_ms += outcome.duration_ms;
        failed = outcome.error.has_value();
        if (outcome.postponed_until) {
            failed = true;
            message = outcome.message;
            return;
        }
        message = failed ? outcome.error->message + (outcome.error->detail.empty() ? "" : " (" + outcome.error->detail + ")") : "ok";
    }

    [[nodiscard]] std::string numbers() const {
        const auto member = [](const char* name, std::int64_t value) { return std::string{", \""} + name + "\": " + std::to_string(value); };
        return (member("requests", tally.requests) + member("received", tally.received) + member("inserted", written.inserted) +
                member("updated", written.updated) + member("unchanged", written.unchanged) + member("deleted", written.deleted) +
                member("stale", written.stale) + member("rejected", written.rejected) +
                member("duration_ms", duration_ms))
            .substr(2);
    }

    [[nodiscard]] std::string json() const {
        return "{\"account\": " + core::json::quote(model.account) + ", \"stream\": " + core::json::quote(model.stream) + ", \"sync_mode\": \"" +
               (incremental ? "incremental" : "full_refresh") + "\", " + numbers() + ", \"failed\": " + (failed ? "true" : "false") +
               ", \"message\": " + core::json::quote(message) + "}";
    }
};

// A CALL's models until each has its result.
class Batch {
  public:
    Batch(Unit& unit, std::vector<std::int32_t> models) : unit_(unit), engine_(unit), began_(uptime()) {
        for (const std::int32_t model : models) waiting_.emplace(model, core::Uptime{});
    }

    void run() {
        try {
            while (!waiting_.empty() || !engine_.idle()) {
                claim();
                engine_.turn(next_claim());
                for (const Outcome& outcome : engine_.take_outcomes()) settle(outcome);
            }
            engine_.finish();
        } catch (const ExtensionGone&) {
            throw;
        } catch (const ForeignInstance&) {
            throw;
        } catch (...) {
            engine_.abandon("cancelled", "the CALL was cancelled");
            throw;
        }
    }

    [[nodiscard]] std::string json() const {
        std::string list;
        Result totals;
        std::int64_t failed = 0;
        for (const auto& [model, result] : results_) {
            list += (list.empty() ? "" : ", ") + result.json();
            totals.tally.requests += result.tally.requests;
            totals.tally.received += result.tally.received;
            totals.written += result.written;
            failed += result.failed ? 1 : 0;
        }
        totals.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(uptime() - began_).count();
        return "{\"results\": [" + list + "], \"totals\": {\"models\": " + std::to_string(results_.size()) + ", \"failed\": " + std::to_string(failed) +
               ", " + totals.numbers() + "}}";
    }

  private:
    void claim() {
        const core::Uptime now = uptime();
        const std::size_t most = most_in_flight();
        std::vector<std::int32_t> ready;
        for (const auto& [model, not_before] : waiting_)
            if (not_before <= now && engine_.running() + ready.size() < most) ready.push_back(model);
        if (ready.empty()) return;
        std::vector<std::int32_t> existing;
        std::vector<Model> claimed = unit_.run("claiming models", Durability::asynchronous, [&](Catalog& catalog) {
            existing = catalog.existing(ready);
            return catalog.claim(ready);
        });
        for (const std::int32_t model : ready) {
            if (std::find(existing.begin(), existing.end(), model) == existing.end()) {
                waiting_.erase(model);  // dropped meanwhile
            } else {
                waiting_[model] = now + kLookAgain;
            }
        }
        for (const Model& model : claimed) waiting_.erase(model.id);
        engine_.add(std::move(claimed));
    }

    [[nodiscard]] std::optional<core::Uptime> next_claim() const {
        std::optional<core::Uptime> next;
        if (engine_.running() >= most_in_flight()) return next;
        for (const auto& [model, not_before] : waiting_)
            if (!next || not_before < *next) next = not_before;
        return next;
    }

    void settle(const Outcome& outcome) {
        results_[outcome.model.id].add(outcome);
        if (outcome.postponed_until && *outcome.postponed_until - uptime() <= kLongestWait) {
            waiting_.emplace(outcome.model.id, *outcome.postponed_until);
            return;
        }
        if (!outcome.error || !outcome.retry_at || !core::is_transient(outcome.error->code)) return;
        if (++attempts_[outcome.model.id] >= outcome.max_attempts || *outcome.retry_at - pg::now() > kLongestWait) return;
        waiting_.emplace(outcome.model.id, uptime_at(*outcome.retry_at));
    }

    Unit& unit_;
    Engine engine_;
    core::Uptime began_;
    std::map<std::int32_t, core::Uptime> waiting_;  // model -> not before
    std::map<std::int32_t, int> attempts_;
    std::map<std::int32_t, Result> results_;
};

}  // namespace

std::string sync_now(const Selection& selection) {
    pg::Session session{pg::Session::Kind::procedure};
    session.leave_callers_transaction();
    Unit unit{session, "session"};
    try {
        const std::vector<std::int32_t> models = unit.run("choosing models", Durability::asynchronous, [&](Catalog& catalog) {
            require_own_instance(catalog);
            if (selection.of_source && selection.source && !catalog.find_source(*selection.source))
                throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + *selection.source + "\" does not exist", "", "See upstream.sources.");
            std::vector<std::int32_t> chosen =
                selection.of_source ? catalog.models_of_source(selection.source) : catalog.models_of(selection.account, selection.stream);
            if (selection.full_refresh) {
                catalog.request_full_refresh(chosen);
                catalog.forget_read(chosen);
            }
            return chosen;
        });
        Batch batch{unit, models};
        batch.run();
        wake_workers();  // what was run is due at another time than they know of
        return batch.json();
    } catch (const ForeignInstance& foreign) {
        foreign.raise();
    } catch (const ExtensionGone& gone) {
        throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        gone.version.empty() ? "extension pg_upstream was dropped" : "extension pg_upstream has version " + gone.version + ", which this library does not fit");
    }
}

}  // namespace upstream::worker
