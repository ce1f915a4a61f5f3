// What writing did, in rows.
#pragma once

#include <cstdint>
#include <string>

namespace upstream::worker {

struct Written {
    std::int64_t inserted = 0;
    std::int64_t updated = 0;
    std::int64_t unchanged = 0;  // already there with the same values; rows that a later row of the page replaces do not count
    std::int64_t deleted = 0;    // gone upstream: taken out, or marked with _deleted_at
    std::int64_t stale = 0;      // older than the stored row (newer_by), and dropped
    std::int64_t rejected = 0;   // did not fit; see rejected_rows
    std::string notice{};        // what a person should know

    Written& operator+=(const Written& more) {
        inserted += more.inserted;
        updated += more.updated;
        unchanged += more.unchanged;
        deleted += more.deleted;
        stale += more.stale;
        rejected += more.rejected;
        notice += (notice.empty() || more.notice.empty() ? "" : "; ") + more.notice;
        return *this;
    }
};

}  // namespace upstream::worker
