#include "worker/dispatch.hpp"

#include <algorithm>
#include <utility>

#include "core/graph_batch.hpp"
#include "core/url.hpp"
#include "pg/process.hpp"
#include "worker/dispatch_flight.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

using core::Uptime;

constexpr core::Duration kBetweenLooks = std::chrono::milliseconds(20);
constexpr core::Duration kProbeMargin = std::chrono::seconds(5);

}  // namespace

void bound_by_lease(core::Request& request) { request.total_timeout = std::min<core::Duration>(request.total_timeout, lease_timeout() / 3); }

Dispatcher::Dispatcher(Unit& unit, http::Options options, Tell tell) : unit_(unit), tell_(std::move(tell)), client_(std::move(options)) {}

Dispatcher::~Dispatcher() = default;

Ticket Dispatcher::send(Errand errand, const core::Account& account) {
    auto item = std::make_unique<Item>();
    item->ticket = ++last_ticket_;
    item->host = core::authority(errand.request.url);
    item->needs = budgets_.needs_of(*errand.source, errand.source_id, errand.account, account, errand.request, item->host);
    item->circuit = Circuits::key_of(*errand.source, errand.source_id, errand.account, errand.stream, item->host);
    if (errand.model != 0) item->batch = core::batch_key(*errand.source, errand.request);
    books_.try_emplace(errand.source_id, Books{.name = errand.source->name});
    item->errand = std::move(errand);
    waiting_.push_back(std::move(item));
    return last_ticket_;
}

bool Dispatcher::cancel(Ticket ticket) {
    std::erase_if(waiting_, [&](const auto& item) {
        if (item->ticket != ticket) return false;
        if (item->probe) circuits_.give_back_probe(item->circuit);
        return true;
    });
    std::erase_if(delivered_, [&](const Delivered& delivered) { return delivered.ticket == ticket; });
    for (auto& [id, flight] : flights_)
        for (const auto& item : flight.items) {
            if (item->ticket != ticket) continue;
            item->cancelled = true;
            if (std::any_of(flight.items.begin(), flight.items.end(), [](const auto& other) { return !other->cancelled; })) return true;
            client_.cancel(id);
            if (flight.probe) circuits_.give_back_probe(flight.circuit);
            for (const auto& each : flight.items) budgets_.settle(each->permits, uptime() + kStillOnTheWay);
            flights_.erase(id);
            return true;
        }
    return false;
}

void Dispatcher::hold(std::int32_t source_id, const std::shared_ptr<const core::Source>& source, std::int32_t account_id, const core::Account& account,
                      const std::string& url, core::Duration wait) {
    books_.try_emplace(source_id, Books{.name = source->name});
    const core::Request request{.url = url, .headers = {}};
    budgets_.hold(budgets_.needs_of(*source, source_id, account_id, account, request, core::authority(url)), wait, "rate limit", uptime());
}

void Dispatcher::wait_for(Item& item, Uptime until, const std::string& what) {
    item.not_before = until;
    item.waits_for = what;
    next_look_ = std::min(next_look_.value_or(until), until);
    if (item.errand.model != 0 && item.told != what) tell_(item.errand.model, "waiting", what);
    item.told = what;
}

// Whether nothing that is known here speaks against it, but for permits.
bool Dispatcher::may_go(Item& item, Load& load, Uptime now) {
    if (item.outlives_lease(pg::now())) {
        wait_for(item, now, "a new lease");
        return false;
    }
    const Books& books = books_.at(item.errand.source_id);
    if (!books.read) {
        wait_for(item, reading_.until(), "budget");
        return false;
    }
    const Earliest earliest = budgets_.earliest(item.needs, now);
    if (earliest.at > now) {
        wait_for(item, earliest.at, earliest.waits_for);
        return false;
    }
    const Circuits::Way way = circuits_.way(item.circuit, now);
    if (way != Circuits::Way::open_to_all && !item.probe) {
        if (way == Circuits::Way::probe_due) circuits_.want_probe(item.circuit, item.errand.request.total_timeout + kProbeMargin);
        wait_for(item, std::max<Uptime>({circuits_.probe_at(item.circuit), now + std::chrono::milliseconds(1), books.setback.until()}), "breaker");
        return false;
    }
    if (!load.add(item)) {
        // The end of a transfer is what to wait for.
        wait_for(item, now + std::chrono::seconds(1), "concurrency");
        return false;
    }
    return true;
}

// Calls `visit` for each that may go but for permits, in the order in which they came; it says whether that one goes.
template <class Visit>
void Dispatcher::choose(Uptime now, Visit&& visit) {
    Load load;
    for (const auto& [id, flight] : flights_) load.add_flight(flight);
    for (auto place = waiting_.begin(); place != waiting_.end();) {
        Item& item = **place;
        if (!may_go(item, load, now)) {
            ++place;
        } else if (visit(item)) {
            departing_.push_back(std::move(*place));
            place = waiting_.erase(place);
        } else {
            load.remove(item);
            ++place;
        }
    }
}

// One of those that wait for a host that this process may probe goes as the probe.
void Dispatcher::name_probes() {
    for (const auto& item : waiting_) {
        if (!circuits_.has_probe(item->circuit)) continue;
        const auto probes_it = [&](const auto& other) { return other->probe && other->circuit == item->circuit; };
        if (std::any_of(waiting_.begin(), waiting_.end(), probes_it)) continue;
        if (std::any_of(flights_.begin(), flights_.end(), [&](const auto& flight) { return flight.second.probe && flight.second.circuit == item->circuit; }))
            continue;
        item->probe = true;
    }
}

void Dispatcher::pump(core::Duration patience) {
    refresh(uptime());
    Uptime now = uptime();
    next_look_.reset();
    budgets_.want_nothing();
    circuits_.want_no_probe();
    choose(now, [&](Item& item) {
        budgets_.want(item.needs);
        return false;
    });
    if (exchange_due(now, now)) {
        now = uptime();  // permits that ran out while a lock was waited for are not taken
        name_probes();
    }
    choose(now, [&](Item& item) {
        std::optional<Permits> permits = budgets_.take(item.needs, now);
        if (!permits) {
            wait_for(item, std::max(now + kBetweenLooks, books_.at(item.errand.source_id).setback.until()), "budget");
            return false;
        }
        item.permits = std::move(*permits);
        return true;
    });
    depart(std::exchange(departing_, {}));
    postpone(patience, now);
    if (idle()) budgets_.forget_as_new(now);
    for (const auto& [source, books] : books_)
        if (const auto due = next_exchange(source, books)) next_look_ = std::min(next_look_.value_or(Uptime::max()), std::max(*due, books.setback.until()));
}

// Whoever would have to wait too long is told when to come back. With full jitter over a tenth of the wait, so that not all come back at once.
void Dispatcher::postpone(core::Duration patience, Uptime now) {
    const core::Timestamp wall = pg::now();
    std::erase_if(waiting_, [&](const auto& item) {
        const bool too_late = item->outlives_lease(wall);
        const bool too_long = item->errand.model != 0 && item->not_before - now > patience;
        if (!too_long && !too_late) return false;
        const Uptime until = item->not_before + std::chrono::milliseconds(item->ticket % 16 * 25);
        if (item->probe) circuits_.give_back_probe(item->circuit);
        delivered_.push_back({.ticket = item->ticket,
                              .result = core::Error{.code = core::Code::rate_limited, .message = "waits for " + item->waits_for},
                              .duration = {},
                              .postponed = Postponed{.until = until, .waits_for = item->waits_for}});
        return true;
    });
}

std::optional<std::chrono::milliseconds> Dispatcher::timeout() const {
    std::optional<std::chrono::milliseconds> timeout = client_.timeout();
    if (!delivered_.empty()) return std::chrono::milliseconds(0);
    if (!next_look_) return timeout;
    const auto left = std::max(std::chrono::ceil<std::chrono::milliseconds>(*next_look_ - uptime()), std::chrono::milliseconds(0));
    return std::min(timeout.value_or(left), left);
}

std::vector<Delivered> Dispatcher::take_delivered() {
    for (http::Finished& finished : client_.take_finished()) finish(std::move(finished));
    return std::exchange(delivered_, {});
}

}  // namespace upstream::worker
