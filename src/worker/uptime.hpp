// The machine's clock that never jumps, which all processes share: budgets are kept on it.
#pragma once

#include <string>

#include "core/budget.hpp"

namespace upstream::worker {

[[nodiscard]] core::Uptime uptime();

// Names the boot in which uptime() counts: after another one, stored times mean nothing.
[[nodiscard]] const std::string& boot_id();

}  // namespace upstream::worker
