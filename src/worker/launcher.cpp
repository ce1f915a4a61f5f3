#include "worker/launcher.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "core/time.hpp"
#include "pg/background.hpp"
#include "pg/log.hpp"
#include "pg/process.hpp"
#include "pg/wait_set.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr core::Duration kFirstWait = std::chrono::seconds(1);
constexpr core::Duration kLongestWait = std::chrono::minutes(1);
constexpr core::Duration kLongEnough = std::chrono::seconds(5);  // who lived for so long did not fail at its start

struct Entry {
    BackgroundWorkerHandle* handle = nullptr;
    core::Uptime started_at{};
    core::Uptime not_before{};
    core::Duration wait = kFirstWait;
    std::string complaint;  // last logged, so that it is logged once
};

// A place to fill: the nth worker of a database.
using Post = std::pair<std::string, int>;

class Launcher {
  public:
    // Starts and stops what has to be; returns when to look again.
    std::optional<core::Uptime> look(core::Uptime now) {
        const std::vector<std::string> databases = list_of(settings().databases);
        std::vector<Post> wanted;
        for (const std::string& name : databases)
            for (int number = 1; number <= settings().workers; ++number) wanted.emplace_back(name, number);
        std::erase_if(entries_, [&](auto& entry) {
            if (std::find(wanted.begin(), wanted.end(), entry.first) != wanted.end()) return false;
            if (entry.second.handle != nullptr) pg::stop_worker(entry.second.handle);
            return true;
        });
        std::optional<core::Uptime> next;
        for (const Post& post : wanted) {
            Entry& entry = entries_[post];
            see_to(post, entry, now);
            if (entry.handle == nullptr && (!next || entry.not_before < *next)) next = entry.not_before;
        }
        return next;
    }

    // What is missing may be there now: somebody reloaded the configuration.
    void hurry() {
        for (auto& [post, entry] : entries_)
            if (!entry.complaint.empty()) entry.not_before = {};
    }

  private:
    static void see_to(const Post& post, Entry& entry, core::Uptime now) {
        const auto& [name, number] = post;
        if (entry.handle != nullptr) {
            if (pg::is_started(entry.handle)) return;
            entry.handle = nullptr;
            entry.wait = now - entry.started_at >= kLongEnough ? kFirstWait : std::min(entry.wait * 2, kLongestWait);
            entry.not_before = now + entry.wait;
        }
        if (now < entry.not_before) return;
        const auto database = pg::find_database(name);
        if (!database) return put_off(entry, now, "database \"" + name + "\" of upstream.databases does not exist or cannot be connected to");
        entry.handle = pg::start_worker("pg_upstream worker for " + name + (number > 1 ? " (" + std::to_string(number) + ")" : ""), kWorkerFunction, *database);
        if (entry.handle == nullptr) return put_off(entry, now, "no free worker slot for database \"" + name + "\"; raise max_worker_processes");
        entry.started_at = now;
        entry.complaint.clear();
    }

    static void put_off(Entry& entry, core::Uptime now, std::string complaint) {
        entry.not_before = now + kLongestWait;
        if (entry.complaint == complaint) return;
        pg::log_warning(complaint);
        entry.complaint = std::move(complaint);
    }

    std::map<Post, Entry> entries_;
};

}  // namespace

void launch_workers() {
    pg::become_worker(std::nullopt);
    Launcher launcher;
    for (;;) {
        const auto next = launcher.look(uptime());
        std::optional<std::chrono::milliseconds> timeout;
        if (next) timeout = std::max(std::chrono::ceil<std::chrono::milliseconds>(*next - uptime()), std::chrono::milliseconds{0});
        if (pg::wait(timeout).latch) launcher.hurry();
    }
}

}  // namespace upstream::worker
