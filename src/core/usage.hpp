// What an answer's headers tell of the upstream's limits: how long to wait, what is left, how much is used.
//
// Headers are the upstream's claims, so each is taken for what it can be: a wait is at most a day; a date in the past, a negative number or nonsense is no wait; where
// several say something, the longest wait counts.
#pragma once

#include <optional>

#include "core/request.hpp"
#include "core/source.hpp"
#include "core/time.hpp"

namespace upstream::core {

struct Told {
    std::optional<Duration> hold{};     // send nothing for so long
    std::optional<double> remaining{};  // units left in the upstream's window
    std::optional<double> limit{};      // that it names
    std::optional<double> percent{};    // of a limit that is used
    Duration spacing{0};                // between requests, from the percentage on at which the spec slows down
};

// With the rules of the spec; of a source without rate_limit, RateLimit{}. `limit_was_hit`: a rule of the spec says so, whatever the status.
[[nodiscard]] Told read_limits(const RateLimit& rules, const Response& answer, Timestamp now, bool limit_was_hit = false);

// How long a failed answer asks to wait. The same as hold, for whoever only wants that.
[[nodiscard]] std::optional<Duration> asked_wait(const Source& source, const Response& answer, Timestamp now, bool limit_was_hit = false);

}  // namespace upstream::core
