// The machine's clock that never jumps, which all processes share: budgets are kept on it, and all waits.
#pragma once

#include <string>

#include "core/budget.hpp"

namespace upstream::worker {

[[nodiscard]] core::Uptime uptime();

// When the wall clock shows `time`, as it goes now. Whoever waits for a time waits for this moment: a clock that is set back meanwhile does not
// make the wait longer.
[[nodiscard]] core::Uptime uptime_at(core::Timestamp time);

// Names the boot in which uptime() counts: after another one, stored times mean nothing.
[[nodiscard]] const std::string& boot_id();

}  // namespace upstream::worker
