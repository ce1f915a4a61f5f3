// The engine: carries out what core::Sync asks for, for many models at once, over one dispatcher.
//
// The background worker and CALL upstream.sync() run this same class; they differ in who chooses the models and when it stops.
//
// Transactions of a run, each short, none open while anything waits (turn() refuses to wait otherwise):
//   T1 claim    lease + fence + row in runs                                   (by the owner of the engine, before add())
//   T1b parents which partitions come next, as the target's owner            only for streams that have some (worker/parents)
//   T2 intent   who refreshes the account's token                             only if it is old; synchronous commit
//   T3 token    the new pair, before it is used                               synchronous commit
//   T4 page     rows as the target's owner, cursor, counters, fence checked   asynchronous commit: a lost page is fetched again (worker/writer)
//   T5 end      next due time, lease released; in T4 for the last page, alone for a failure (worker/endings)
//
// An error in any of them ends one run at most, and what that run could not write down is written later.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/answers.hpp"
#include "core/sync.hpp"
#include "pg/transaction.hpp"
#include "pg/wait_set.hpp"
#include "worker/catalog.hpp"
#include "worker/dispatch.hpp"
#include "worker/endings.hpp"
#include "worker/setback.hpp"
#include "worker/target_plan.hpp"
#include "worker/tokens.hpp"
#include "worker/unit.hpp"
#include "worker/writer.hpp"

namespace upstream::worker {

// How a run ended.
struct Outcome {
    Model model{};
    bool incremental = false;
    core::Tally tally{};
    Written written{};
    std::int64_t duration_ms = 0;
    std::optional<core::Error> error{};
    std::optional<core::Timestamp> retry_at{};
    int max_attempts = core::Retry{}.max_attempts;  // in one CALL
    std::string message{};
    std::optional<core::Uptime> postponed_until{};  // it ended before a request, which has to wait

    void add(const core::Tally& more) {
        tally.requests += more.requests;
        tally.pages += more.pages;
        tally.received += more.received;
        tally.bytes += more.bytes;
    }
};

class Engine {
  public:
    explicit Engine(Unit& unit);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Begins the runs of claimed models.
    void add(std::vector<Model> models);

    // Waits until something happens, at most till `until`, and does what can be done then. Serves interrupts. True if the latch was set, or if
    // a model may be claimed by now whose end could not be written down before.
    bool turn(std::optional<core::Uptime> until);

    // Renews the leases that have run out by the clock though their holder, this process, is alive: the clock was set forward, or the process was
    // stopped. A run whose model somebody else has taken meanwhile ends. To be called before claiming, which would take the others from us.
    void keep_leases();

    [[nodiscard]] std::size_t running() const { return runs_.size(); }
    [[nodiscard]] std::size_t in_flight() const { return dispatcher_.in_flight(); }
    [[nodiscard]] std::int64_t requests() const { return requests_; }

    // The runs that ended since the last call. Until they are taken, turn() does not wait.
    [[nodiscard]] std::vector<Outcome> take_outcomes();

    // Writes down what budgets and counters are owed, when nothing runs any more.
    void finish() { dispatcher_.flush(); }

    // Whether nothing runs, no token is asked for, and the books have everything.
    [[nodiscard]] bool idle() const { return runs_.empty() && tokens_.idle() && endings_.empty(); }

    // Ends every run and gives back its lease. Token requests go on: their answers are worth more than what is asked for.
    void interrupt(const char* status, const std::string& message);

    // The same for a CALL that is cancelled: nothing goes on.
    void abandon(const char* status, const std::string& message);

    // Drops all runs without a word; for when the extension is gone.
    void forget();

  private:
    struct Run;

    void perform(Run& run, core::Action action);
    std::optional<core::Action> carry_out(Run& run, core::Fetch fetch);
    std::optional<core::Action> carry_out(Run& run, core::GetToken get);
    std::optional<core::Action> carry_out(Run& run, core::FindParts find);
    std::optional<core::Action> carry_out(Run& run, core::Apply apply);
    std::optional<core::Action> carry_out(Run& run, core::Await await);
    std::optional<core::Action> carry_out(Run& run, core::Fail fail);
    std::optional<core::Action> carry_out(Run& run, core::Done done);
    void settle(std::int32_t model, Verdict verdict);
    void prepare(Run& run);
    core::Result<std::vector<core::ListReader>> open_readers(Catalog& catalog, Run& run);
    void begin(Run& run);
    void fail_to_begin(Run& run, core::Error error);
    bool keep_lease(Run& run, core::Duration span, Patience patience);
    void lose(Run& run);
    void forget_run(std::int32_t model);
    void read_answers();
    [[nodiscard]] std::optional<core::Uptime> rank_of(const Delivered& delivered) const;
    [[nodiscard]] core::Uptime goes_first() const;
    void finish_transfer(Delivered delivered);
    void postpone(Run& run, const Postponed& wait);
    void drop(Run& run);
    [[nodiscard]] core::Duration patience() const;
    void end(Run& run);

    Unit& unit_;
    Dispatcher dispatcher_;
    pg::WaitSet wait_{dispatcher_.descriptor()};
    Tokens tokens_;
    TargetPlans targets_;
    Writer writer_;
    Endings endings_;
    std::map<std::int32_t, std::unique_ptr<Run>> runs_;  // by model
    std::map<Ticket, std::int32_t> pages_in_flight_;     // request -> model
    core::Answers<Delivered> answers_;
    std::map<std::pair<std::int32_t, std::string>, Setback> parents_;  // of reading those of a source's stream
    std::vector<std::int32_t> ended_;                    // runs to remove once nobody refers to them
    std::vector<Outcome> outcomes_;
    std::int64_t requests_ = 0;
};

}  // namespace upstream::worker
