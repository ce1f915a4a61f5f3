// The writer: takes the pages that runs have read, commits them, and tells each run what became of its pages.
//
// What is committed together is decided here; what a page does to its target is not. take() only queues; rows are written where the engine asks for it, when
// nothing waits for the network:
//
//   take() --> queue --> flush(): for each target a transaction {
//                            rows of all waiting pages as the target's owner;
//                            for each run: cursor, counters, fence checked; end of the run if it was the last page } --> tell()
//
// Pages wait for company because large chunks are cheap (worker/bulk), but never long: until the memory limit is reached, nothing came for a few
// milliseconds, nothing is in flight, or the oldest has waited for a second. While rows are written no socket is read, so the upstream is slowed by
// TCP and nothing is dropped.
//
// Workers that load the same table take turns as far as they can: two that write to it at the same moment wait for each other's pages of the index, for the log,
// and for its files to grow. So one that has collected half a chunk writes it if no other is writing, and reads on if one is. Nobody waits for his turn: a whole
// chunk is written anyway.
//
// Pages of one run are committed in the order in which they were taken. If a chunk fails for whatever reason, its transaction is rolled back and its pages
// are written one by one, each in a transaction of its own: what is wrong with one run costs the others nothing but time. Then a row that does not fit is put
// aside, and the others of its page are written (worker/apply).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "core/sync.hpp"
#include "worker/catalog.hpp"
#include "worker/target_plan.hpp"
#include "worker/unit.hpp"
#include "worker/written.hpp"

namespace upstream::worker {

// What writing needs to know of a run. The engine owns it; it stays where it is while the run lasts.
struct RunContext {
    Model model{};
    std::shared_ptr<const core::Source> source{};
    const core::Stream* stream = nullptr;
    std::shared_ptr<TargetPlan> target{};
    TargetOids tables{};
    const core::Account* account = nullptr;  // of the run, with its present token
    std::chrono::microseconds fetched{0};  // time spent on requests since the last commit
    std::optional<bool> expect_new{};      // the account had no row in the target when the run began to write
    std::vector<RunContext> readers{};     // of streams that read the rest of inner lists: where their pages go; model is theirs, but for run and lease

    // Where a page of this run goes.
    [[nodiscard]] RunContext& context_of(const core::Stream* list);
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

    void take(RunContext& run, core::Apply page);

    // When flush_if_due() has something to do though no page comes; nothing if no page waits.
    [[nodiscard]] std::optional<core::Uptime> due() const;

    // So much of the memory limit is taken by answers that are no pages yet.
    void reserve(std::size_t bytes) { reserved_ = bytes; }

    // Commits what waits if it has waited enough; `idle` says that no page can come.
    void flush_if_due(bool idle);

    // Whether pages come faster than they are written: the last ones were because there was no room for more.
    [[nodiscard]] bool is_behind() const { return behind_; }

    // Commits what waits. A cancelled CALL leaves it by pg::Error.
    void flush();

    // Drops the pages of a run that is over, or of all.
    void forget(std::int32_t model);
    void forget();

  private:
    struct Waiting {
        RunContext* run = nullptr;
        RunContext* into = nullptr;  // the run, or the reader whose page it is
        core::Apply page{};
        std::size_t bytes = 0;
    };
    struct Share {  // of a chunk: one run's pages
        RunContext* run = nullptr;
        RunContext* into = nullptr;
        std::vector<core::Apply*> pages{};
        Written written{};
        std::int64_t copied = 0;
    };
    enum class Path { chunk, singly };  // together and hopefully, or a page alone, where each row counts

    [[nodiscard]] Oid first_table() const;
    [[nodiscard]] bool is_full() const;
    std::vector<Waiting> next_chunk();
    void write_chunk(std::vector<Waiting>& chunk);
    void write_singly(std::vector<Waiting>& chunk);
    std::optional<Verdict> write(std::vector<Share>& shares, Path path);
    void tell(const Share& share);
    void write_rows(Catalog& catalog, std::vector<Share>& shares, TargetPlan& target, Path path);
    Verdict add_columns(const RunContext& run, const NewColumns& wanted);
    bool write_in_bulk(std::vector<Share>& shares, TargetPlan& target);
    void save(Catalog& catalog, const Share& share, core::Timestamp began);

    Unit& unit_;
    TargetPlans& targets_;
    Tell tell_;
    std::vector<Waiting> queue_{};
    bool flushing_ = false;
    std::vector<std::int32_t> over_{};       // models whose runs ended meanwhile
    std::size_t bytes_ = 0;                  // of the queue
    std::size_t reserved_ = 0;
    bool behind_ = false;
    core::Uptime oldest_{}, newest_{};       // when the first and the last of the queue came
};

}  // namespace upstream::worker
