// Every difference between the major versions of Postgres (15 to 18) that this project meets. No other file tests PG_VERSION_NUM.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "access/genam.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/backend_status.h"
#include "utils/snapshot.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
}

#if PG_VERSION_NUM < 150000
#error "PostgreSQL 15 or newer is required"
#endif

// The module's magic block with its name and version, which pg_get_loaded_modules() shows from 18 on. Once per library, in extern "C".
#if PG_VERSION_NUM >= 180000
#define PG_MODULE_MAGIC_NAMED(module_name, module_version) PG_MODULE_MAGIC_EXT(.name = module_name, .version = module_version)
#else
#define PG_MODULE_MAGIC_NAMED(module_name, module_version) PG_MODULE_MAGIC
#endif

namespace upstream::pg::compat {

// A wait set that belongs to no transaction and no resource owner: its holder frees it. May raise.
inline WaitEventSet* create_wait_set(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// What pg_stat_activity shows as the wait event; before 17 only "Extension". Asked for once per process, for the name is kept in
// shared memory. May raise.
inline std::uint32_t new_wait_event([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

// One backend of the snapshot that pgstat_fetch_stat_numbackends() takes, from 1; null if there is none.
inline LocalPgBackendStatus* backend_status(int index) {
#if PG_VERSION_NUM >= 160000
    return pgstat_get_local_beentry_by_index(index);
#else
    return pgstat_fetch_stat_local_beentry(index);
#endif
}

// A scan of an index for rows of its table. May raise.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// 17 removed the variable IsBackgroundWorker; the type of the process is known in all versions.
inline bool is_background_worker() { return MyBackendType == B_BG_WORKER; }

}  // namespace upstream::pg::compat
