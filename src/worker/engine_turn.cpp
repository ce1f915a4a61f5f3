// A turn of the engine: waiting, the answers that came and their order, and how all runs end at once.
#include <algorithm>
#include <iterator>
#include <utility>

#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/stop_point.hpp"
#include "worker/engine_run.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

constexpr std::int64_t kFirstPages = 2;                             // of a run, which are looked at when they come
constexpr std::size_t kGoFirst = 8;                                 // runs, enough to have an answer of theirs at hand while others are on their way
constexpr core::Duration kLongestInLine = std::chrono::seconds(1);  // of an answer behind those of older runs

std::chrono::milliseconds until(core::Uptime time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - uptime());
    return std::clamp(left, std::chrono::milliseconds{0}, std::chrono::milliseconds{std::chrono::hours{1}});
}

}  // namespace

// When the run began, for an answer that may wait for those of older runs: a page that is not among the first. Most runs have no more than those.
std::optional<core::Uptime> Engine::rank_of(const Delivered& delivered) const {
    const auto found = pages_in_flight_.find(delivered.ticket);
    if (found == pages_in_flight_.end() || delivered.postponed || !delivered.result) return std::nullopt;
    const Run& run = *runs_.at(found->second);
    return run.answers < kFirstPages ? std::nullopt : std::optional(run.began);
}

// The rank up to which runs go first. While there is time to write, all do.
core::Uptime Engine::goes_first() const {
    if (!writer_.is_behind() || runs_.size() <= kGoFirst) return core::Uptime::max();
    std::vector<core::Uptime> began;
    for (const auto& [id, run] : runs_)
        if (!run->over) began.push_back(run->began);
    if (began.size() <= kGoFirst) return core::Uptime::max();
    std::nth_element(began.begin(), began.begin() + (kGoFirst - 1), began.end());
    return began[kGoFirst - 1];
}

// What came is looked at in an order that suits the tables; see core/answers.
void Engine::read_answers() {
    const core::Uptime now = uptime();
    for (Delivered& delivered : dispatcher_.take_delivered()) {
        const std::optional<core::Uptime> rank = rank_of(delivered);
        answers_.add(std::move(delivered), rank, now);
    }
    const core::Duration longest = std::min<core::Duration>(kLongestInLine, lease_timeout() / 10);
    std::vector<Delivered> next = answers_.take(now, longest, goes_first());
    writer_.reserve(dispatcher_.received() + answers_.sum([](const Delivered& delivered) { return delivered.result ? delivered.result->body.capacity() : 0; }));
    for (Delivered& delivered : next) {
        finish_transfer(std::move(delivered));
        writer_.flush_if_due(false);
    }
}

void Engine::finish_transfer(Delivered delivered) {
    if (tokens_.take(delivered)) return;
    const auto found = pages_in_flight_.find(delivered.ticket);
    if (found == pages_in_flight_.end()) return;
    Run& run = *runs_.at(found->second);
    pages_in_flight_.erase(found);
    run.transfer.reset();
    ++run.answers;
    if (delivered.postponed) return postpone(run, *delivered.postponed);
    run.fetched += delivered.duration;
    core::Event event = core::Applied{};
    if (delivered.result) {
        UPSTREAM_STOP("decoding a page");
        event = core::Answered{std::move(*delivered.result)};
    } else {
        event = core::Broken{delivered.result.error()};
    }
    perform(run, run.sync->on(std::move(event), pg::now()));
}

// How long a request may wait in here: well within the lease; and not long at all if others have no room because of it.
core::Duration Engine::patience() const {
    if (runs_.size() >= most_in_flight()) return std::chrono::seconds(1);
    return lease_timeout() / 4;
}

bool Engine::turn(std::optional<core::Uptime> deadline) {
    if (!outcomes_.empty()) return false;  // somebody waits for them

    dispatcher_.pump(patience());
    dispatcher_.prepare_wait();
    std::optional<std::chrono::milliseconds> timeout = dispatcher_.timeout();
    const auto at_most = [&](const std::optional<core::Uptime>& time) {
        if (time) timeout = std::min(timeout.value_or(std::chrono::milliseconds::max()), until(*time));
    };
    at_most(deadline);
    at_most(tokens_.next_look());
    at_most(endings_.next());
    at_most(writer_.due());
    at_most(answers_.next(uptime()));

    // I6. If this ever fails, stopping is better than holding back every vacuum of the cluster.
    if (pg::holds_snapshot_or_transaction(unit_.session())) throw pg::Raise(ERRCODE_INTERNAL_ERROR, "a transaction is open while waiting for the network");
    const pg::Woken woken = wait_.wait(timeout);

    if (woken.ready) dispatcher_.on_ready();
    dispatcher_.on_timeout();
    read_answers();
    dispatcher_.pump(patience());  // what was asked for next leaves before anything is written
    dispatcher_.on_timeout();
    writer_.flush_if_due(dispatcher_.in_flight() == 0 && answers_.empty());
    tokens_.look(uptime());
    return endings_.settle(uptime()) || woken.latch;
}

std::vector<Outcome> Engine::take_outcomes() {
    for (const std::int32_t model : std::exchange(ended_, {})) runs_.erase(model);
    return std::exchange(outcomes_, {});
}

void Engine::interrupt(const char* status, const std::string& message) {
    for (auto& [id, run] : runs_) {
        if (run->over) continue;
        drop(*run);
        endings_.release_later(run->model, status, message);
    }
    writer_.forget();
    runs_.clear();
    ended_.clear();
    outcomes_.clear();
}

void Engine::abandon(const char* status, const std::string& message) {
    interrupt(status, message);
    std::vector<Delivered> came = answers_.take_all();
    std::ranges::move(dispatcher_.take_delivered(), std::back_inserter(came));
    for (Delivered& delivered : came) tokens_.take(delivered);  // a pair that came is the only good one
    tokens_.abandon();
    dispatcher_.flush();
    endings_.settle_all();
}

void Engine::forget() {
    for (auto& [id, run] : runs_) drop(*run);
    answers_.clear();
    tokens_.forget();
    endings_.forget();
    writer_.forget();
    runs_.clear();
    ended_.clear();
    outcomes_.clear();
    targets_.forget();
}

}  // namespace upstream::worker
