// A circuit breaker as data: an upstream that keeps failing is left alone for a while, then asked with a single request.
//
//             failures in a row              probe_at, the one that claims it
//   closed ----------------------> open ----------------------------------------> half_open
//      ^                            ^                                                |   |
//      |                            +------------- the probe failed, longer ---------+   |
//      +-------------------------------------- it was answered --------------------------+
//
// Only what says something about the host counts: no answer, 408 and 5xx. Any other answer, a 401 or 429 included, proves that the host works; what is wrong with
// one account is no reason to leave the others waiting.
#pragma once

#include <string>

#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "core/time.hpp"

namespace upstream::core {

struct Circuit {
    enum class State { closed, open, half_open };
    State state = State::closed;
    int failures = 0;      // in a row
    int openings = 0;      // in a row, without an answer in between
    Timestamp since{};     // of the state
    Timestamp probe_at{};  // open: when the probe is due; half_open: when another may be sent, should the prober have died

    // Whether requests may be sent; and if not, whether this one may go as the probe.
    [[nodiscard]] bool lets_through() const { return state == State::closed; }
    [[nodiscard]] bool probe_is_due(Timestamp now) const { return state != State::closed && probe_at <= now; }
    bool operator==(const Circuit&) const = default;
};

// When it opens, and for how long: full jitter over cooldown, doubled with each opening up to `longest`.
struct BreakerRule {
    int failures = 5;
    Duration cooldown = std::chrono::seconds(1);
    Duration longest = std::chrono::minutes(5);

    // The spec's, or what follows from its `retry`.
    [[nodiscard]] static BreakerRule of(const Source& source);
};

[[nodiscard]] Circuit begin_probe(Circuit circuit, Timestamp now, Duration time_limit);
[[nodiscard]] Circuit give_back_probe(Circuit circuit, Timestamp now);

// After a request that failed; `random` is uniform in [0, 1). What was sent before the circuit opened does not prolong it.
[[nodiscard]] Circuit after_failure(Circuit circuit, const BreakerRule& rule, bool was_probe, Timestamp now, double random);
[[nodiscard]] Circuit after_answer(Circuit circuit, Timestamp now);

// Whether that is how a host in trouble answers.
[[nodiscard]] bool is_host_trouble(const Result<Response>& result);

[[nodiscard]] std::string name(Circuit::State state);
[[nodiscard]] Circuit::State circuit_state(const std::string& name);

}  // namespace upstream::core
