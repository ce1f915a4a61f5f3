// From departure to answer: transfers, the batches among them, and what each answer teaches.
#include "worker/dispatch_flight.hpp"

#include <algorithm>
#include <limits>

#include "core/graph_batch.hpp"
#include "core/usage.hpp"
#include "pg/process.hpp"
#include "pg/stop_point.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

using core::Uptime;

constexpr int kTimesUndone = 3;                                     // that an item may come back from a batch as null

}  // namespace

std::optional<Uptime> Dispatcher::Item::send_by() const {
    if (!errand.lease_until) return std::nullopt;
    const Uptime now = uptime();
    return now + (*errand.lease_until - errand.request.total_timeout - pg::now());
}

bool Dispatcher::Load::opens_transfer(const Item& item) const {
    if (!item.batch) return true;
    const auto found = batch.find({item.errand.source_id, *item.batch, item.group});
    return found == batch.end() || found->second % item.errand.source->batch->max == 0;
}

bool Dispatcher::Load::add(const Item& item) {
    const core::Concurrency& most = item.errand.source->concurrency;
    const auto full = [](const std::optional<std::int64_t>& limit, int count) { return limit && count >= *limit; };
    const Errand& errand = item.errand;
    const bool opens = opens_transfer(item);
    if (opens && full(most.source, source[errand.source_id])) return false;
    if (full(most.account, account[errand.account])) return false;
    // One at a time, unless the source says more: a stream's requests come from its own model, and from one whose inner lists it reads the rest of.
    const std::int64_t of_stream = errand.model == 0 ? std::numeric_limits<std::int64_t>::max() : most.stream.value_or(1);
    if (full(of_stream, stream[{errand.account, errand.stream}])) return false;
    source[errand.source_id] += opens ? 1 : 0;
    ++account[errand.account];
    ++stream[{errand.account, errand.stream}];
    if (item.batch) ++batch[{errand.source_id, *item.batch, item.group}];
    return true;
}

void Dispatcher::Load::remove(const Item& item) {
    if (item.batch) --batch[{item.errand.source_id, *item.batch, item.group}];
    source[item.errand.source_id] -= opens_transfer(item) ? 1 : 0;
    --account[item.errand.account];
    --stream[{item.errand.account, item.errand.stream}];
}

void Dispatcher::Load::add_flight(const Flight& flight) {
    ++source[flight.items.front()->errand.source_id];
    for (const auto& item : flight.items) {
        ++account[item->errand.account];
        ++stream[{item->errand.account, item->errand.stream}];
    }
}

// Those that may share a batch leave together; a probe leaves alone.
void Dispatcher::depart(Items ready) {
    std::map<std::tuple<std::int32_t, std::string, std::int64_t>, Items> together;
    for (auto& item : ready) {
        if (item->batch && !item->probe) {
            const std::size_t most = static_cast<std::size_t>(item->errand.source->batch->max);
            Items& items = together[{item->errand.source_id, *item->batch, item->group}];
            items.push_back(std::move(item));
            if (items.size() >= most) start(std::exchange(items, {}));
        } else {
            Items alone;
            alone.push_back(std::move(item));
            start(std::move(alone));
        }
    }
    for (auto& [key, items] : together)
        if (!items.empty()) start(std::move(items));
}

void Dispatcher::start(Items items) {
    const Item& first = *items.front();
    Flight flight{.items = {}, .circuit = first.circuit, .rule = core::BreakerRule::of(*first.errand.source), .probe = first.probe, .batch = first.batch.has_value()};
    core::Request request = first.errand.request;
    if (flight.batch) {
        std::vector<const core::Request*> requests;
        for (const auto& item : items) requests.push_back(&item->errand.request);
        request = core::encode_batch(*first.errand.source, requests);
    }
    for (const auto& item : items)
        if (const auto limit = item->send_by()) request.send_by = std::min(request.send_by.value_or(*limit), *limit);
    UPSTREAM_STOP("before sending a request");
    const http::TransferId id = client_.start(request);
    // One permit for all of them, if the upstream counts a batch as one request.
    if (flight.batch && !first.errand.source->batch->counts_each)
        for (std::size_t i = 1; i < items.size(); ++i) budgets_.give_back(std::exchange(items[i]->permits, {}));
    for (auto& item : items) {
        if (item->errand.model != 0) tell_(item->errand.model, "requesting", "");
        item->told.clear();
        flight.items.push_back(std::move(item));
    }
    flights_.emplace(id, std::move(flight));
}

void Dispatcher::finish(http::Finished finished) {
    const auto found = flights_.find(finished.id);
    if (found == flights_.end()) return;
    Flight flight = std::move(found->second);
    flights_.erase(found);
    const Uptime now = uptime();
    if (finished.late) return put_back(std::move(flight), now);
    circuits_.report(flight.circuit, flight.rule, finished.result, finished.duration, flight.probe);
    // The upstream has counted what it answered; what it did not answer may still be on the way.
    for (const auto& item : flight.items)
        budgets_.settle(std::exchange(item->permits, {}), finished.result ? now : now + kStillOnTheWay);
    if (!flight.batch) return finish_item(std::move(flight.items.front()), std::move(finished.result), finished.duration, now);
    if (divide(flight, finished.result)) return;
    if (finished.result && finished.result->status == 200) return finish_batch(std::move(flight), *finished.result, finished.duration, now);
    for (auto& item : flight.items) finish_item(std::move(item), finished.result, finished.duration, now);
}

// Nothing was sent: it waits again, till its sender has a new lease.
void Dispatcher::put_back(Flight flight, Uptime now) {
    if (flight.probe) circuits_.give_back_probe(flight.circuit);
    for (auto& item : flight.items) {
        budgets_.give_back(std::exchange(item->permits, {}));
        item->probe = false;
        if (!item->cancelled) waiting_.push_back(std::move(item));
    }
    next_look_ = now;
}

// A batch that is refused as a whole, or whose answer is too large, goes again in two halves: in the end what is wrong with one request is that one's trouble.
bool Dispatcher::divide(Flight& flight, const core::Result<core::Response>& result) {
    const bool refused = result && result->status >= 400 && result->status < 500 && result->status != 408 && result->status != 429;
    const bool too_large = !result && result.error().code == core::Code::too_large;
    if ((!refused && !too_large) || flight.items.size() < 2) return false;
    std::erase_if(flight.items, [](const auto& item) { return item->cancelled; });
    const std::size_t half = flight.items.size() / 2;
    for (std::size_t i = 0; i < flight.items.size(); ++i) {
        flight.items[i]->group = last_group_ + (i < half ? 1 : 2);
        waiting_.push_back(std::move(flight.items[i]));
    }
    last_group_ += 2;
    return true;
}

void Dispatcher::finish_batch(Flight flight, const core::Response& answer, core::Duration duration, Uptime now) {
    auto results = core::decode_batch(answer, flight.items.size());
    const std::int64_t undone_group = ++last_group_;
    for (std::size_t i = 0; i < flight.items.size(); ++i) {
        std::unique_ptr<Item>& item = flight.items[i];
        if (!results) {
            finish_item(std::move(item), results.error(), duration, now);
        } else if ((*results)[i]) {
            finish_item(std::move(item), std::move(*(*results)[i]), duration, now);
        } else if (++item->times_undone < kTimesUndone) {
            item->group = undone_group;  // with the others that were not done, and nobody else
            if (!item->cancelled) waiting_.push_back(std::move(item));
        } else {
            finish_item(std::move(item), core::Error{.code = core::Code::server_error, .message = "the upstream did not carry out the request in any of three batches"},
                        duration, now);
        }
    }
}

void Dispatcher::finish_item(std::unique_ptr<Item> item, core::Result<core::Response> result, core::Duration duration, Uptime now) {
    if (result) {
        const core::Told told = core::read_limits(item->errand.source->rate_limit.value_or(core::RateLimit{}), *result, pg::now());
        budgets_.tell(item->needs, told, now);
    }
    if (!item->cancelled) delivered_.push_back({.ticket = item->ticket, .result = std::move(result), .duration = duration});
}

}  // namespace upstream::worker
