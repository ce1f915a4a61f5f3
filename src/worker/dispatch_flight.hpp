// What travels: an errand with its permits, and a transfer with the errands that it carries. Internal to worker/dispatch.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "worker/dispatch.hpp"

namespace upstream::worker {

struct Dispatcher::Item {
    Ticket ticket = 0;
    Errand errand{};
    Needs needs{};
    std::string host{};
    HostKey circuit{};
    std::optional<std::string> batch{};  // key of those that may travel with it
    std::int64_t group = 0;              // and of a batch that was divided
    int times_undone = 0;                // null in a batch's answer
    bool probe = false;
    bool cancelled = false;
    Permits permits{};
    core::Uptime not_before{0};
    std::string waits_for{};
    std::string told{};  // what was last told of it

    // The answer is to be here within the lease. send_by() asks the steady clock first: a stop between the two makes it earlier, not later.
    [[nodiscard]] std::optional<core::Uptime> send_by() const;
    [[nodiscard]] bool outlives_lease(core::Timestamp now) const { return errand.lease_until && now + errand.request.total_timeout > *errand.lease_until; }
};

struct Dispatcher::Flight {
    Items items{};
    HostKey circuit{};
    core::BreakerRule rule{};
    bool probe = false;
    bool batch = false;
};

// Counts what is on the wire, and what is about to be.
struct Dispatcher::Load {
    std::map<std::int32_t, int> source{};
    std::map<std::int32_t, int> account{};
    std::map<std::pair<std::int32_t, std::string>, int> stream{};
    std::map<std::tuple<std::int32_t, std::string, std::int64_t>, int> batch{};  // items that are about to travel together

    // Whether the limits of its source allow one more; if so it is counted.
    bool add(const Item& item);
    void add_flight(const Flight& flight);
    void remove(const Item& item);  // that was counted by add(), and stays

  private:
    bool opens_transfer(const Item& item) const;
};

}  // namespace upstream::worker
