// A rate budget as data: how many units may still be sent so that no window of the upstream's ever sees more than the limit.
//
// Of one request we know when its permit was had (g) and when its answer was there, or it was given up (c); the upstream counts it at some moment a
// between the two, by its own clock, and nobody tells us which. The ledger therefore keeps each unit from g until `per` after c.
//
//   Claim. With at most `limit` units in the ledger at any time, no window [s, s + per) at the upstream counts more than `limit`.
//   Proof. Say one does. Take the request r of those in it whose permit was had last, at g_r. Each other request i in it had its permit before, and was
//   counted at a_i >= s, so its answer came at c_i >= a_i >= s. Because g_r <= a_r < s + per <= c_i + per, each of them is still in the ledger at g_r, or
//   still in flight, which the ledger keeps as well. So the ledger held more than limit at g_r, and r had no permit. Contradiction.
//
// The proof does not ask how long the way is, how many processes draw, or when the windows begin; so the one ledger serves all three ways in which
// upstreams count. A sliding window is the claim itself. A fixed window is one of those windows. A bucket of `limit` tokens that gains limit / per never runs
// dry: any span t is covered by ceil(t / per) windows, so at most limit * ceil(t / per) <= limit + limit * t / per arrive in it.
//
// What is lost: the time of the way (per + c - g instead of per between uses of a unit), and the rounding. Times are kept rounded up to per / 128, so that
// an entry per request is not needed: at most 128 settled entries, and a bound of 0.8 %; another 0.1 % is for clocks that run at different speeds.
//
// What is not answered yet is booked at the latest moment at which it could be: validity of the permit plus the time limit of the request. That is what a process
// leaves behind that dies: nothing has to be cleaned up. Whoever lives settles the booking with the true time, or gives it back unused.
//
// Times are on a clock that does not jump (time since boot), because a step of the wall clock would forget what was sent, or remember it for hours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.hpp"

namespace upstream::core {

struct Allowance {
    double limit = 0;  // units
    Duration per{0};

    // The allowance that leaves the part `reserve` to others. If not even one request of that cost fits, the window grows until one does.
    [[nodiscard]] static Allowance of(double limit, Duration per, double reserve, double cost);
};

class Ledger {
  public:
    struct Entry {
        Uptime latest;  // counted by the upstream at this moment or before
        double units;
        bool operator==(const Entry&) const = default;
    };

    Ledger() = default;
    explicit Ledger(std::vector<Entry> entries) : entries_(std::move(entries)) {}
    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }  // by time

    // Forgets what no window that is still open contains.
    void expire(const Allowance& allowance, Uptime now);

    // Units in the ledger, and those that may be had.
    [[nodiscard]] double spent() const;
    [[nodiscard]] double left(const Allowance& allowance) const;

    // Books units that may reach the upstream until `latest`; returns the time under which they stand.
    Uptime book(const Allowance& allowance, double units, Uptime latest);

    // Of the units booked under `booked`: they were counted by `latest` at the latest; or they were never sent.
    void settle(const Allowance& allowance, Uptime booked, double units, Uptime latest);
    void give_back(Uptime booked, double units);

    // When that many units can be had, if what is in flight were answered now; now if they can.
    [[nodiscard]] Uptime when(const Allowance& allowance, double units, Uptime now) const;

    // The machine has started anew, and its clock with it: all that was spent counts from now.
    void restart(const Allowance& allowance, Uptime now);

  private:
    [[nodiscard]] bool take(Uptime booked, double units);
    std::vector<Entry> entries_;
};

// As JSON: [[latest in microseconds, units], ...]; what cannot be read is an empty ledger.
[[nodiscard]] std::string to_json(const Ledger& ledger);
[[nodiscard]] Ledger ledger_from_json(std::string_view text);

// Whether a budget's `match` covers a request: any method if "", any path if ""; in a path "*" is one segment and a final "**" the rest.
[[nodiscard]] bool matches_path(std::string_view pattern, std::string_view path);

}  // namespace upstream::core
