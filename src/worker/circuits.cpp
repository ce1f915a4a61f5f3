#include "worker/circuits.hpp"

#include <algorithm>
#include <random>

#include "pg/process.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

double uniform() {
    static std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>{}(random);
}

std::string failure_text(const core::Result<core::Response>& result) {
    return result ? "status " + std::to_string(result->status) : result.error().message;
}

}  // namespace

HostKey Circuits::key_of(const core::Source& source, std::int32_t source_id, std::int32_t account_id, const std::string& stream, const std::string& host) {
    HostKey key{.source = source_id, .host = host};
    if (!source.breaker) return key;
    if (source.breaker->scope == core::Breaker::Scope::account) key.scope = "account:" + std::to_string(account_id);
    if (source.breaker->scope == core::Breaker::Scope::stream) key.scope = "stream:" + stream;
    return key;
}

void Circuits::know(const HostKey& key, const core::Circuit& circuit) { known_[key] = {.circuit = circuit, .probe_at = uptime_at(circuit.probe_at)}; }

// What is stored is due by the clock, or has been waited for, if it is what was read then.
bool Circuits::probe_is_due(const HostKey& key, const core::Circuit& stored, core::Timestamp now) const {
    if (stored.probe_is_due(now)) return true;
    const auto found = known_.find(key);
    return found != known_.end() && found->second.circuit == stored && !stored.lets_through() && found->second.probe_at <= uptime();
}

Circuits::Way Circuits::way(const HostKey& key, core::Uptime now) const {
    const auto found = known_.find(key);
    if (found == known_.end() || found->second.circuit.lets_through()) return Way::open_to_all;
    return found->second.probe_at <= now ? Way::probe_due : Way::blocked;
}

core::Uptime Circuits::probe_at(const HostKey& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? core::Uptime{} : found->second.probe_at;
}

void Circuits::want_no_probe() {
    std::erase_if(events_, [](const Event& event) { return event.kind == Event::Kind::want_probe; });
}

void Circuits::want_probe(const HostKey& key, core::Duration time_limit) {
    const auto same = [&](const Event& event) { return event.kind == Event::Kind::want_probe && event.key == key; };
    if (std::none_of(events_.begin(), events_.end(), same)) events_.push_back({.kind = Event::Kind::want_probe, .key = key, .time_limit = time_limit});
}

void Circuits::give_back_probe(const HostKey& key) {
    if (probes_.erase(key) > 0) events_.push_back({.kind = Event::Kind::give_back, .key = key});
}

void Circuits::report(const HostKey& key, const core::BreakerRule& rule, const core::Result<core::Response>& result, core::Duration duration, bool was_probe) {
    const bool trouble = core::is_host_trouble(result);
    const bool failed = !result || result->status >= 400;
    HostTraffic& traffic = traffic_[key];
    ++traffic.requests;
    traffic.milliseconds += std::chrono::duration<double, std::milli>(duration).count();
    if (result) traffic.bytes += static_cast<std::int64_t>(result->wire_bytes);
    if (failed) {
        ++traffic.failures;
        traffic.last_error = failure_text(result);
    }
    if (was_probe) probes_.erase(key);
    if (trouble) {
        events_.push_back({.kind = Event::Kind::failure, .key = key, .rule = rule, .was_probe = was_probe});
    } else if (known_.contains(key)) {
        events_.push_back({.kind = Event::Kind::answer, .key = key});
    }
}

bool Circuits::has_news(std::int32_t source) const {
    return std::ranges::any_of(events_, [&](const Event& event) { return event.key.source == source; });
}

bool Circuits::has_traffic(std::int32_t source) const {
    return std::ranges::any_of(traffic_, [&](const auto& traffic) { return traffic.first.source == source; });
}

void Circuits::exchange(Catalog& catalog, std::int32_t source, core::Timestamp now) {
    // Row by row in the order of their keys, so that processes do not deadlock; of one key in the order in which things happened.
    std::stable_sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) { return a.key < b.key; });
    bool announce = false;
    auto traffic = traffic_.begin();
    const auto add_traffic_before = [&](const HostKey* end) {
        for (; traffic != traffic_.end() && (end == nullptr || traffic->first < *end); ++traffic)
            if (traffic->first.source == source) catalog.add_traffic(traffic->first, traffic->second);
    };
    for (const Event& event : events_) {
        if (event.key.source != source) continue;
        add_traffic_before(&event.key);
        core::Circuit before = catalog.lock_circuit(event.key);
        core::Circuit after = before;
        if (event.kind == Event::Kind::failure) after = core::after_failure(before, event.rule, event.was_probe, now, uniform());
        if (event.kind == Event::Kind::answer) after = core::after_answer(before, now);
        if (event.kind == Event::Kind::give_back) after = core::give_back_probe(before, now);
        if (event.kind == Event::Kind::want_probe && probe_is_due(event.key, before, now)) {
            after = core::begin_probe(before, now, event.time_limit);
            probes_.insert(event.key);
        }
        if (after != before) catalog.save_circuit(event.key, after);
        announce |= after.state != before.state || after.probe_at != before.probe_at;
        if (after.lets_through() && after.failures == 0) known_.erase(event.key);
        else know(event.key, after);
    }
    std::erase_if(events_, [&](const Event& event) { return event.key.source == source; });
    add_traffic_before(nullptr);
    std::erase_if(traffic_, [&](const auto& each) { return each.first.source == source; });
    if (announce) pg::on_commit(limits_changed);
}

void Circuits::refresh(Catalog& catalog, const std::vector<std::int32_t>& sources) {
    const std::vector<LimitCatalog::KnownCircuit> found = catalog.circuits(sources);
    known_.clear();
    for (const LimitCatalog::KnownCircuit& known : found) know(known.key, known.circuit);
}

}  // namespace upstream::worker
