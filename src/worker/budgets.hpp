// Rate budgets of this process's requests, and their rows in upstream.budgets that all processes share.
//
//   needs_of()   which budgets a request draws on: those of the spec that match it, and what the upstream told about its host and credential
//   take()       permits out of the stock that was drawn before; nothing if it is too small
//   exchange()   in one short transaction for each source: gives back and settles what was used, writes down what upstreams told, draws what is wanted
//
// Permits are drawn in small sets: what is wanted now, and a few more while there is plenty. Each is booked in the row's ledger (core/budget.hpp, with the
// proof) until its validity and the longest request that may use it are over, so nothing is owed by a process that dies.
//
// What an upstream told (Retry-After, nothing remaining, a high percentage) is kept under host and credential, ordinal 0: it stops or spaces the requests of
// every model that uses them, in every process, and nobody else's. A change is announced in shared memory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/account.hpp"
#include "core/budget.hpp"
#include "core/source.hpp"
#include "core/usage.hpp"
#include "worker/catalog.hpp"

namespace upstream::worker {

struct Budget;

struct Needs {
    Budget* told = nullptr;           // ordinal 0
    std::vector<Budget*> budgets{};   // of the spec
    core::Duration time_limit{0};     // of the request
};

struct Permit {
    Budget* budget;
    core::Uptime booked;
    double units;
};
using Permits = std::vector<Permit>;

// When a request may go at the earliest, as far as is known here, and what it waits for ("" if it need not).
struct Earliest {
    core::Uptime at{0};
    std::string waits_for{};
};

class Budgets {
  public:
    Budgets();
    ~Budgets();

    [[nodiscard]] Needs needs_of(const core::Source& source, std::int32_t source_id, std::int32_t account_id, const core::Account& account,
                                 const core::Request& request, const std::string& host);

    [[nodiscard]] Earliest earliest(const Needs& needs, core::Uptime now) const;
    [[nodiscard]] std::optional<Permits> take(const Needs& needs, core::Uptime now);

    // Reads the rows of a request that is to go without permits, so that earliest() knows them: out of a transaction that may last, nothing can be drawn.
    void look(Catalog& catalog, const Needs& needs, core::Uptime now);

    // What is to be had with the next exchange(), and whether the stock of that source's is too small for it.
    void want_nothing();
    void want(const Needs& needs);
    [[nodiscard]] bool lacks_permits(std::int32_t source, core::Uptime now) const;

    // What became of permits: counted by the upstream at `latest` or before; or never sent.
    void settle(const Permits& permits, core::Uptime latest);
    void give_back(const Permits& permits);

    // What an answer told; or that everybody is to wait that long.
    void tell(const Needs& needs, const core::Told& told, core::Uptime now);
    void hold(const Needs& needs, core::Duration wait, const std::string& reason, core::Uptime now);

    // When the next exchange() of a source is due even if nobody wants permits. While nothing is sent (idle) all that is in stock goes back.
    [[nodiscard]] std::optional<core::Uptime> next_exchange(std::int32_t source, bool idle) const;

    // What it changes here holds once exchanged() says that its transaction is committed; if it is not, all is as it was before.
    void exchange(Catalog& catalog, std::int32_t source, core::Uptime now, bool idle);
    void exchanged();

    // Forgets those of which nothing is known, so that they do not grow in number with the accounts. Only while there are no Needs and Permits.
    void forget_as_new(core::Uptime now);

    // Other processes learned something: read it.
    void refresh(Catalog& catalog, const std::vector<std::int32_t>& sources, core::Uptime now);

  private:
    struct InOrder {
        using is_transparent = void;
        bool operator()(const Budget* a, const Budget* b) const;  // of their keys
        bool operator()(const Budget* budget, std::int32_t source) const;
        bool operator()(std::int32_t source, const Budget* budget) const;
    };
    struct OfSource {
        std::set<Budget*, InOrder>::const_iterator first, last;
        [[nodiscard]] auto begin() const { return first; }
        [[nodiscard]] auto end() const { return last; }
    };

    Budget& budget(BudgetKey key);
    void heed(Budget& budget) { heeded_.insert(&budget); }
    [[nodiscard]] OfSource heeded_of(std::int32_t source) const { return {heeded_.lower_bound(source), heeded_.upper_bound(source)}; }

    std::map<BudgetKey, std::unique_ptr<Budget>> budgets_;
    std::set<Budget*, InOrder> heeded_{};  // those of which something is wanted, had, owed or to be told, among the many of all accounts
    std::vector<Budget> after_exchange_;  // what becomes of them
};

}  // namespace upstream::worker
