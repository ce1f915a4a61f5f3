// One wait for latch, sockets, timeout and postmaster death; see wait_set.hpp.
#include "pg/wait_set.hpp"

#include <algorithm>
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

// Owns a set and its epoll descriptor, which no transaction would close.
class WaitSet {
  public:
    explicit WaitSet(int events) : set_(call([&] { return compat::create_wait_set(events); })) {}
    ~WaitSet() {
        quietly([this] { FreeWaitEventSet(set_); });
    }
    WaitSet(const WaitSet&) = delete;
    WaitSet& operator=(const WaitSet&) = delete;

    void add(std::uint32_t events, int fd, Latch* latch, const Socket* socket) {
        call([&] { AddWaitEventToSet(set_, events, fd, latch, const_cast<Socket*>(socket)); });
    }
    int wait(long timeout, std::vector<WaitEvent>& events, std::uint32_t reason) {
        return call([&] { return WaitEventSetWait(set_, timeout, events.data(), static_cast<int>(events.size()), reason); });
    }

  private:
    WaitEventSet* set_;
};

std::uint32_t wait_event() {
    static const std::uint32_t event = call([] { return compat::new_wait_event("UpstreamWait"); });
    return event;
}

// -1 waits for ever; what is past is not waited for.
long in_milliseconds(std::optional<std::chrono::milliseconds> timeout) {
    if (!timeout) return -1;
    return static_cast<long>(std::clamp<std::int64_t>(timeout->count(), 0, std::numeric_limits<int>::max()));
}

std::uint32_t interest(const Socket& socket) { return (socket.read ? WL_SOCKET_READABLE : 0) | (socket.write ? WL_SOCKET_WRITEABLE : 0); }

}  // namespace

Woken wait(std::span<const Socket> sockets, std::optional<std::chrono::milliseconds> timeout) {
    Woken woken;
    std::vector<WaitEvent> events(sockets.size() + 2);
    int count = 0;
    {
        WaitSet set{static_cast<int>(events.size())};
        set.add(WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        set.add(WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (const Socket& socket : sockets)
            if (interest(socket) != 0) set.add(interest(socket), socket.fd, nullptr, &socket);
        // A procedure's empty transaction may hold the snapshot of its last look at a catalog; nothing is held while we wait.
        call([] { InvalidateCatalogSnapshotConditionally(); });
        count = set.wait(in_milliseconds(timeout), events, wait_event());
    }
    woken.timeout = count == 0;
    for (int i = 0; i < count; ++i) {
        const WaitEvent& event = events[static_cast<std::size_t>(i)];
        if ((event.events & WL_LATCH_SET) != 0) woken.latch = true;
        if (event.user_data == nullptr) continue;
        const auto* const socket = static_cast<const Socket*>(event.user_data);
        woken.ready.push_back(
            {.fd = socket->fd, .read = (event.events & WL_SOCKET_READABLE) != 0, .write = (event.events & WL_SOCKET_WRITEABLE) != 0});
    }
    // Before the interrupts: whoever sets the latch from now on is seen in the next wait.
    if (woken.latch) ResetLatch(MyLatch);
    check_for_interrupts();
    return woken;
}

void check_for_interrupts() {
    call([] { CHECK_FOR_INTERRUPTS(); });
    // A session reads the file itself, between statements.
    if (!ConfigReloadPending || !compat::is_background_worker()) return;
    ConfigReloadPending = 0;
    call([] { ProcessConfigFile(PGC_SIGHUP); });
}

}  // namespace upstream::pg
