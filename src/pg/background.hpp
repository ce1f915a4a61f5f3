// Background workers: to register them, and to be one.
#pragma once

#include <optional>
#include <string>

#include "pg/postgres.hpp"

extern "C" {
struct BackgroundWorkerHandle;
}

namespace upstream::pg {

// Registers a worker that the postmaster starts after recovery and keeps running. Only while libraries are preloaded.
void register_worker(const char* name, const char* function);

// A worker started at run time, for one database. Null if no slot is free. The caller's latch is set when it starts and ends.
[[nodiscard]] BackgroundWorkerHandle* start_worker(const std::string& name, const char* function, Oid database);

// Whether it runs or is about to.
[[nodiscard]] bool is_started(BackgroundWorkerHandle* worker);
void stop_worker(BackgroundWorkerHandle* worker);

// The first thing that a worker does: signal handlers, connection (nothing: to the shared catalogs only), settings that the meaning of its statements
// depends on.
void become_worker(std::optional<Oid> database);

// The database of that name, if it can be connected to and is not a template.
[[nodiscard]] std::optional<Oid> find_database(const std::string& name);

}  // namespace upstream::pg
