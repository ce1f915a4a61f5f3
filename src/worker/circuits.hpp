// The circuit breakers of hosts, and what was sent to each: upstream.hosts, shared by all processes.
//
// While a host answers, nothing is read or written but the counters, once a second at most. A failure of the host's own kind (core/breaker.hpp), and the
// first answer after one, go into its row at once; opening and closing are announced in shared memory. Whoever finds a probe due claims it in the row, so that
// one request goes out, however many processes wait.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/breaker.hpp"
#include "worker/catalog.hpp"

namespace upstream::worker {

class Circuits {
  public:
    enum class Way { open_to_all, probe_due, blocked };

    [[nodiscard]] static HostKey key_of(const core::Source& source, std::int32_t source_id, std::int32_t account_id, const std::string& stream, const std::string& host);

    // As far as is known here. By uptime: a clock that was set back makes nobody wait.
    [[nodiscard]] Way way(const HostKey& key, core::Uptime now) const;
    [[nodiscard]] core::Uptime probe_at(const HostKey& key) const;

    // Which probes are asked for with the next exchange(); whether one was had.
    void want_no_probe();
    void want_probe(const HostKey& key, core::Duration time_limit);
    [[nodiscard]] bool has_probe(const HostKey& key) const { return probes_.contains(key); }
    void give_back_probe(const HostKey& key);

    void report(const HostKey& key, const core::BreakerRule& rule, const core::Result<core::Response>& result, core::Duration duration, bool was_probe);

    [[nodiscard]] bool has_news(std::int32_t source) const;
    [[nodiscard]] bool has_traffic(std::int32_t source) const;

    // Writes a source's down. To be done on a copy, which holds once the transaction is committed.
    void exchange(Catalog& catalog, std::int32_t source, core::Timestamp now);
    void refresh(Catalog& catalog, const std::vector<std::int32_t>& sources);

  private:
    struct Event {
        enum class Kind { failure, answer, want_probe, give_back } kind;
        HostKey key;
        core::BreakerRule rule{};
        core::Duration time_limit{0};
        bool was_probe = false;
    };
    struct Known {
        core::Circuit circuit;
        core::Uptime probe_at;  // its time when it was read
    };
    void know(const HostKey& key, const core::Circuit& circuit);
    [[nodiscard]] bool probe_is_due(const HostKey& key, const core::Circuit& stored, core::Timestamp now) const;
    std::map<HostKey, Known> known_;  // those that are not as new
    std::set<HostKey> probes_;                // claimed by this process
    std::vector<Event> events_;
    std::map<HostKey, HostTraffic> traffic_;
};

}  // namespace upstream::worker
