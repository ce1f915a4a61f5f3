// Waiting: the process latch, a descriptor, a timeout and the postmaster's death in one wait, after which interrupts are served.
//
// A set is kept from one wait to the next, so a wait is one system call, however many sockets there are: a WaitEventSet cannot drop one, so they stand behind a single
// descriptor (http/socket_set). Interrupts (cancel, terminate, barriers of DROP DATABASE, configuration reload) are served after every wait, with no frame of libcurl
// below us.
#pragma once

#include <chrono>
#include <optional>

#include "pg/postgres.hpp"

struct WaitEventSet;

namespace upstream::pg {

struct Woken {
    bool latch = false;
    bool timeout = false;
    bool ready = false;  // the descriptor is readable
};

class WaitSet {
  public:
    explicit WaitSet(std::optional<int> descriptor = std::nullopt);
    ~WaitSet();
    WaitSet(const WaitSet&) = delete;
    WaitSet& operator=(const WaitSet&) = delete;

    // Waits; nothing for `timeout` waits without one. Resets the latch if it was set. Postmaster death ends the process.
    Woken wait(std::optional<std::chrono::milliseconds> timeout);

  private:
    WaitEventSet* set_;  // its epoll descriptor would be closed by no transaction
};

// The same for the latch alone.
Woken wait(std::optional<std::chrono::milliseconds> timeout);

// CHECK_FOR_INTERRUPTS, and ProcessConfigFile after SIGHUP in a background worker.
void check_for_interrupts();

}  // namespace upstream::pg
