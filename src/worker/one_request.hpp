// One request, waited for in the caller's transaction: for functions to look with, never for runs.
//
// It goes when the account's rate budgets have room, as their rows say just before, but draws no permit: a booking would lock the row until a transaction of
// somebody's ends, and all runs with it. Whoever draws at the very moment may make the two one too many for the upstream; a budget's `reserve` is for that.
#pragma once

#include "core/account.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::worker {

struct Model;

// For whom: what its budgets are found by.
struct Asker {
    const core::Source& source;
    const core::Account& account;
    const Model& model;
};

// The answer, or why there is none: rate_limited if there is no room within a minute. Interrupts are served while it waits.
[[nodiscard]] core::Result<core::Response> fetch(const core::Request& request, const Asker& asker);

}  // namespace upstream::worker
