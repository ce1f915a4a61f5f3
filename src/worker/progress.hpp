// What each run is doing at this moment, in shared memory: the rows of pg_stat_progress_upstream.
//
// A fixed number of slots, no pointers, one LWLock. A run takes a slot when it begins and gives it back when it ends; the slots of a process that died
// are taken over. Without shared memory, or with all slots taken, runs just do not show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/postgres.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

struct ProgressRow {
    int pid = 0;
    Oid database = InvalidOid;
    std::int32_t model = 0;
    std::int64_t run = 0;
    pg::Time began_at{};
    char phase[16] = "";      // starting, token, waiting, requesting, writing
    char waits_for[16] = "";  // while waiting: budget, rate limit, spacing, breaker, concurrency
    pg::Time since{};         // of the phase
    std::int64_t pages = 0;
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
};

// Called by _PG_init while libraries are preloaded.
void request_progress_memory();

// The slot of one run of this process.
class Progress {
  public:
    Progress(std::int32_t model, std::int64_t run);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void enter(const char* phase, const std::string& waits_for = "");
    void add(std::int64_t pages, std::int64_t rows, std::int64_t bytes);

  private:
    ProgressRow* slot_ = nullptr;
};

// The runs of living processes.
[[nodiscard]] std::vector<ProgressRow> progress_rows();

}  // namespace upstream::worker
