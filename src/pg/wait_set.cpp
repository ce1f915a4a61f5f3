// One wait for latch, descriptor, timeout and postmaster death; see wait_set.hpp.
#include "pg/wait_set.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "pg/compat.hpp"
#include "pg/error.hpp"

extern "C" {
#include "postmaster/interrupt.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace upstream::pg {

namespace {

std::uint32_t wait_event() {
    static const std::uint32_t event = call([] { return compat::new_wait_event("UpstreamWait"); });
    return event;
}

// -1 waits for ever; what is past is not waited for.
long in_milliseconds(std::optional<std::chrono::milliseconds> timeout) {
    if (!timeout) return -1;
    return static_cast<long>(std::clamp<std::int64_t>(timeout->count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace

WaitSet::WaitSet(std::optional<int> descriptor) : set_(call([] { return compat::create_wait_set(3); })) {
    try {
        call([&] {
            AddWaitEventToSet(set_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(set_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            if (descriptor) AddWaitEventToSet(set_, WL_SOCKET_READABLE, *descriptor, nullptr, nullptr);
        });
    } catch (...) {
        quietly([this] { FreeWaitEventSet(set_); });
        throw;
    }
}

WaitSet::~WaitSet() {
    quietly([this] { FreeWaitEventSet(set_); });
}

Woken WaitSet::wait(std::optional<std::chrono::milliseconds> timeout) {
    // A procedure's empty transaction may hold the snapshot of its last look at a catalog; nothing is held while we wait.
    call([] { InvalidateCatalogSnapshotConditionally(); });
    std::array<WaitEvent, 3> events{};
    const int count = call([&] { return WaitEventSetWait(set_, in_milliseconds(timeout), events.data(), static_cast<int>(events.size()), wait_event()); });
    Woken woken{.timeout = count == 0};
    for (int i = 0; i < count; ++i) {
        const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
        if ((what & WL_LATCH_SET) != 0) woken.latch = true;
        if ((what & WL_SOCKET_READABLE) != 0) woken.ready = true;
    }
    // Before the interrupts: whoever sets the latch from now on is seen in the next wait.
    if (woken.latch) ResetLatch(MyLatch);
    check_for_interrupts();
    return woken;
}

Woken wait(std::optional<std::chrono::milliseconds> timeout) { return WaitSet{}.wait(timeout); }

void check_for_interrupts() {
    call([] { CHECK_FOR_INTERRUPTS(); });
    // A session reads the file itself, between statements.
    if (!ConfigReloadPending || !compat::is_background_worker()) return;
    ConfigReloadPending = 0;
    call([] { ProcessConfigFile(PGC_SIGHUP); });
}

}  // namespace upstream::pg
