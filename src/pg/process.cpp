// Processes of this server; see process.hpp.
#include "pg/process.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "pg/compat.hpp"
#include "pg/error.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/extension.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
}

namespace upstream::pg {

namespace {

using Function = void (*)();

// What runs at the end of the current transaction. Plain data: nothing here has a destructor.
struct AtCommit {
    std::array<Function, 8> functions{};
    std::size_t count = 0;
    bool refuses_prepare = false;
    bool registered = false;
};
AtCommit at_commit;

// A parallel worker's commit is not the transaction's: it ends before its leader, which may still fail.
void transaction_ended(XactEvent event, void*) {
    if (event == XACT_EVENT_PRE_PREPARE && at_commit.refuses_prepare)
        ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot PREPARE a transaction that wakes a background worker at its commit"));
    if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PARALLEL_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE) return;
    const AtCommit pending = at_commit;
    at_commit.count = 0;
    at_commit.refuses_prepare = false;
    if (event != XACT_EVENT_COMMIT) return;
    for (std::size_t i = 0; i < pending.count; ++i) pending.functions[i]();
}

std::array<Function, 4> requests{};
shmem_request_hook_type former_request = nullptr;

void request_shared_memory() {
    if (former_request != nullptr) former_request();
    for (const Function function : requests)
        if (function != nullptr) function();
}

}  // namespace

Time now() { return detail::from_timestamp(GetCurrentTimestamp()); }

Time own_start() { return detail::from_timestamp(MyStartTimestamp); }

Time postmaster_start() { return detail::from_timestamp(PgStartTime); }

std::string system_identifier() { return std::to_string(GetSystemIdentifier()); }

std::size_t allow_descriptors(std::size_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
        rlimit raised = limit;
        raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur;
}

bool is_running(int pid) {
    return call([&] { return BackendPidGetProc(pid) != nullptr; });
}

std::optional<Time> backend_start(int pid) {
    if (!is_running(pid)) return std::nullopt;
    const TimestampTz start = call([&]() -> TimestampTz {
        // What the last look copied may be from before that process began.
        pgstat_clear_backend_activity_snapshot();
        const int count = pgstat_fetch_stat_numbackends();
        TimestampTz found = 0;
        for (int i = 1; i <= count && found == 0; ++i) {
            const LocalPgBackendStatus* const backend = compat::backend_status(i);
            if (backend != nullptr && backend->backendStatus.st_procpid == pid) found = backend->backendStatus.st_proc_start_timestamp;
        }
        pgstat_clear_backend_activity_snapshot();
        return found;
    });
    return start == 0 ? std::nullopt : std::optional{detail::from_timestamp(start)};
}

bool set_latch_of(int pid) {
    return call([&] {
        PGPROC* const process = BackendPidGetProc(pid);
        // Should it end meanwhile, its slot's next owner wakes for nothing, which every wait allows for.
        if (process != nullptr) SetLatch(&process->procLatch);
        return process != nullptr;
    });
}

void on_commit(void (*function)()) {
    if (!at_commit.registered) {
        call([] { RegisterXactCallback(transaction_ended, nullptr); });
        at_commit.registered = true;
    }
    at_commit.refuses_prepare |= !creating_extension;
    const auto end = at_commit.functions.begin() + static_cast<std::ptrdiff_t>(at_commit.count);
    if (std::find(at_commit.functions.begin(), end, function) != end) return;
    if (at_commit.count == at_commit.functions.size()) throw Raise{ERRCODE_INTERNAL_ERROR, "too many functions to run at commit"};
    at_commit.functions[at_commit.count++] = function;
}

void at_exit(void (*function)()) {
    call([&] { before_shmem_exit([](int, Datum argument) { reinterpret_cast<Function>(DatumGetPointer(argument))(); }, PointerGetDatum(reinterpret_cast<void*>(function))); });
}

void on_shared_memory_request(void (*function)()) {
    Function* const free = std::find(requests.begin(), requests.end(), nullptr);
    if (free == requests.end()) throw Raise{ERRCODE_INTERNAL_ERROR, "too many requests for shared memory"};
    if (requests[0] == nullptr) {
        former_request = shmem_request_hook;
        shmem_request_hook = request_shared_memory;
    }
    *free = function;
}

}  // namespace upstream::pg
