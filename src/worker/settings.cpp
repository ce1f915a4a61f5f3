#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <algorithm>

#include "pg/process.hpp"
#include "worker/settings.hpp"
#include "worker/version.hpp"

namespace upstream::worker {
namespace {

constexpr std::size_t kOtherDescriptors = 256;  // files of tables and the like, for which Postgres makes do with what is left

// Plain data that Postgres writes into; no destructor.
Settings values;

void define(const char* name, const char* what, bool* value, bool initial) {
    DefineCustomBoolVariable(name, what, nullptr, value, initial, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

void define(const char* name, const char* what, const char* more, char** value, GucContext context) {
    DefineCustomStringVariable(name, what, more, value, "", context, GUC_LIST_INPUT, nullptr, nullptr, nullptr);
}

void define(const char* name, const char* what, int* value, int initial, int least, int most, int unit) {
    DefineCustomIntVariable(name, what, nullptr, value, initial, least, most, PGC_SIGHUP, unit, nullptr, nullptr, nullptr);
}

constexpr config_enum_entry kWritePaths[] = {
    {"auto", static_cast<int>(WritePath::automatic), false},
    {"upsert", static_cast<int>(WritePath::upsert), false},
    {"bulk", static_cast<int>(WritePath::bulk), false},
    {nullptr, 0, false},
};

}  // namespace

const Settings& settings() { return values; }

std::chrono::milliseconds lease_timeout() { return std::chrono::milliseconds(values.lease_timeout_ms); }

void define_settings() {
    define("upstream.allow_http", "Allows sources without TLS.", &values.allow_http, false);
    define("upstream.allow_private_addresses", "Allows requests to loopback, private and link-local addresses.",
           &values.allow_private_addresses, false);
    define("upstream.allowed_hosts", "Hosts that requests may go to.", "Names or *.domain; empty allows any host.", &values.allowed_hosts, PGC_SIGHUP);
    DefineCustomStringVariable("upstream.ca_file", "File with the certificate authorities that are trusted.",
                               "Empty takes the system's.", &values.ca_file, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    define("upstream.databases", "Databases in which a worker syncs.", "Needs pg_upstream in shared_preload_libraries.", &values.databases, PGC_SIGHUP);
    define("upstream.instance_id", "Name of this installation, by which a copy of it is told from it.",
           "Empty takes the cluster's system identifier, which physical copies share.", &values.instance_id, PGC_SIGHUP);
    define("upstream.lease_timeout", "Time after which a holder that shows no life loses its model.", &values.lease_timeout_ms, 300'000, 1'000,
           24 * 3600 * 1000, GUC_UNIT_MS);
    define("upstream.lock_timeout", "Longest wait for a lock on a target or on a row of the books.", &values.lock_timeout_ms, 500, 1, 60'000, GUC_UNIT_MS);
    define("upstream.max_in_flight", "Most runs at a time in one worker or CALL.", &values.max_in_flight, 64, 1, 10'000, 0);
    define("upstream.max_page_size", "Largest answer, decoded.", &values.max_page_size_kb, 16 * 1024, 64, 1024 * 1024, GUC_UNIT_KB);
    define("upstream.memory_limit", "Memory that pages may take in one worker or CALL while they wait to be written.", &values.memory_limit_kb, 64 * 1024, 64,
           INT_MAX, GUC_UNIT_KB);
    define("upstream.rejected_history", "Time for which rejected_rows remembers rows.", &values.rejected_history_s, 30 * 24 * 3600, 0, 10 * 366 * 24 * 3600, GUC_UNIT_S);
    define("upstream.rejected_threshold", "Percentage of a page's records that may be rejected; of more than that, and more than ten, the page is refused.",
           &values.rejected_threshold, 10, 0, 100, 0);
    define("upstream.run_history", "Time for which sync_runs remembers runs.", &values.run_history_s, 7 * 24 * 3600, 0, 10 * 366 * 24 * 3600, GUC_UNIT_S);
    define("upstream.workers", "Workers in each database.", &values.workers, 1, 1, 16, 0);
    DefineCustomEnumVariable("upstream.write_path", "How rows get into targets.",
                             "auto and bulk: by COPY in process where the target allows it; upsert: always by a statement. For tests and comparisons.",
                             &values.write_path, static_cast<int>(WritePath::automatic), kWritePaths, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    define("upstream.write_timeout", "Longest transaction of a worker; then it is rolled back, and its page is tried again later.", &values.write_timeout_ms, 60'000,
           100, 3600 * 1000, GUC_UNIT_MS);
    define("upstream.run_timeout", "Longest run; it ends with what it has committed, and the next goes on from there.", &values.run_timeout_s, 3600, 1,
           365 * 24 * 3600, GUC_UNIT_S);
    MarkGUCPrefixReserved("upstream");
}

std::size_t most_in_flight() {
    const auto wanted = static_cast<std::size_t>(values.max_in_flight);
    const std::size_t allowed = pg::allow_descriptors(wanted + kOtherDescriptors);
    return allowed >= wanted + kOtherDescriptors ? wanted : std::max<std::size_t>(1, allowed - std::min(allowed, kOtherDescriptors));
}

std::vector<std::string> list_of(const char* text) {
    std::vector<std::string> words;
    std::string word;
    for (const char* c = text == nullptr ? "" : text;; ++c) {
        if (*c != '\0' && *c != ',') {
            if (*c != ' ' && *c != '"') word += *c;
            continue;
        }
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
        if (*c == '\0') return words;
    }
}

http::Options client_options() {
    return http::Options{.max_body = static_cast<std::size_t>(values.max_page_size_kb) * 1024,
                         .max_connections_per_host = most_in_flight(),
                         .ca_file = values.ca_file == nullptr ? "" : values.ca_file,
                         .user_agent = std::string{"pg_upstream/"} + kVersion,
                         .egress = {.allow_http = values.allow_http,
                                    .allow_private = values.allow_private_addresses,
                                    .allowed_hosts = list_of(values.allowed_hosts)}};
}

}  // namespace upstream::worker
