#include "worker/engine_run.hpp"

#include <utility>

#include "core/backoff.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/convert.hpp"
#include "worker/parents.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

constexpr std::size_t kAnswersAtOnce = 4;  // before sockets are looked at again

double milliseconds(std::chrono::microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

Error lease_lost() { return Error{.code = Code::fenced, .message = "the lease was lost: the model was altered, reset or taken over"}; }

}  // namespace

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

// T1b. Parents whose table was waited for in vain are left alone for a while: all models that are read for them would hold up the others for as long, one after the
// other. Who calls a procedure waits for what it wants.
std::optional<core::Action> Engine::carry_out(Run& run, core::FindParts find) {
    Setback& setback = parents_[{run.model.source_id, run.stream->name}];
    const bool patient = unit_.session().kind() == pg::Session::Kind::procedure;
    core::Event event = core::PartsFound{};
    try {
        if (!patient && uptime() < setback.until())
            throw pg::Raise(ERRCODE_LOCK_NOT_AVAILABLE, "the rows that stream \"" + run.stream->name + "\" is read for were waited for in vain a moment ago");
        auto found = unit_.run("reading parents", Durability::asynchronous, [&](Catalog& catalog) -> core::Result<std::vector<core::Part>> {
            limit_write_time(unit_.session());
            if (find.list != nullptr) return find_list(catalog, run.context_of(find.list), find);
            return find_parts(catalog, run, find);
        }, patient ? Patience::usual : patience_of(setback));
        setback.overcome();
        if (found) {
            event = core::PartsFound{std::move(*found)};
        } else {
            event = core::Broken{found.error()};
        }
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        if (error.sqlerrcode() == ERRCODE_LOCK_NOT_AVAILABLE) setback.suffer(uptime());
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
    const auto fate = endings_.write(run.model, "recording a failure", [model = run.model, entry, refused, failed = fail](Catalog& catalog) {
        // Refused were the token and the secrets that the run had. If there are others by now, they are to be tried.
        std::optional<core::Timestamp> retry_at = failed.retry_at;
        if (failed.error.code == Code::needs_reauth && !catalog.park_account(credential_of(model), reason_of(failed.error), model.secrets_revision, refused))
            retry_at = pg::now();
        return catalog.save_page(model, entry) && catalog.fail_run(model, failed.error, retry_at);
    });
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

}  // namespace upstream::worker
