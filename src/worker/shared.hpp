// Shared memory: who works in which database, and live numbers of each. A few words, no pointers.
//
// Protected by one LWLock of its own. A slot belongs to the process that took it; a process that dies leaves its slot behind, and readers
// drop slots whose process is gone. Without shared_preload_libraries there is no shared memory, and all of this does nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/postgres.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

struct WorkerRow {
    int pid = 0;
    Oid database = InvalidOid;
    pg::Time started_at{};
    char state[24] = "";
    int running = 0;
    int in_flight = 0;
    std::int64_t runs = 0;
    std::int64_t requests = 0;
    std::int64_t wakeups = 0;
    char last_error[200] = "";
};

// Called by _PG_init while libraries are preloaded.
void request_shared_memory();

// The caller's slot; does nothing if all are taken.
void take_slot(Oid database);
void update_slot(const WorkerRow& row);  // everything but pid, database, started_at

// What a worker is doing to a table: nothing, collecting pages for it that come faster than they can be written, or writing them.
enum class Loading : std::uint8_t { none, collecting, writing };

// Shows it to the others; of one table at a time. A process without a slot shows nothing.
void show_loading(Oid table, Loading what) noexcept;

// The most that another worker is doing to the table. A hint: by the time it is read it may have changed, and a table of another database may have the same number.
[[nodiscard]] Loading loading_by_others(Oid table) noexcept;

// The living workers.
[[nodiscard]] std::vector<WorkerRow> worker_rows();

// What upstreams told about limits, or the state of a circuit breaker, has changed: every process that sends requests reads it again. For after a commit.
void limits_changed();

// Grows with each change; nothing without shared memory.
[[nodiscard]] std::optional<std::uint64_t> limits_version();

// Sets the latch of the workers of this database; for after a commit, so it raises nothing.
void wake_workers();

}  // namespace upstream::worker
