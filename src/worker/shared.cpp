#include "worker/shared.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"

extern "C" {
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace upstream::worker {
namespace {

constexpr std::size_t kSlots = 64;

struct Shared {
    LWLock* lock;
    pg_atomic_uint64 limits_version;
    std::array<WorkerRow, kSlots> slots;
    std::array<pg_atomic_uint64, kSlots> loading;  // of each slot, as packed() makes it; without the lock, for it is read page by page
};

Shared* shared = nullptr;  // in shared memory, the same address in every process
WorkerRow* own = nullptr;

shmem_startup_hook_type former_startup = nullptr;

void startup() {
    if (former_startup != nullptr) former_startup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    shared = static_cast<Shared*>(ShmemInitStruct("pg_upstream", sizeof(Shared), &found));
    if (!found) {
        shared->slots.fill(WorkerRow{});
        for (pg_atomic_uint64& word : shared->loading) pg_atomic_init_u64(&word, 0);
        pg_atomic_init_u64(&shared->limits_version, 0);
        shared->lock = &GetNamedLWLockTranche("pg_upstream")->lock;
    }
    LWLockRelease(AddinShmemInitLock);
}

void request() {
    RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
    RequestNamedLWLockTranche("pg_upstream", 1);
}

std::uint64_t packed(Oid table, Loading what) { return what == Loading::none ? 0 : std::uint64_t{table} << 8 | static_cast<std::uint64_t>(what); }

bool is_alive(const WorkerRow& slot) { return slot.pid != 0 && pg::is_running(slot.pid); }

}  // namespace

void request_shared_memory() {
    pg::on_shared_memory_request(request);
    former_startup = shmem_startup_hook;
    shmem_startup_hook = startup;
}

void take_slot(Oid database) {
    if (shared == nullptr) return;
    pg::call([&] {
        LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        for (WorkerRow& slot : shared->slots) {
            if (slot.pid == MyProcPid || !is_alive(slot)) {
                slot = WorkerRow{};
                slot.pid = MyProcPid;
                slot.database = database;
                slot.started_at = pg::own_start();
                own = &slot;
                break;
            }
        }
        LWLockRelease(shared->lock);
    });
    pg::at_exit([] { show_loading(InvalidOid, Loading::none); });
}

void show_loading(Oid table, Loading what) noexcept {
    if (own != nullptr) pg_atomic_write_u64(&shared->loading[own - shared->slots.data()], packed(table, what));
}

Loading loading_by_others(Oid table) noexcept {
    Loading most = Loading::none;
    if (own == nullptr) return most;
    for (std::size_t i = 0; i < kSlots; ++i) {
        if (&shared->slots[i] == own) continue;
        const std::uint64_t word = pg_atomic_read_u64(&shared->loading[i]);
        if (word >> 8 == table) most = std::max(most, static_cast<Loading>(word & 0xFF));
    }
    return most;
}

void update_slot(const WorkerRow& row) {
    if (own == nullptr) return;
    pg::call([&] {
        LWLockAcquire(shared->lock, LW_EXCLUSIVE);
        const WorkerRow before = *own;
        *own = row;
        own->pid = before.pid;
        own->database = before.database;
        own->started_at = before.started_at;
        LWLockRelease(shared->lock);
    });
}

std::vector<WorkerRow> worker_rows() {
    std::vector<WorkerRow> rows;
    if (shared == nullptr) return rows;
    rows.reserve(kSlots);
    pg::call([&] { LWLockAcquire(shared->lock, LW_SHARED); });
    std::copy_if(shared->slots.begin(), shared->slots.end(), std::back_inserter(rows), is_alive);
    pg::call([&] { LWLockRelease(shared->lock); });
    return rows;
}

void limits_changed() {
    if (shared != nullptr) pg_atomic_fetch_add_u64(&shared->limits_version, 1);
}

std::optional<std::uint64_t> limits_version() {
    if (shared == nullptr) return std::nullopt;
    return pg_atomic_read_u64(&shared->limits_version);
}

void wake_workers() {
    if (shared == nullptr) return;
    LWLockAcquire(shared->lock, LW_SHARED);
    for (const WorkerRow& slot : shared->slots)
        if (slot.pid != 0 && slot.database == MyDatabaseId) pg::set_latch_of(slot.pid);
    LWLockRelease(shared->lock);
}

}  // namespace upstream::worker
