// The rows that say what limits requests, which all processes share: what is read of them, and what is exchanged with them.
//
// Each source has a transaction of its own. Whoever holds rows of one, be it a session that called release_limits() and sits there, holds up that one: its
// exchange is tried again later, and waits for locks only for a moment then.
#include <algorithm>

#include "pg/error.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "worker/dispatch_flight.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

using core::Uptime;

constexpr core::Duration kRefreshWithoutSignal = std::chrono::milliseconds(200);
constexpr core::Duration kTrafficWithin = std::chrono::seconds(1);

}  // namespace

// Reads what other processes were told, if there is anything new. Until that succeeds, what waits for those sources stays.
void Dispatcher::refresh(Uptime now) {
    const std::optional<std::uint64_t> version = limits_version();
    if (version ? version != seen_version_ : now - refreshed_ > kRefreshWithoutSignal)
        for (auto& [source, books] : books_) books.read = false;
    seen_version_ = version;
    const bool all_read = std::ranges::all_of(books_, [](const auto& source) { return source.second.read; });
    if (waiting_.empty() || all_read || now < reading_.until()) return;
    std::vector<std::int32_t> sources;
    for (auto& [source, books] : books_) sources.push_back(source);
    try {
        unit_.run("reading limits", Durability::asynchronous, [&](Catalog& catalog) {
            budgets_.refresh(catalog, sources, now);
            circuits_.refresh(catalog, sources);
        }, patience_of(reading_));
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        if (!reading_.lasts()) pg::log_warning("could not read what limits requests: " + error.message());
        return reading_.suffer(uptime());
    }
    reading_.overcome();
    for (auto& [source, books] : books_) books.read = true;
    refreshed_ = now;
}

// When there is something to be exchanged with the rows of that source though nobody wants permits; nothing if there is not.
std::optional<Uptime> Dispatcher::next_exchange(std::int32_t source, const Books& books) const {
    std::optional<Uptime> next = budgets_.next_exchange(source, idle());
    const auto at = [&](Uptime time) { next = std::min(next.value_or(time), time); };
    if (circuits_.has_news(source)) at(Uptime{0});
    if (circuits_.has_traffic(source)) at(idle() ? Uptime{0} : books.traffic_written + kTrafficWithin);
    return next;
}

// The exchanges that are due; of those that failed before, the ones to be tried again by `tried_again`. False if there was none.
bool Dispatcher::exchange_due(Uptime now, Uptime tried_again) {
    bool any = false;
    bool waited = false;  // for one of them in vain: that is long enough
    for (auto& [source, books] : books_) {
        const std::optional<Uptime> due = next_exchange(source, books);
        if (books.setback.until() > tried_again || (!budgets_.lacks_permits(source, now) && (!due || *due > now))) continue;
        const Patience patience = waited ? Patience::brief : patience_of(books.setback);
        waited |= !exchange(source, books, patience) && patience == Patience::usual;
        any = true;
    }
    return any;
}

// One short transaction: what was used goes back, what is wanted is drawn, what hosts do is written down. All of it is known here only once it is committed; after
// an error at the commit, too, nothing of it has happened.
bool Dispatcher::exchange(std::int32_t source, Books& books, Patience patience) {
    const Uptime now = uptime();
    Circuits circuits = circuits_;
    try {
        unit_.run("drawing on budgets", Durability::asynchronous, [&](Catalog& catalog) {
            budgets_.exchange(catalog, source, now, idle());
            circuits.exchange(catalog, source, pg::now());
        }, patience);
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        if (!books.setback.lasts()) pg::log_warning("could not draw on rate budgets of source \"" + books.name + "\": " + error.message());
        books.setback.suffer(uptime());
        return false;
    }
    budgets_.exchanged();
    circuits_ = std::move(circuits);
    books.traffic_written = now;
    books.setback.overcome();
    return true;
}

void Dispatcher::flush() {
    budgets_.want_nothing();
    circuits_.want_no_probe();
    exchange_due(uptime(), Uptime::max());
}

}  // namespace upstream::worker
