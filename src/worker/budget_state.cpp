#include "worker/budget_state.hpp"

#include <algorithm>
#include <cmath>

#include "pg/process.hpp"

namespace upstream::worker {
namespace {

using core::Uptime;

constexpr core::Duration kValidity = std::chrono::seconds(2);   // of permits in stock
constexpr core::Duration kLookAgain = std::chrono::seconds(1);  // others may give permits back
constexpr core::Duration kObservationLasts = std::chrono::milliseconds(250);
constexpr double kSmallSet = 8;  // permits drawn ahead, while there is plenty
constexpr double kNothing = 1e-9;

}  // namespace

core::Allowance Budget::effective() const {
    if (told_only()) return {.limit = 1, .per = std::max(spacing, core::Duration{1})};
    if (!told_limit || *told_limit >= terms.limit || *told_limit < 1) return allowance;
    return core::Allowance::of(*told_limit, allowance.per, reserve, cost);
}

int Budget::stocked(Uptime now) const {
    double requests = 0;
    for (const Stock& set : stock)
        if (set.valid_until > now) requests += std::floor(set.units / cost + kNothing);
    return static_cast<int>(requests);
}

std::optional<Permit> Budget::take(Uptime now) {
    const auto set = std::find_if(stock.begin(), stock.end(), [&](const Stock& s) { return s.valid_until > now && s.units >= cost - kNothing; });
    if (set == stock.end()) return std::nullopt;
    const Permit permit{.budget = this, .booked = set->booked, .units = cost};
    set->units -= cost;
    if (set->units <= kNothing) stock.erase(set);
    return permit;
}

void Budget::add_return(const Return& what, Uptime now) {
    if (returns.empty()) returns_since = now;
    returns.push_back(what);
}

void Budget::drop_stock(Uptime until, Uptime now) {
    for (const Stock& set : stock)
        if (set.valid_until <= until) add_return({.booked = set.booked, .units = set.units, .latest = {}}, now);
    std::erase_if(stock, [&](const Stock& set) { return set.valid_until <= until; });
}

void Budget::learn(const StoredBudget& row, Uptime now) {
    if (row.held_until && *row.held_until > now && (!held_until || *row.held_until > *held_until)) {
        held_until = row.held_until;
        held_reason = row.held_reason;
    }
    if (!news) {  // the row knows all that is known here, or somebody lifted it
        if (told_only() && !row.held_until) held_until.reset();
        told_limit = row.told_limit;
        spacing = row.spacing;
        percent = row.told_percent;
    }
}

void Budget::settle_into(StoredBudget& row, Uptime now) {
    const core::Allowance rule = effective();
    for (const Return& back : returns) {
        if (back.latest) {
            row.ledger.settle(rule, back.booked, back.units, *back.latest);
        } else {
            row.ledger.give_back(back.booked, back.units);
        }
    }
    returns.clear();
    row.ledger.expire(rule, now);
    // Somebody else draws on the same budget at the upstream: what it says is left is all there is.
    if (told_only() || !news || !remaining || now - told_at > kObservationLasts) return;
    const double there = std::max(*remaining - reserve * terms.limit, 0.0);
    const double here = row.ledger.left(rule);
    if (there < here - kNothing) row.ledger.book(rule, here - there, now);
}

// In whole requests: half of what one costs is of no use to anybody.
double Budget::draw_from(StoredBudget& row, Uptime now) {
    const core::Allowance rule = effective();
    const double possible = std::floor(row.ledger.left(rule) / cost + kNothing);
    const double lacking = std::max(wanted - stocked(now), 0);
    double requests = std::min(lacking, possible);
    not_before = requests < lacking ? std::clamp(row.ledger.when(rule, cost, now), now + core::Duration{1000}, now + kLookAgain) : Uptime{0};
    if (lacking > 0 && requests == lacking && !told_only()) requests += std::min(kSmallSet, std::floor((possible - requests) / 8));
    if (requests > 0) {
        const Uptime valid_until = now + kValidity;
        const Uptime booked = row.ledger.book(rule, requests * cost, valid_until + longest_request);
        stock.push_back({.booked = booked, .valid_until = valid_until, .units = requests * cost});
    }
    wanted = 0;
    return requests * cost;
}

void Budget::look_at(StoredBudget row, Uptime now) {
    learn(row, now);
    row.ledger.expire(effective(), now);
    not_before = is_drawn_on() ? row.ledger.when(effective(), cost, now) : Uptime{0};
}

void Budget::tell_to(StoredBudget& row, Uptime now) {
    row.told_limit = told_limit;
    row.told_remaining = remaining;
    row.told_percent = percent;
    row.spacing = spacing;
    if (held_until && *held_until > now && (!row.held_until || *held_until > *row.held_until)) {
        row.held_until = held_until;
        row.held_until_time = pg::now() + (*held_until - now);
        row.held_reason = held_reason;
    }
    news = false;
    announce = false;
}

}  // namespace upstream::worker
