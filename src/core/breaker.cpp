#include "core/breaker.hpp"

#include <algorithm>

#include "core/backoff.hpp"

namespace upstream::core {

BreakerRule BreakerRule::of(const Source& source) {
    if (source.breaker)
        return {.failures = static_cast<int>(std::min<std::int64_t>(source.breaker->failures, 1'000'000)),
                .cooldown = source.breaker->cooldown,
                .longest = std::max<Duration>(source.breaker->cooldown, std::chrono::minutes(5))};
    return {.cooldown = source.retry.base, .longest = source.retry.max};
}

Circuit begin_probe(Circuit circuit, Timestamp now, Duration time_limit) {
    if (circuit.state != Circuit::State::half_open) circuit.since = now;
    circuit.state = Circuit::State::half_open;
    circuit.probe_at = now + time_limit;
    return circuit;
}

Circuit give_back_probe(Circuit circuit, Timestamp now) {
    if (circuit.state != Circuit::State::half_open) return circuit;
    circuit.state = Circuit::State::open;
    circuit.probe_at = now;
    return circuit;
}

Circuit after_failure(Circuit circuit, const BreakerRule& rule, bool was_probe, Timestamp now, double random) {
    if (circuit.state != Circuit::State::closed && !was_probe) return circuit;
    ++circuit.failures;
    if (circuit.state == Circuit::State::closed && circuit.failures < rule.failures) return circuit;
    ++circuit.openings;
    circuit.state = Circuit::State::open;
    circuit.since = now;
    circuit.probe_at = now + backoff({.base = rule.cooldown, .max = rule.longest, .jitter = 1.0}, circuit.openings, random);
    return circuit;
}

Circuit after_answer(Circuit circuit, Timestamp now) {
    if (circuit.state != Circuit::State::closed) circuit.since = now;
    circuit.state = Circuit::State::closed;
    circuit.failures = 0;
    circuit.openings = 0;
    circuit.probe_at = {};
    return circuit;
}

bool is_host_trouble(const Result<Response>& result) {
    if (result) return result->status == 408 || result->status >= 500;
    switch (result.error().code) {
        case Code::net_dns:
        case Code::net_connect:
        case Code::net_tls:
        case Code::net_timeout:
        case Code::net_partial: return true;
        default: return false;
    }
}

std::string name(Circuit::State state) {
    switch (state) {
        case Circuit::State::closed: return "closed";
        case Circuit::State::open: return "open";
        case Circuit::State::half_open: return "half_open";
    }
    return "closed";
}

Circuit::State circuit_state(const std::string& name) {
    if (name == "open") return Circuit::State::open;
    return name == "half_open" ? Circuit::State::half_open : Circuit::State::closed;
}

}  // namespace upstream::core
