#include "worker/uptime.hpp"

#include <chrono>
#include <fstream>

#include "core/time.hpp"
#include "pg/process.hpp"

namespace upstream::worker {

core::Uptime uptime() { return std::chrono::duration_cast<core::Uptime>(std::chrono::steady_clock::now().time_since_epoch()); }

core::Uptime uptime_at(core::Timestamp time) { return uptime() + (time - pg::now()); }

const std::string& boot_id() {
    static const std::string id = [] {
        std::string text;
        std::ifstream{"/proc/sys/kernel/random/boot_id"} >> text;
        // Elsewhere the server's start has to do: budgets are spent anew after each.
        return text.empty() ? core::format_time(pg::postmaster_start(), core::TimeFormat::iso) : text;
    }();
    return id;
}

}  // namespace upstream::worker
