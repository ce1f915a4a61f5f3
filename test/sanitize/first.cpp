// Wakes the sanitizer before any other library begins. Else an allocation would, of a constructor that holds a lock of libc's (libp11-kit's calls newlocale()), and as the sanitizer looks up
// names that are not there, whose error messages are translated under the same lock, the process would hang.
#include <cstdlib>

namespace {

__attribute__((constructor)) void allocate() {
    void* volatile place = std::malloc(1);
    std::free(place);
}

}  // namespace
