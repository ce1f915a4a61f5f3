// The worker's loop: look for due models, claim them, let the engine work and wait, look again when the next model is due, when a run has
// ended, or when somebody sets the latch (request_sync(), create_account(), CREATE EXTENSION: at their commit).
//
// Ways out. SIGTERM, DROP DATABASE .. WITH (FORCE) and shutdown end the process inside the wait (FATAL); leases die with it. Without the extension, or
// with another version of it, or in a copy of another database (worker/instance.hpp), the loop waits for the latch alone. An error
// of the worker's own statements is logged once, and they are tried again later; runs go on meanwhile. Whoever cancels the worker (pg_cancel_backend()) while it waits
// interrupts all its runs. Anything else ends the process with an ERROR; the launcher starts another.
#include "worker/main.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "pg/background.hpp"
#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "pg/wait_set.hpp"
#include "worker/engine.hpp"
#include "worker/heap.hpp"
#include "worker/instance.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"
#include "worker/version.hpp"

namespace upstream::worker {
namespace {

constexpr core::Duration kAfterError = std::chrono::seconds(5);
constexpr core::Duration kBetweenPrunings = std::chrono::hours(1);
constexpr core::Duration kUntilTidy = std::chrono::seconds(5);
constexpr core::Duration kHonestStep = std::chrono::seconds(1);  // a clock that is off by more was set

class Worker {
  public:
    Worker() : session_(pg::Session::Kind::worker), unit_(session_, "worker"), options_(client_options()), engine_(std::in_place, unit_) {
        if (most_in_flight() >= static_cast<std::size_t>(settings().max_in_flight)) return;
        pg::log_warning("upstream.max_in_flight is " + std::to_string(settings().max_in_flight) + ", but this process may not have so many files open; at most " +
                        std::to_string(most_in_flight()) + " requests go at a time: raise the server's limit (ulimit -n, LimitNOFILE)");
    }

    void turn() {
        try {
            follow_settings();
            const bool jumped = turned_at_ && std::chrono::abs(jump_since(*turned_at_)) > kHonestStep;
            turned_at_ = clocks();
            if (uptime() >= not_before_ && (look_now_ || jumped || (next_look_ && uptime() >= *next_look_))) look();
            ++wakeups_;
            report();
            tidy();
            look_now_ = engine_->turn(due());
            settle(engine_->take_outcomes());
        } catch (const ExtensionGone& gone) {
            wait_for_extension(gone);
        } catch (const ForeignInstance& foreign) {
            wait_for_adoption(foreign);
        } catch (const pg::Error& error) {
            complain(error.message());
            engine_->interrupt("interrupted", error.message());
            not_before_ = uptime() + kAfterError;
            next_look_ = not_before_;
        }
    }

  private:
    // A changed egress policy or limit takes effect once nothing is in flight under the old one.
    void follow_settings() {
        if (!engine_->idle()) return;
        http::Options options = client_options();
        if (options == options_) return;
        options_ = std::move(options);
        engine_.emplace(unit_);
    }

    // Memory goes back some time after the last run that took much: others may follow it.
    void tidy() {
        if (!engine_->idle() || !has_freed_much()) {
            tidy_at_.reset();
        } else if (!tidy_at_) {
            tidy_at_ = uptime() + kUntilTidy;
        } else if (uptime() >= *tidy_at_) {
            return_freed_memory();
            tidy_at_.reset();
        }
    }

    // When there is something to do though nothing wakes the worker.
    [[nodiscard]] std::optional<core::Uptime> due() const { return tidy_at_ ? std::min(next_look_.value_or(*tidy_at_), *tidy_at_) : next_look_; }

    void look() {
        look_now_ = false;
        next_look_.reset();
        const std::size_t most = most_in_flight();
        const std::size_t free = most > engine_->running() ? most - engine_->running() : 0;
        engine_->keep_leases();
        const Clocks seen = clocks();
        bool good = true;
        if (!looked_at_ || jump_since(*looked_at_) < -kHonestStep)  // nobody knows about the time before this process
            good = attempt("forgetting a future", [&](Catalog& catalog) {
                catalog.forget_future();
                pg::on_commit(limits_changed);
            }, Patience::brief);
        if (good) looked_at_ = seen;
        std::vector<Model> claimed;
        if (attempt("looking for due models", [&](Catalog& catalog) {
                if (free > 0) {
                    claimed = catalog.claim_due(static_cast<std::int32_t>(free), crew());
                    report(claimed.size());  // before others can see the claim: they reckon with what each has
                }
                // Without room, the end of a run is what to wait for.
                const auto next_due = claimed.size() < free ? catalog.next_due() : std::nullopt;
                if (next_due) next_look_ = uptime_at(*next_due);
            })) {
            engine_->add(std::move(claimed));
        } else {
            next_look_ = uptime() + kAfterError;
            good = false;
        }
        if (!pruned_at_ || uptime() - *pruned_at_ > kBetweenPrunings) {
            pruned_at_ = uptime();
            good &= attempt("pruning the history", [&](Catalog& catalog) {
                catalog.prune_runs(settings().run_history_s);
                catalog.prune_rejects(settings().rejected_history_s);
            });
        }
        if (good) complaint_.clear();
    }

    // A piece of the worker's own work. An error costs only that: runs do not notice.
    template <class Work>
    bool attempt(const char* activity, Work&& work, Patience patience = Patience::usual) {
        try {
            unit_.run(activity, Durability::asynchronous, [&](Catalog& catalog) {
                require_own_instance(catalog);
                work(catalog);
            }, patience);
            return true;
        } catch (const pg::Error& error) {
            complain(error.message());
            return false;
        }
    }

    [[nodiscard]] Crew crew() const {
        Crew crew{.own = static_cast<std::int32_t>(engine_->running())};
        crew.running = crew.own;
        crew.workers = 0;
        for (const WorkerRow& row : worker_rows()) {
            if (row.database != MyDatabaseId) continue;
            ++crew.workers;
            if (row.pid != MyProcPid) crew.running += row.running;
        }
        crew.workers = std::max(1, crew.workers);
        return crew;
    }

    using Clocks = std::pair<core::Timestamp, core::Uptime>;

    [[nodiscard]] static Clocks clocks() { return {pg::now(), uptime()}; }

    // How much more time the clock says has passed than the uptime. A machine that sleeps has no uptime meanwhile.
    [[nodiscard]] static core::Duration jump_since(const Clocks& before) {
        const Clocks now = clocks();
        return (now.first - before.first) - (now.second - before.second);
    }

    void settle(const std::vector<Outcome>& outcomes) {
        look_now_ |= !outcomes.empty();
        for (const Outcome& outcome : outcomes) {
            ++runs_;
            if (outcome.error) last_error_ = outcome.model.account + "/" + outcome.model.stream + ": " + outcome.error->message;
        }
    }

    void wait_for_extension(const ExtensionGone& gone) {
        engine_->forget();
        if (!gone.version.empty())
            complain("the extension has version " + gone.version + " in this database, the library " + kVersion +
                     "; run ALTER EXTENSION pg_upstream UPDATE or restart the server");
        next_look_.reset();
        report("no extension");
        pg::wait(std::nullopt);
        look_now_ = true;
    }

    void wait_for_adoption(const ForeignInstance& foreign) {
        engine_->forget();
        complain(foreign.message() + "; nothing is sent from here until upstream.adopt_instance()");
        next_look_.reset();
        report("foreign_instance");
        pg::wait(std::nullopt);
        look_now_ = true;
    }

    void complain(const std::string& message) {
        if (complaint_ == message) return;
        pg::log_warning(message);
        complaint_ = message;
    }

    void report(const char* state) { report(0, state); }

    // `more` runs are about to begin.
    void report(std::size_t more = 0, const char* state = nullptr) {
        WorkerRow row;
        const std::size_t running = engine_->running() + more;
        strlcpy(row.state, state != nullptr ? state : running > 0 ? "syncing" : "idle", sizeof row.state);
        row.running = static_cast<int>(running);
        row.in_flight = static_cast<int>(engine_->in_flight());
        row.runs = runs_;
        row.requests = engine_->requests();
        row.wakeups = wakeups_;
        strlcpy(row.last_error, last_error_.c_str(), sizeof row.last_error);
        update_slot(row);
    }

    pg::Session session_;
    Unit unit_;
    http::Options options_;
    std::optional<Engine> engine_;
    bool look_now_ = true;
    std::optional<core::Uptime> next_look_;
    std::optional<core::Uptime> tidy_at_{};
    core::Uptime not_before_{0};  // for a while after an error nothing is looked for
    std::optional<core::Uptime> pruned_at_{};
    std::optional<Clocks> looked_at_{};  // the last time, by both clocks
    std::optional<Clocks> turned_at_{};
    std::int64_t runs_ = 0;
    std::int64_t wakeups_ = 0;
    std::string last_error_;
    std::string complaint_;
};

}  // namespace

void work_in(Oid database) {
    pg::become_worker(database);
    take_slot(database);
    keep_freed_memory();
    Worker worker;
    for (;;) worker.turn();
}

}  // namespace upstream::worker
