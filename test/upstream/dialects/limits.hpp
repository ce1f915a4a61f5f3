// What an upstream allows in a span of time: token buckets and sliding windows by key, and what was asked of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "dialects/json.hpp"
#include "options.hpp"

namespace simulator {

struct LimitRule {
    enum class Kind : std::uint8_t { none, bucket, sliding };
    Kind kind = Kind::none;
    std::int64_t limit = 0;
    std::int64_t window_us = 60'000'000;  // bucket: the time in which it fills
};

// The setup options `limit` (0: none) and `window_ms`, where they differ from the dialect's own.
void read_limit(Options& options, LimitRule& rule);

struct Verdict {
    bool admitted = true;
    std::int64_t remaining = 0;
    std::int64_t wait_us = 0;  // until one more would be admitted, if this was not
};

class Limits {
  public:
    Limits() = default;
    explicit Limits(const LimitRule& rule) : rule_(rule) {}

    // Counts a request of that key; it costs what it costs only if it is admitted.
    Verdict ask(const std::string& key, std::int64_t now_us);

    // "budgets": {"<key>": {"requests", "refused", "max_in_window"}}: the largest number of requests in any window.
    void write_stats(Json& json) const;
    void reset_stats();

    // What the last answer to ask() left.
    [[nodiscard]] std::int64_t remaining(const std::string& key) const { return budgets_.at(key).remaining; }

    [[nodiscard]] const LimitRule& rule() const { return rule_; }

  private:
    struct Budget {
        std::deque<std::int64_t> asked;     // within the last window, refused ones included
        std::deque<std::int64_t> admitted;  // sliding: within the last window
        double left = -1;                   // bucket; below zero: not yet asked
        std::int64_t filled_us = 0;
        std::int64_t remaining = 0;
        std::int64_t requests = 0;
        std::int64_t refused = 0;
        std::int64_t max_in_window = 0;
    };

    Verdict ask_bucket(Budget& budget, std::int64_t now_us) const;
    Verdict ask_window(Budget& budget, std::int64_t now_us) const;

    LimitRule rule_;
    std::map<std::string, Budget> budgets_;
};

}  // namespace simulator
