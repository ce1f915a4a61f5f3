// Waiting: the process latch, any sockets, a timeout and the postmaster's death in one wait, after which interrupts are served.
//
// The set is built for each wait, as the executor's asynchronous Append does: a WaitEventSet cannot drop a socket. Interrupts
// (cancel, terminate, barriers of DROP DATABASE, configuration reload) are served after every wait, with no frame of libcurl below us.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "pg/postgres.hpp"

namespace upstream::pg {

struct Socket {
    int fd;
    bool read;
    bool write;
};

struct Woken {
    bool latch = false;
    bool timeout = false;
    std::vector<Socket> ready{};  // read/write tell what the socket is ready for
};

// Waits; nothing for `timeout` waits without one. Resets the latch if it was set. Postmaster death ends the process.
Woken wait(std::span<const Socket> sockets, std::optional<std::chrono::milliseconds> timeout);

// CHECK_FOR_INTERRUPTS, and ProcessConfigFile after SIGHUP in a background worker.
void check_for_interrupts();

}  // namespace upstream::pg
