// The settings (GUCs) of pg_upstream. All are set in postgresql.conf and take effect on reload.
#pragma once

#include <chrono>

#include "http/client.hpp"

namespace upstream::worker {

// How rows get into targets: by COPY in process where the target allows it (automatic: unless a chunk is too small to be worth it), or always by a statement.
enum class WritePath { automatic, upsert, bulk };

struct Settings {
    char* databases = nullptr;        // upstream.databases
    char* allowed_hosts = nullptr;    // upstream.allowed_hosts
    char* ca_file = nullptr;          // upstream.ca_file
    char* instance_id = nullptr;      // upstream.instance_id
    bool allow_http = false;          // upstream.allow_http
    bool allow_private_addresses = false;
    int max_in_flight = 64;
    int max_page_size_kb = 16 * 1024;
    int lease_timeout_ms = 300'000;
    int lock_timeout_ms = 500;
    int rejected_history_s = 30 * 24 * 3600;
    int rejected_threshold = 10;  // percent of a page
    int run_timeout_s = 3600;
    int run_history_s = 7 * 24 * 3600;
    int workers = 1;
    int memory_limit_kb = 64 * 1024;
    int write_timeout_ms = 60'000;
    int write_path = static_cast<int>(WritePath::automatic);
};

[[nodiscard]] const Settings& settings();

[[nodiscard]] std::chrono::milliseconds lease_timeout();

// upstream.max_in_flight, or fewer where this process may not have so many sockets open.
[[nodiscard]] std::size_t most_in_flight();

// Defines the GUCs. Called by _PG_init.
void define_settings();

// What the HTTP client takes from the settings.
[[nodiscard]] http::Options client_options();

// A setting that is a list separated by commas.
[[nodiscard]] std::vector<std::string> list_of(const char* text);

}  // namespace upstream::worker
