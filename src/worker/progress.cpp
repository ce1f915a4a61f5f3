#include "worker/progress.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace upstream::worker {
namespace {

constexpr std::size_t kSlots = 1024;
constexpr const char* kName = "pg_upstream progress";

struct Shared {
    LWLock* lock;
    std::array<ProgressRow, kSlots> slots;
};

Shared* shared = nullptr;  // in shared memory, the same address in every process
bool took_over = false;    // slots of an earlier process with this one's pid

shmem_startup_hook_type former_startup = nullptr;

void startup() {
    if (former_startup != nullptr) former_startup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    shared = static_cast<Shared*>(ShmemInitStruct(kName, sizeof(Shared), &found));
    if (!found) {
        shared->slots.fill(ProgressRow{});
        shared->lock = &GetNamedLWLockTranche(kName)->lock;
    }
    LWLockRelease(AddinShmemInitLock);
}

void request() {
    RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
    RequestNamedLWLockTranche(kName, 1);
}

template <class Work>
void locked(LWLockMode mode, Work&& work) {
    pg::call([&] { LWLockAcquire(shared->lock, mode); });
    work();
    pg::call([&] { LWLockRelease(shared->lock); });
}

}  // namespace

void request_progress_memory() {
    pg::on_shared_memory_request(request);
    former_startup = shmem_startup_hook;
    shmem_startup_hook = startup;
}

Progress::Progress(std::int32_t model, std::int64_t run) {
    if (shared == nullptr) return;
    ProgressRow row{.pid = MyProcPid, .database = MyDatabaseId, .model = model, .run = run, .began_at = pg::now(), .since = pg::now()};
    strlcpy(row.phase, "starting", sizeof row.phase);
    locked(LW_EXCLUSIVE, [&] {
        if (!std::exchange(took_over, true))
            for (ProgressRow& slot : shared->slots)
                if (slot.pid == MyProcPid) slot.pid = 0;
        const auto free = std::find_if(shared->slots.begin(), shared->slots.end(), [](const ProgressRow& slot) { return slot.pid == 0 || !pg::is_running(slot.pid); });
        if (free == shared->slots.end()) return;
        *free = row;
        slot_ = &*free;
    });
}

Progress::~Progress() {
    if (slot_ != nullptr) slot_->pid = 0;  // a word; who reads meanwhile sees either
}

void Progress::enter(const char* phase, const std::string& waits_for) {
    if (slot_ == nullptr) return;
    const pg::Time now = pg::now();
    locked(LW_EXCLUSIVE, [&] {
        strlcpy(slot_->phase, phase, sizeof slot_->phase);
        strlcpy(slot_->waits_for, waits_for.c_str(), sizeof slot_->waits_for);
        slot_->since = now;
    });
}

void Progress::add(std::int64_t pages, std::int64_t rows, std::int64_t bytes) {
    if (slot_ == nullptr) return;
    locked(LW_EXCLUSIVE, [&] {
        slot_->pages += pages;
        slot_->rows += rows;
        slot_->bytes += bytes;
    });
}

std::vector<ProgressRow> progress_rows() {
    std::vector<ProgressRow> rows;
    if (shared == nullptr) return rows;
    rows.reserve(kSlots);
    locked(LW_SHARED, [&] {
        std::copy_if(shared->slots.begin(), shared->slots.end(), std::back_inserter(rows), [](const ProgressRow& slot) { return slot.pid != 0; });
    });
    std::erase_if(rows, [](const ProgressRow& row) { return !pg::is_running(row.pid); });
    return rows;
}

}  // namespace upstream::worker
