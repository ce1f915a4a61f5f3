// A library with a bug: loading it reads one byte behind an allocation. See 000_reports.t.
#include <cstdlib>

extern "C" {
#include "postgres.h"
// clang-format off
#include "fmgr.h"
// clang-format on

PG_MODULE_MAGIC;

__attribute__((visibility("default"))) void _PG_init() {
    const volatile char* const bytes = static_cast<const volatile char*>(std::malloc(16));
    const volatile std::size_t behind = 16;
    if (bytes != nullptr) static_cast<void>(bytes[behind]);
}
}
