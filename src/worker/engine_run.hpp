// A run, as the engine knows it. Internal to worker/engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "worker/engine.hpp"
#include "worker/progress.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {

struct Engine::Run : RunContext {
    std::optional<core::Sync> sync;
    std::optional<Ticket> transfer;
    std::string url{};  // of the last request
    std::optional<Progress> progress;
    core::Uptime began = uptime();
    Outcome outcome{};
    bool over = false;
    std::int64_t answers = 0;
};

}  // namespace upstream::worker
