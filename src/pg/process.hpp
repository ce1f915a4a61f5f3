// Processes of this server: who lives since when, waking them, and what runs at commit or at start.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "pg/spi.hpp"

namespace upstream::pg {

// The time now; inside a transaction too it moves on.
[[nodiscard]] Time now();

// When this process, and when the server, began.
[[nodiscard]] Time own_start();
[[nodiscard]] Time postmaster_start();

// What tells this cluster from others, but for its physical copies.
[[nodiscard]] std::string system_identifier();

// Asks that this process may have that many files and sockets open, and says how many it may: the kernel's hard limit is the most. Postgres closes files of its own when
// there is no room, sockets that hold a transfer cannot be closed.
[[nodiscard]] std::size_t allow_descriptors(std::size_t wanted);

// Whether a process with that pid is connected to this server.
[[nodiscard]] bool is_running(int pid);

// When the live process with that pid began: with the pid it names a process for ever.
[[nodiscard]] std::optional<Time> backend_start(int pid);

// Wakes the process with that pid from its wait; false if there is none.
bool set_latch_of(int pid);

// Runs a function once, right after the current transaction commits; asked for repeatedly it still runs once, after a rollback not at all. Such a transaction
// cannot be PREPAREd, since its commit would happen in some other session; only that of a CREATE EXTENSION can, as an extension that spreads commands over
// several servers does it, and then nothing runs. Up to eight different functions; they must not raise.
void on_commit(void (*function)());

// Runs a function when this process ends, however it does, but for a crash; it must not raise. While shared memory is still there.
void at_exit(void (*function)());

// Adds a function to those that Postgres calls to ask for shared memory. While the library is preloaded.
void on_shared_memory_request(void (*function)());

}  // namespace upstream::pg
