#include "worker/engine.hpp"

#include <algorithm>
#include <utility>

#include "core/backoff.hpp"
#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "pg/stop_point.hpp"
#include "worker/convert.hpp"
#include "worker/list_streams.hpp"
#include "worker/parents.hpp"
#include "worker/progress.hpp"
#include "worker/settings.hpp"
#include "worker/target.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

double milliseconds(std::chrono::microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

constexpr std::int64_t kFirstPages = 2;                             // of a run, which are looked at when they come
constexpr std::size_t kAnswersAtOnce = 4;                           // before sockets are looked at again
constexpr std::size_t kGoFirst = 8;                                  // runs, enough to have an answer of theirs at hand while others are on their way
constexpr core::Duration kLongestInLine = std::chrono::seconds(1);  // of an answer behind those of older runs

std::chrono::milliseconds until(core::Uptime time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - uptime());
    return std::clamp(left, std::chrono::milliseconds{0}, std::chrono::milliseconds{std::chrono::hours{1}});
}

Error lease_lost() { return Error{.code = Code::fenced, .message = "the lease was lost: the model was altered, reset or taken over"}; }

}  // namespace

struct Engine::Run : RunContext {
    std::optional<core::Sync> sync;
    std::optional<Ticket> transfer;
    std::string url{};  // of the last request
    std::optional<Progress> progress;
    core::Uptime began = uptime();
    Outcome outcome{};
    bool over = false;
    std::int64_t answers = 0;
};

Engine::Engine(Unit& unit)
    : unit_(unit),
      dispatcher_(unit, client_options(), [this](std::int32_t model, const char* phase, const std::string& waits_for) {
          const auto found = runs_.find(model);
          if (found != runs_.end() && found->second->progress) found->second->progress->enter(phase, waits_for);
      }),
      tokens_(unit, dispatcher_, [this](std::int32_t model, Tokens::Answer answer) {
          const auto found = runs_.find(model);
          if (found == runs_.end() || found->second->over) return;
          Run& run = *found->second;
          perform(run, std::visit([&](auto&& event) { return run.sync->on(std::move(event), pg::now()); }, std::move(answer)));
      }),
      targets_(unit.session()),
      writer_(unit, targets_, [this](std::int32_t model, Verdict verdict) { settle(model, std::move(verdict)); }),
      endings_(unit),
      answers_(kAnswersAtOnce) {}

Engine::~Engine() = default;

// All are known before the first begins: whatever happens there, none keeps its lease without a run.
void Engine::add(std::vector<Model> models) {
    std::vector<std::int32_t> ids;
    for (Model& model : models) {
        const std::int32_t id = model.id;
        forget_run(id);  // a lease of our own that ran out, and was claimed again
        auto run = std::make_unique<Run>();
        run->model = std::move(model);
        run->progress.emplace(run->model.id, run->model.run_id);
        runs_.insert_or_assign(id, std::move(run));
        ids.push_back(id);
    }
    for (const std::int32_t id : ids) begin(*runs_.at(id));
}

void Engine::begin(Run& run) {
    try {
        prepare(run);
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        return perform(run, core::Fail{.error = to_error(error), .state = {}, .tally = {}});
    } catch (const pg::Raise& error) {
        return perform(run, core::Fail{.error = to_error(error), .state = {}, .tally = {}});
    }
    if (!run.over) perform(run, run.sync->start(pg::now()));
}

void Engine::forget_run(std::int32_t model) {
    const auto found = runs_.find(model);
    if (found == runs_.end()) return;
    drop(*found->second);
    runs_.erase(found);
    std::erase(ended_, model);
}

// Reads the source and opens the target; what is wrong there ends the run before it asks the upstream anything.
void Engine::prepare(Run& run) {
    const core::Result<bool> ready = unit_.run("opening a target", Durability::asynchronous, [&](Catalog& catalog) -> core::Result<bool> {
        run.source = unit_.source(run.model.source_id, run.model.revision);
        run.stream = run.source->stream(run.model.stream);
        if (run.stream == nullptr)
            return Error{.code = Code::invalid_spec, .message = "source \"" + run.model.source + "\" has no stream \"" + run.model.stream + "\""};
        run.tables = {.main = run.model.target, .told = tables_told_of(catalog, run.model.account_id, *run.source, *run.stream)};
        if (!run.stream->expand.empty()) run.tables.inner = catalog.inner_targets(run.model.id);
        run.target = targets_.open(*run.source, run.model.revision, *run.stream, run.tables);
        auto readers = open_readers(catalog, run);
        if (!readers) return readers.error();
        core::State state = to_state(run.model.state, *run.stream);
        const core::Account account = to_account(*run.source, run.model);
        const auto seed = static_cast<std::uint64_t>(run.model.id) * 0x9E3779B97F4A7C15ULL ^ static_cast<std::uint64_t>(run.model.fence);
        run.sync.emplace(*run.source, *run.stream, run.target->applier->layout(), account, state, seed, std::move(*readers));
        if (run.stream->key_occurrence && state.reading())
            for (const core::Marks& marks : catalog.kept_marks(run.model.id)) run.sync->recall(marks);
        run.account = &run.sync->account();
        run.outcome.incremental = run.sync->incremental();
        run.outcome.max_attempts = run.source->retry.max_attempts;
        return true;
    });
    if (!ready) perform(run, core::Fail{.error = ready.error(), .state = {}, .tally = {}});
}

// The streams that read the rest of inner lists, and where their rows go.
core::Result<std::vector<core::ListReader>> Engine::open_readers(Catalog& catalog, Run& run) {
    auto lists = list_streams(catalog, run.model.account_id, *run.source, *run.stream);
    if (!lists) return lists.error();
    std::vector<core::ListReader> readers;
    for (ListStream& list : *lists) {
        RunContext& reader = run.readers.emplace_back();
        reader.model = run.model;
        reader.model.id = list.model;
        reader.model.stream = list.stream->name;
        reader.model.target = list.tables.main;
        reader.source = run.source;
        reader.stream = list.stream;
        reader.tables = std::move(list.tables);
        reader.target = targets_.open(*run.source, run.model.revision, *reader.stream, reader.tables);
        readers.push_back({.stream = reader.stream, .layout = reader.target->applier->layout()});
    }
    return readers;
}

// Carries out actions until one has to wait for the network.
void Engine::perform(Run& run, core::Action action) {
    std::optional<core::Action> next = std::move(action);
    while (next && !run.over)
        next = std::visit([&](auto&& what) { return carry_out(run, std::move(what)); }, std::move(*next));
}

std::optional<core::Action> Engine::carry_out(Run& run, core::Fetch fetch) {
    if (uptime() - run.began > std::chrono::seconds(settings().run_timeout_s)) {
        postpone(run, {.until = uptime(), .waits_for = "run timeout"});
        return std::nullopt;
    }
    // The lease is renewed by each page.
    bound_by_lease(fetch.request);
    if (!keep_lease(run, fetch.request.total_timeout + patience(), Patience::usual)) return std::nullopt;
    run.url = fetch.request.url;
    run.transfer = dispatcher_.send({.model = run.model.id,
                                     .account = run.model.account_id,
                                     .source_id = run.model.source_id,
                                     .source = run.source,
                                     .stream = run.sync->reading().name,
                                     .request = std::move(fetch.request),
                                     .lease_until = run.model.lease_until},
                                    run.sync->account());
    pages_in_flight_.emplace(*run.transfer, run.model.id);
    ++requests_;
    return std::nullopt;
}

// Sees to it that the lease lasts for `span` from now; else the run ends. A process that was stopped, or waited long for a token, asks before it sends anything.
bool Engine::keep_lease(Run& run, core::Duration span, Patience patience) {
    const core::Timestamp now = pg::now();
    if (run.model.lease_until && now + span <= *run.model.lease_until) return true;
    try {
        if (!unit_.run("renewing a lease", Durability::asynchronous, [&](Catalog& catalog) { return catalog.renew_lease(run.model); }, patience)) {
            lose(run);
            return false;
        }
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        run.outcome.message = "its lease could not be renewed: " + error.message();
        run.outcome.postponed_until = uptime();
        endings_.release_later(run.model, "interrupted", run.outcome.message);
        end(run);
        return false;
    }
    run.model.lease_until = now + lease_timeout();
    return true;
}

void Engine::keep_leases() {
    const core::Timestamp now = pg::now();
    for (auto& [id, run] : runs_)
        if (!run->over && run->model.lease_until && now >= *run->model.lease_until) keep_lease(*run, core::Duration{0}, Patience::brief);
}

std::optional<core::Action> Engine::carry_out(Run& run, core::GetToken get) {
    run.progress->enter("token");
    tokens_.ask(run.model, run.source, run.sync->account(), std::move(get.refused));
    return std::nullopt;
}

// T1b.
std::optional<core::Action> Engine::carry_out(Run& run, core::FindParts find) {
    core::Event event = core::PartsFound{};
    try {
        auto found = unit_.run("reading parents", Durability::asynchronous, [&](Catalog& catalog) -> core::Result<std::vector<core::Part>> {
            limit_write_time(unit_.session());
            if (find.list != nullptr) return find_list(catalog, run.context_of(find.list), find);
            return find_parts(catalog, run, find);
        });
        if (found) {
            event = core::PartsFound{std::move(*found)};
        } else {
            event = core::Broken{found.error()};
        }
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        event = core::Broken{to_error(error)};
    } catch (const pg::Raise& error) {
        event = core::Broken{to_error(error)};
    }
    return run.sync->on(std::move(event), pg::now());
}

// The page only waits for the writer here, so that the request of the next one leaves before it is written.
std::optional<core::Action> Engine::carry_out(Run& run, core::Apply what) {
    std::optional<core::Fetch> next = std::exchange(what.next, std::nullopt);
    run.progress->enter("writing");
    writer_.take(run, std::move(what));
    if (next) return carry_out(run, std::move(*next));
    return std::nullopt;
}

std::optional<core::Action> Engine::carry_out(Run&, core::Await) { return std::nullopt; }

// What became of a page that was given to the writer.
void Engine::settle(std::int32_t model, Verdict verdict) {
    const auto found = runs_.find(model);
    if (found == runs_.end() || found->second->over) return;
    Run& run = *found->second;
    if (auto* refused = std::get_if<core::Refused>(&verdict)) return perform(run, run.sync->on(std::move(*refused), pg::now()));
    if (std::holds_alternative<Fenced>(verdict)) return lose(run);
    const Committed& committed = std::get<Committed>(verdict);
    run.outcome.add(committed.tally);
    run.progress->add(committed.tally.pages, committed.tally.received, committed.tally.bytes);
    run.outcome.written += committed.written;
    perform(run, run.sync->on(core::Applied{}, pg::now()));
}

// What the run did since its last commit is void; what is left of its lease is given back so that the next run can begin.
void Engine::lose(Run& run) {
    endings_.release_lost(run.model);
    run.outcome.error = lease_lost();
    end(run);
}

// T5 for a run that failed: what was committed stays, the reason and the next attempt are written down.
std::optional<core::Action> Engine::carry_out(Run& run, core::Fail fail) {
    core::State state = fail.state;
    if (!run.sync) {  // it never began: the state stays as it was, but for one more failure
        if (run.stream != nullptr) state = to_state(run.model.state, *run.stream);
        state.failures = run.model.state.failures + 1;
        const core::Retry retry = run.source ? run.source->retry : core::Retry{};
        fail.retry_at = pg::now() + core::backoff(core::retry_rule(retry, fail.error.code), state.failures, 1.0);
    }
    // Whatever header or rule says so: those who share the limit wait as well.
    if (run.sync && fail.error.code == Code::rate_limited && fail.retry_at)
        dispatcher_.hold(run.model.source_id, run.source, run.model.account_id, run.sync->account(), run.url, *fail.retry_at - pg::now());
    Entry entry{.state = run.stream != nullptr ? to_stored(state, *run.stream) : run.model.state, .tally = fail.tally, .fetch_ms = milliseconds(run.fetched)};
    entry.state.failures = state.failures;
    std::optional<std::string> refused;
    if (run.sync && run.sync->account().token) refused = run.sync->account().token->access;
    const Patience patience = fail.error.sqlstate == kLockNotAvailable ? Patience::brief : Patience::usual;  // the same lock, maybe
    const auto fate = endings_.write(run.model, "recording a failure", [model = run.model, entry, refused, failed = fail](Catalog& catalog) {
        // Refused were the token and the secrets that the run had. If there are others by now, they are to be tried.
        std::optional<core::Timestamp> retry_at = failed.retry_at;
        if (failed.error.code == Code::needs_reauth && !catalog.park_account(credential_of(model), reason_of(failed.error), model.secrets_revision, refused))
            retry_at = pg::now();
        return catalog.save_page(model, entry) && catalog.fail_run(model, failed.error, retry_at);
    }, patience);
    if (fate == Endings::Fate::lost) {
        fail.error = lease_lost();
        fail.retry_at.reset();
    }
    run.outcome.add(fail.tally);
    run.outcome.error = std::move(fail.error);
    run.outcome.retry_at = fail.retry_at;
    end(run);
    return std::nullopt;
}

std::optional<core::Action> Engine::carry_out(Run& run, core::Done done) {
    run.outcome.message = std::move(done.message);
    end(run);
    return std::nullopt;
}

void Engine::end(Run& run) {
    if (run.over) return;
    run.over = true;
    drop(run);
    run.outcome.model = run.model;
    run.outcome.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(uptime() - run.began).count();
    outcomes_.push_back(std::move(run.outcome));
    ended_.push_back(run.model.id);
}

// Nothing comes to this run any more: the token that it waits for, what was not written, the page after one that could not be written.
void Engine::drop(Run& run) {
    tokens_.forget(run.model.id);
    writer_.forget(run.model.id);
    if (!run.transfer) return;
    dispatcher_.cancel(*run.transfer);
    pages_in_flight_.erase(*run.transfer);
    run.transfer.reset();
}

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
    for (Delivered& delivered : answers_.take(now, longest, goes_first())) {
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

// The run ends here with what it has committed; the next one goes on from there once the request may be sent.
void Engine::postpone(Run& run, const Postponed& wait) {
    if (run.sync->unapplied() > 0) writer_.flush();
    if (run.over) return;
    const auto fate = endings_.write(run.model, "postponing a run", [model = run.model, at = pg::now() + (wait.until - uptime()), what = wait.waits_for](Catalog& catalog) {
        return catalog.postpone_run(model, at, what);
    });
    if (fate == Endings::Fate::lost) {
        run.outcome.error = lease_lost();
    } else {
        run.outcome.postponed_until = wait.until;
        run.outcome.message = wait.waits_for == "run timeout" ? "the run took longer than upstream.run_timeout" : "waits for " + wait.waits_for;
    }
    end(run);
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
        run->over = true;
        drop(*run);
        endings_.release_later(run->model, status, message);
    }
    runs_.clear();
    ended_.clear();
    outcomes_.clear();
}

void Engine::abandon(const char* status, const std::string& message) {
    interrupt(status, message);
    tokens_.abandon();
    dispatcher_.flush();
    endings_.settle(uptime(), Patience::usual);
}

void Engine::forget() {
    for (auto& [id, run] : runs_) drop(*run);
    answers_.clear();
    tokens_.forget();
    endings_.forget();
    writer_.forget();
    runs_.clear();
    ended_.clear();
    targets_.forget();
}

}  // namespace upstream::worker
