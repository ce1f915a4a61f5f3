// One request, waited for in the caller's transaction: for functions to look with, never for runs.
#pragma once

#include "core/request.hpp"
#include "core/result.hpp"

namespace upstream::worker {

// The answer, or why there is none. Interrupts are served while it waits.
[[nodiscard]] core::Result<core::Response> fetch(const core::Request& request);

}  // namespace upstream::worker
