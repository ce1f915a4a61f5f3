// A wall clock that a test sets, for the server's processes: loaded before libc (LD_PRELOAD), it adds what the file SHIFTED_CLOCK says at the moment, microseconds as eight bytes, to
// the time of day. The file is shared memory, so that all processes see the same time and a jump at once. Clocks that never jump are left alone.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile std::int64_t* shift = nullptr;

__attribute__((constructor)) void map_shift() {
    const char* const name = std::getenv("SHIFTED_CLOCK");
    const int file = name == nullptr ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void* const place = mmap(nullptr, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) shift = static_cast<const volatile std::int64_t*>(place);
    close(file);
}

std::int64_t microseconds_now() {
    timespec now{};
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return now.tv_sec * 1'000'000 + now.tv_nsec / 1000 + (shift == nullptr ? 0 : *shift);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
    const std::int64_t now = microseconds_now();
    *time = {.tv_sec = now / 1'000'000, .tv_nsec = now % 1'000'000 * 1000};
    return 0;
}

int gettimeofday(timeval* time, void*) noexcept {
    const std::int64_t now = microseconds_now();
    *time = {.tv_sec = now / 1'000'000, .tv_usec = now % 1'000'000};
    return 0;
}

time_t time(time_t* place) noexcept {
    const std::int64_t now = microseconds_now() / 1'000'000;
    if (place != nullptr) *place = now;
    return now;
}
}
