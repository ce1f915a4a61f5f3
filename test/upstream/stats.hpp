// What the simulator counts about the requests it saw, and the log of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace simulator {

// Shared with the requests in flight, which may outlive the setup they were made under.
struct ModelCounters {
    std::int64_t requests = 0;
    std::int64_t overlaps = 0;
    std::int64_t rows_served = 0;
    std::int64_t in_flight = 0;
};

struct AccountCounters {
    std::int64_t refreshes = 0;
    std::int64_t early_refreshes = 0;
    std::int64_t grace_uses = 0;
    std::int64_t reuses = 0;
    std::int64_t unauthorized = 0;
};

class RequestLog {
  public:
    // Keys and tokens in the query are masked: logs end up in reports.
    void add(std::string_view method, std::string_view target, int status);
    void clear();

    // The lines from number `since` on (the first ever is 0), as far as they are still kept; if asked for with the time at which each was written
    // (monotonic, in microseconds) in front.
    [[nodiscard]] std::string text(std::int64_t since, bool with_times = false) const;
    [[nodiscard]] std::int64_t next() const { return first_ + static_cast<std::int64_t>(lines_.size()); }
    [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  private:
    std::deque<std::string> lines_;
    std::deque<std::int64_t> times_;
    std::int64_t first_ = 0;
};

struct Stats {
    std::int64_t requests = 0;
    std::int64_t token_requests = 0;
    std::int64_t mutations = 0;
    std::int64_t faults = 0;
    std::int64_t bytes = 0;
    std::int64_t last_request_us = 0;
    RequestLog log;
};

struct World;

// The document that GET /_control/stats answers.
[[nodiscard]] std::string stats_json(const World& world);

// Everything back to zero except what is in flight.
void reset_stats(World& world);

}  // namespace simulator
