#include "pg/background.hpp"

#include <algorithm>
#include <cstring>

#include "pg/error.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace upstream::pg {
namespace {

constexpr int kRestartSeconds = 1;

template <std::size_t N>
void copy_name(char (&to)[N], const char* from) {
    strlcpy(to, from, N);
}

BackgroundWorker describe_worker(const char* name, const char* function) {
    BackgroundWorker worker{};
    copy_name(worker.bgw_name, name);
    copy_name(worker.bgw_type, "pg_upstream");
    copy_name(worker.bgw_library_name, "pg_upstream");
    copy_name(worker.bgw_function_name, function);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = kRestartSeconds;
    return worker;
}

// ALTER ROLE or DATABASE .. SET applies to workers, too; these must not depend on it.
void pin(const char* name, const char* value) { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); }

}  // namespace

void register_worker(const char* name, const char* function) {
    BackgroundWorker worker = describe_worker(name, function);
    RegisterBackgroundWorker(&worker);
}

BackgroundWorkerHandle* start_worker(const std::string& name, const char* function, Oid database) {
    BackgroundWorker worker = describe_worker(name.c_str(), function);
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    return call([&]() -> BackgroundWorkerHandle* {
        BackgroundWorkerHandle* handle = nullptr;
        const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        const bool registered = RegisterDynamicBackgroundWorker(&worker, &handle);
        MemoryContextSwitchTo(before);
        return registered ? handle : nullptr;
    });
}

bool is_started(BackgroundWorkerHandle* worker) {
    pid_t pid = 0;
    const BgwHandleStatus status = call([&] { return GetBackgroundWorkerPid(worker, &pid); });
    return status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
}

void stop_worker(BackgroundWorkerHandle* worker) {
    call([&] { TerminateBackgroundWorker(worker); });
}

void become_worker(std::optional<Oid> database) {
    call([&] {
        pqsignal(SIGHUP, SignalHandlerForConfigReload);
        pqsignal(SIGTERM, die);  // the default handler raises FATAL inside the signal handler
        BackgroundWorkerUnblockSignals();
        if (database) {
            BackgroundWorkerInitializeConnectionByOid(*database, InvalidOid, 0);
        } else {
            BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
        }
        pin("search_path", "pg_catalog, pg_temp");
        pin("TimeZone", "UTC");
        pin("DateStyle", "ISO, YMD");
        pin("IntervalStyle", "postgres");
        pin("extra_float_digits", "1");
        pin("default_transaction_isolation", "read committed");
        pin("default_transaction_read_only", "off");
        pin("session_replication_role", "origin");
        pin("row_security", "on");
        pin("jit", "off");
        pin("max_parallel_workers_per_gather", "0");
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
}

std::optional<Oid> find_database(const std::string& name) {
    const char* const text = name.c_str();
    // A plain scan, as the autovacuum launcher's: without a database, the indexes of shared catalogs may not be readable yet.
    const Oid found = call([&] {
        Oid database = InvalidOid;
        StartTransactionCommand();
        (void)GetTransactionSnapshot();
        const Relation databases = table_open(DatabaseRelationId, AccessShareLock);
        const TableScanDesc scan = table_beginscan_catalog(databases, 0, nullptr);
        while (const HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
            const auto* const row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            if (strcmp(NameStr(row->datname), text) == 0 && !row->datistemplate && row->datallowconn) database = row->oid;
        }
        table_endscan(scan);
        table_close(databases, AccessShareLock);
        CommitTransactionCommand();
        return database;
    });
    if (!OidIsValid(found)) return std::nullopt;
    return found;
}

}  // namespace upstream::pg
