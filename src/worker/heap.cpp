#include "worker/heap.hpp"

#include <climits>

#include <malloc.h>

namespace upstream::worker {
namespace {

constexpr std::size_t kMuch = std::size_t{8} << 20;

std::size_t freed = 0;

}  // namespace

void note_freed(std::size_t bytes) { freed += bytes; }

bool has_freed_much() { return freed >= kMuch; }

#ifdef __GLIBC__

void keep_freed_memory() {
    constexpr int kOwnMapping = 32 << 20;  // what is larger, the most that glibc allows, still comes from the system by itself
    mallopt(M_MMAP_THRESHOLD, kOwnMapping);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void return_freed_memory() {
    freed = 0;
    malloc_trim(0);
}

#else

void keep_freed_memory() {}
void return_freed_memory() { freed = 0; }

#endif

}  // namespace upstream::worker
