// The worker's heap.
//
// A chunk of pages takes tens of megabytes and frees them when it is written. The C library would give that memory back to the system each time, and get it
// again for the next chunk, one page fault after the other. So a worker keeps what it has freed until it has had nothing to do for a while.
#pragma once

#include <cstddef>

namespace upstream::worker {

// From now on freed memory stays with the process.
void keep_freed_memory();

// So much is being freed.
void note_freed(std::size_t bytes);

// Whether it has become much since the last time that it was returned.
[[nodiscard]] bool has_freed_much();

// What is free goes back to the system.
void return_freed_memory();

}  // namespace upstream::worker
