#include "dialects/limits.hpp"

#include <algorithm>
#include <cmath>

namespace simulator {

namespace {

void drop_old(std::deque<std::int64_t>& times, std::int64_t before_us) {
    while (!times.empty() && times.front() <= before_us) times.pop_front();
}

}  // namespace

void read_limit(Options& options, LimitRule& rule) {
    rule.limit = options.integer("limit", rule.limit, 0, 1'000'000'000);
    rule.window_us = options.integer("window_ms", rule.window_us / 1000, 1, 86'400'000) * 1000;
    if (rule.limit == 0) rule.kind = LimitRule::Kind::none;
}

Verdict Limits::ask_bucket(Budget& budget, std::int64_t now_us) const {
    const auto limit = static_cast<double>(rule_.limit);
    const double per_us = limit / static_cast<double>(rule_.window_us);
    if (budget.left < 0) budget.left = limit;
    budget.left = std::min(limit, budget.left + static_cast<double>(now_us - budget.filled_us) * per_us);
    budget.filled_us = now_us;
    if (budget.left < 1) return {false, 0, static_cast<std::int64_t>(std::ceil((1 - budget.left) / per_us))};
    budget.left -= 1;
    return {true, static_cast<std::int64_t>(budget.left)};
}

Verdict Limits::ask_window(Budget& budget, std::int64_t now_us) const {
    drop_old(budget.admitted, now_us - rule_.window_us);
    const auto used = static_cast<std::int64_t>(budget.admitted.size());
    if (used >= rule_.limit) return {false, 0, budget.admitted.front() + rule_.window_us - now_us};
    budget.admitted.push_back(now_us);
    return {true, rule_.limit - used - 1};
}

Verdict Limits::ask(const std::string& key, std::int64_t now_us) {
    Budget& budget = budgets_[key];
    ++budget.requests;
    drop_old(budget.asked, now_us - rule_.window_us);
    budget.asked.push_back(now_us);
    budget.max_in_window = std::max(budget.max_in_window, static_cast<std::int64_t>(budget.asked.size()));
    Verdict verdict;
    if (rule_.kind == LimitRule::Kind::bucket) verdict = ask_bucket(budget, now_us);
    if (rule_.kind == LimitRule::Kind::sliding) verdict = ask_window(budget, now_us);
    if (!verdict.admitted) ++budget.refused;
    budget.remaining = verdict.remaining;
    return verdict;
}

void Limits::write_stats(Json& json) const {
    json.open("budgets");
    for (const auto& [key, budget] : budgets_) {
        json.open(key).number("requests", budget.requests).number("refused", budget.refused);
        json.number("max_in_window", budget.max_in_window).close();
    }
    json.close();
}

void Limits::reset_stats() {
    for (auto& [key, budget] : budgets_) budget.requests = budget.refused = budget.max_in_window = 0;
}

}  // namespace simulator
