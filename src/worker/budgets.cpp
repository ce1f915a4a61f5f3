#include "worker/budgets.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/loop_guard.hpp"
#include "pg/process.hpp"
#include "worker/budget_state.hpp"
#include "worker/shared.hpp"

namespace upstream::worker {
namespace {

using core::Uptime;

constexpr core::Duration kReturnWithin = std::chrono::seconds(1);  // what is settled or not needed goes back to the others
constexpr double kScarce = 0.1;  // of a limit: from there on the upstream's own count is written down at once

// The path of a request below the source's base_url, without its query.
std::string path_below(const core::Source& source, const core::Account& account, const std::string& url) {
    std::string path = url.substr(0, url.find_first_of("?#"));
    if (const auto base = source.base_url.render(core::account_lookup(account)); base && path.starts_with(*base)) return path.substr(base->size());
    const std::size_t host = path.find("://");
    const std::size_t slash = path.find('/', host == std::string::npos ? 0 : host + 3);
    return slash == std::string::npos ? "/" : path.substr(slash);
}

core::Duration span_of(const core::Interval& interval, const core::Account& account) {
    if (interval.from)
        if (const auto text = interval.from->render(core::account_lookup(account)))
            if (const auto span = core::parse_interval(*text)) return *span;
    return interval.span;
}

const char* algorithm_name(core::RateLimit::Algorithm algorithm) {
    using Algorithm = core::RateLimit::Algorithm;
    switch (algorithm) {
        case Algorithm::fixed_window: return "fixed_window";
        case Algorithm::sliding_window: return "sliding_window";
        case Algorithm::token_bucket: return "token_bucket";
    }
    return "";
}

// A short mark of a client id: the row need not show it.
std::string mark_of(const std::string& text) {
    std::array<char, 16> digits{};
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), core::mark_of(text), 16).ptr};
}

// Fills in who shares a budget of that scope.
void set_scope(BudgetKey& key, core::RateLimit::Scope scope, std::int32_t account_id, const core::Account& account) {
    using Scope = core::RateLimit::Scope;
    if (scope == Scope::source) key.scope = "source";
    if (scope == Scope::account) {
        key.scope = "account";
        key.holder = std::to_string(account_id);
    }
    if (scope == Scope::app) {
        key.scope = "app";
        const auto client = account.secrets.find("client_id");
        if (client != account.secrets.end()) key.holder = mark_of(client->second);
    }
}

// The budgets that a header about limits can mean: if it names the limit, the one of that limit; else the narrowest.
Budget* meant_by(const Needs& needs, const core::Told& told) {
    if (needs.budgets.empty()) return nullptr;
    if (told.limit)
        for (Budget* budget : needs.budgets)
            if (budget->terms.limit == *told.limit) return budget;
    const auto narrow = std::find_if(needs.budgets.begin(), needs.budgets.end(), [](const Budget* b) { return b->key.scope == "account"; });
    return narrow == needs.budgets.end() ? needs.budgets.front() : *narrow;
}

}  // namespace

Budgets::Budgets() = default;
Budgets::~Budgets() = default;

bool Budgets::InOrder::operator()(const Budget* a, const Budget* b) const { return a->key < b->key; }
bool Budgets::InOrder::operator()(const Budget* budget, std::int32_t source) const { return budget->key.source < source; }
bool Budgets::InOrder::operator()(std::int32_t source, const Budget* budget) const { return source < budget->key.source; }

Budget& Budgets::budget(BudgetKey key) {
    std::unique_ptr<Budget>& place = budgets_[key];
    if (!place) {
        place = std::make_unique<Budget>();
        place->key = std::move(key);
    }
    return *place;
}

Needs Budgets::needs_of(const core::Source& source, std::int32_t source_id, std::int32_t account_id, const core::Account& account,
                        const core::Request& request, const std::string& host) {
    Needs needs{.time_limit = request.total_timeout};
    BudgetKey told{.source = source_id, .host = host};
    core::RateLimit::Scope narrowest = core::RateLimit::Scope::account;
    if (source.rate_limit) {
        const std::string path = path_below(source, account, request.url);
        for (std::size_t i = 0; i < source.rate_limit->budgets.size(); ++i) {
            const core::RateLimit::Budget& rule = source.rate_limit->budgets[i];
            if (i == 0 || rule.scope > narrowest) narrowest = rule.scope;
            if (!rule.match_method.empty() && rule.match_method != request.method) continue;
            if (!core::matches_path(rule.match_path, path)) continue;
            BudgetKey key{.source = source_id, .ordinal = static_cast<std::int32_t>(i) + 1};
            set_scope(key, rule.scope, account_id, account);
            Budget& found = budget(std::move(key));
            const core::Duration per = span_of(rule.per, account);
            found.terms = {.limit = rule.limit, .per = std::chrono::duration<double>(per).count(), .algorithm = algorithm_name(rule.algorithm)};
            found.reserve = source.rate_limit->reserve;
            found.cost = rule.cost;
            found.allowance = core::Allowance::of(rule.limit, per, found.reserve, rule.cost);
            needs.budgets.push_back(&found);
        }
    }
    set_scope(told, narrowest, account_id, account);
    needs.told = &budget(std::move(told));
    return needs;
}

Earliest Budgets::earliest(const Needs& needs, Uptime now) const {
    Earliest earliest;
    const auto later = [&](Uptime at, const std::string& why) {
        if (at > now && at > earliest.at) earliest = {.at = at, .waits_for = why};
    };
    if (needs.told->held_until) later(*needs.told->held_until, needs.told->held_reason);
    if (needs.told->is_drawn_on()) later(needs.told->not_before, "spacing");
    for (const Budget* budget : needs.budgets) later(budget->not_before, "budget");
    return earliest;
}

void Budgets::look(Catalog& catalog, const Needs& needs, Uptime now) {
    const auto look_at = [&](Budget* budget) {
        if (const std::optional<StoredBudget> row = catalog.find_budget(budget->key, now)) budget->look_at(*row, now);
    };
    look_at(needs.told);
    std::for_each(needs.budgets.begin(), needs.budgets.end(), look_at);
}

std::optional<Permits> Budgets::take(const Needs& needs, Uptime now) {
    Permits permits;
    const auto add = [&](Budget* budget) {
        if (!budget->is_drawn_on()) return true;
        const std::optional<Permit> permit = budget->take(now);
        if (permit) permits.push_back(*permit);
        return permit.has_value();
    };
    if (add(needs.told) && std::all_of(needs.budgets.begin(), needs.budgets.end(), add)) return permits;
    give_back(permits);
    return std::nullopt;
}

void Budgets::want(const Needs& needs) {
    const auto add = [&](Budget* budget) {
        if (!budget->is_drawn_on()) return;
        ++budget->wanted;
        heed(*budget);
        budget->longest_request = std::max(budget->longest_request, needs.time_limit);
    };
    add(needs.told);
    std::for_each(needs.budgets.begin(), needs.budgets.end(), add);
}

void Budgets::want_nothing() {
    for (Budget* budget : heeded_) budget->wanted = 0;
    std::erase_if(heeded_, [](const Budget* budget) { return budget->is_idle(); });
}

bool Budgets::lacks_permits(std::int32_t source, Uptime now) const {
    const OfSource heeded = heeded_of(source);
    return std::any_of(heeded.begin(), heeded.end(), [&](const Budget* budget) { return budget->wanted > budget->stocked(now); });
}

void Budgets::settle(const Permits& permits, Uptime latest) {
    for (const Permit& permit : permits) {
        permit.budget->add_return({.booked = permit.booked, .units = permit.units, .latest = latest}, latest);
        heed(*permit.budget);
    }
}

// Into the stock, for the next one: it was booked for longer than its validity there.
void Budgets::give_back(const Permits& permits) {
    for (const Permit& permit : permits) {
        permit.budget->stock.push_back({.booked = permit.booked, .valid_until = permit.booked - permit.budget->longest_request, .units = permit.units});
        heed(*permit.budget);
    }
}

void Budgets::tell(const Needs& needs, const core::Told& told, Uptime now) {
    Budget& general = *needs.told;
    if (told.hold && *told.hold > core::Duration{0}) hold(needs, *told.hold, "rate limit", now);
    if (told.percent) general.percent = told.percent;
    // A spacing that differs by little is not worth a transaction.
    const bool was_spaced = general.spacing > core::Duration{0};
    const bool is_spaced = told.spacing > core::Duration{0};
    if (told.percent && (was_spaced != is_spaced || std::abs((told.spacing - general.spacing).count()) > general.spacing.count() / 8)) {
        general.spacing = told.spacing;
        general.news = general.announce = true;
        general.told_at = now;
        heed(general);
    }
    Budget* const meant = meant_by(needs, told);
    if (meant == nullptr || (!told.limit && !told.remaining)) return;
    const bool other_limit = told.limit && told.limit != meant->told_limit && *told.limit != meant->terms.limit;
    if (told.limit) meant->told_limit = told.limit;
    meant->remaining = told.remaining;
    meant->told_at = now;
    if (other_limit || (told.remaining && *told.remaining <= kScarce * meant->terms.limit)) {
        meant->news = true;
        heed(*meant);
    }
}

void Budgets::hold(const Needs& needs, core::Duration wait, const std::string& reason, Uptime now) {
    Budget& general = *needs.told;
    if (general.held_until && *general.held_until >= now + wait) return;
    general.held_until = now + wait;
    general.held_reason = reason;
    general.told_at = now;
    general.news = general.announce = true;
    heed(general);
}

std::optional<Uptime> Budgets::next_exchange(std::int32_t source, bool idle) const {
    std::optional<Uptime> next;
    const auto at = [&](Uptime time) { next = std::min(next.value_or(time), time); };
    for (const Budget* budget : heeded_of(source)) {
        if (budget->news) at(Uptime{0});
        if (!budget->returns.empty()) at(idle ? Uptime{0} : budget->returns_since + kReturnWithin);
        for (const Budget::Stock& set : budget->stock) at(idle ? Uptime{0} : set.valid_until);
    }
    return next;
}

// In the order of the keys, so that processes do not deadlock.
void Budgets::exchange(Catalog& catalog, std::int32_t source, Uptime now, bool idle) {
    const Uptime stale = idle ? Uptime::max() : now;
    bool announce = false;
    after_exchange_.clear();
    for (const Budget* before : heeded_of(source)) {
        if (!before->is_due(stale)) continue;
        Budget& budget = after_exchange_.emplace_back(*before);
        announce |= budget.announce;
        budget.drop_stock(stale, now);
        StoredBudget row = catalog.lock_budget(budget.key, budget.terms, now);
        budget.learn(row, now);
        budget.settle_into(row, now);
        const double drawn = budget.draw_from(row, now);
        if (budget.news) budget.tell_to(row, now);
        catalog.save_budget(budget.key, row, drawn);
    }
    if (announce) pg::on_commit(limits_changed);
}

void Budgets::exchanged() {
    for (Budget& budget : after_exchange_) *budgets_.at(budget.key) = std::move(budget);
    after_exchange_.clear();
}

void Budgets::forget_as_new(Uptime now) {
    std::erase_if(heeded_, [](const Budget* budget) { return budget->is_idle(); });
    std::erase_if(budgets_, [&](const auto& entry) { return entry.second->is_as_new(now); });
}

void Budgets::refresh(Catalog& catalog, const std::vector<std::int32_t>& sources, Uptime now) {
    for (const LimitCatalog::ToldBudget& told : catalog.told_budgets(sources, now)) budget(told.key).learn(told.budget, now);
}

}  // namespace upstream::worker
