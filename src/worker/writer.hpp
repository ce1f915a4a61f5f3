// The writer: takes the pages that runs have read, commits them, and tells each run what became of its page.
//
// What is committed together is decided here; what one page does to its target is not. take() only queues: rows are written by flush(), which the engine
// calls where nothing waits for the network. Pages of one run are committed in the order in which they were taken.
//
//   take() --> queue --> flush(): transaction { rows as the target's owner; cursor, counters, fence checked; end of the run } --> tell()
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/sync.hpp"
#include "worker/catalog.hpp"
#include "worker/target_plan.hpp"
#include "worker/unit.hpp"
#include "worker/upsert.hpp"

namespace upstream::worker {

// What writing needs to know of a run. The engine owns it; it stays where it is while the run lasts.
struct RunContext {
    Model model{};
    std::shared_ptr<const core::Source> source{};
    const core::Stream* stream = nullptr;
    std::shared_ptr<TargetPlan> target{};
    std::vector<core::Field> fields{};
    std::chrono::microseconds fetched{0};  // time spent on requests since the last commit
};

// What became of a page.
struct Committed {
    Written written{};
    core::Tally tally{};
};
struct Fenced {};  // the lease was lost: nothing was committed, the run is over
using Verdict = std::variant<Committed, core::Refused, Fenced>;

class Writer {
  public:
    using Tell = std::function<void(std::int32_t model, Verdict verdict)>;

    // `tell` is called outside of any transaction, and may take() more.
    Writer(Unit& unit, TargetPlans& targets, Tell tell) : unit_(unit), targets_(targets), tell_(std::move(tell)) {}

    void take(RunContext& run, core::Apply page) { queue_.push_back(Waiting{&run, std::move(page)}); }

    // Commits what waits. A cancelled CALL leaves it by pg::Error.
    void flush();

    // Drops the pages of a run that is over, or of all.
    void forget(std::int32_t model);
    void forget() { queue_.clear(); }

  private:
    struct Waiting {
        RunContext* run;
        core::Apply page;
    };

    Verdict write(RunContext& run, const core::Apply& page);

    Unit& unit_;
    TargetPlans& targets_;
    Tell tell_;
    std::deque<Waiting> queue_;
};

// A cancelled CALL ends as a whole; a cancelled worker only loses the page.
[[nodiscard]] bool ends_everything(const pg::Error& error, const pg::Session& session);

}  // namespace upstream::worker
