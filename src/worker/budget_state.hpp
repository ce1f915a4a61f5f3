// One budget as a process knows it: its stock of permits, what has to go back, what was told. Internal to worker/budgets.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/budget.hpp"
#include "worker/budgets.hpp"

namespace upstream::worker {

struct Budget {
    struct Stock {
        core::Uptime booked;
        core::Uptime valid_until;
        double units;
    };
    struct Return {
        core::Uptime booked;
        double units;
        std::optional<core::Uptime> latest;  // nothing: never sent
    };

    BudgetKey key{};
    BudgetTerms terms{};
    core::Allowance allowance{};  // less the reserve
    double reserve = 0;
    double cost = 1;
    std::vector<Stock> stock{};
    std::vector<Return> returns{};
    core::Uptime returns_since{0};
    int wanted = 0;  // requests
    core::Duration longest_request{0};
    core::Uptime not_before{0};  // nothing is to be had until then

    // What was told, here or to another process.
    std::optional<core::Uptime> held_until{};
    std::string held_reason{};
    core::Duration spacing{0};
    std::optional<double> told_limit{}, remaining{}, percent{};
    core::Uptime told_at{0};
    bool news = false;      // to be written down
    bool announce = false;  // and to be seen by others at once

    [[nodiscard]] bool told_only() const { return key.ordinal == 0; }

    // Whether a request needs a permit of it: always one of the spec's, of what was told only while requests are spaced.
    [[nodiscard]] bool is_drawn_on() const { return !told_only() || spacing > core::Duration{0}; }

    // Whether the next exchange, or a look at what may be sent, has anything to do with it.
    [[nodiscard]] bool is_idle() const { return stock.empty() && returns.empty() && wanted == 0 && !news && !announce; }

    // Whether an exchange has something to read or write for it.
    [[nodiscard]] bool is_due(core::Uptime stale) const {
        return wanted > 0 || !returns.empty() || news || std::any_of(stock.begin(), stock.end(), [&](const Stock& set) { return set.valid_until <= stale; });
    }

    // Whether one that is made anew would be the same: nothing is had, owed or told.
    [[nodiscard]] bool is_as_new(core::Uptime now) const {
        const bool was_told = held_until || spacing > core::Duration{0} || told_limit || remaining || percent;
        return is_idle() && not_before <= now && !was_told;
    }

    // What may be drawn: the spec's limit, or a smaller one that the upstream names; of what was told, one request per spacing.
    [[nodiscard]] core::Allowance effective() const;

    [[nodiscard]] int stocked(core::Uptime now) const;  // requests
    [[nodiscard]] std::optional<Permit> take(core::Uptime now);
    void add_return(const Return& what, core::Uptime now);
    void drop_stock(core::Uptime until, core::Uptime now);  // what is valid until then at most, to be given back

    // Inside an exchange, on the locked row.
    void learn(const StoredBudget& row, core::Uptime now);  // what others were told
    void settle_into(StoredBudget& row, core::Uptime now);
    double draw_from(StoredBudget& row, core::Uptime now);  // units drawn
    void tell_to(StoredBudget& row, core::Uptime now);

    // Outside of one, on a row that may change at any moment: when it has room for one request.
    void look_at(StoredBudget row, core::Uptime now);
};

}  // namespace upstream::worker
