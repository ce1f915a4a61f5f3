// What a session asks for: CALL sync and sync_all, preview, explain_sync, check_account, wait_fresh.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "pg/postgres.hpp"

namespace upstream::worker {

// Whose models a CALL syncs.
struct Selection {
    std::optional<std::string> account{};
    std::optional<std::string> stream{};
    std::optional<std::string> source{};  // sync_all
    bool of_source = false;
    bool full_refresh = false;
};

// Runs them side by side in this session, with commits, until each has succeeded or failed for good; returns {"results": [...], "totals": {...}}. A model that
// somebody else is syncing is waited for, and so is whoever holds a row that the end of a run, or a new pair of tokens, has to be written to. Short waits that the upstream asks for are waited out, up to the source's retry.max_attempts.
std::string sync_now(const Selection& selection);

// The rows of the first page, each a JSON object of column texts. Holds the caller's transaction while it waits: it is a tool to look with.
std::vector<std::string> preview(const std::string& account, const std::string& stream);

// What the next run would do, as items and values.
std::vector<std::pair<std::string, std::string>> explain_sync(const std::string& account, const std::string& stream);

// Whether the upstream takes an account's credentials: the source's check is sent, or else what a run of one of its streams would ask for first, with the
// stored token, which is not refreshed. Holds the caller's transaction while it waits; so create_account(), which writes and may be one of many in a
// transaction, does not do it.
struct Checked {
    std::optional<int> status{};         // absent if there was no answer
    std::optional<core::Error> error{};  // absent if all is well
};
Checked check_account(const std::string& account);

// Returns when a run of the model has succeeded that began at most `max_age` before the call, or after it; requests a sync if there is none. Raises 57014
// after `timeout`, and 55000 if no run can begin.
struct FreshWish {
    std::string account;
    std::string stream;
    core::Duration max_age;
    core::Duration timeout;
};
void wait_fresh(const FreshWish& wish);

}  // namespace upstream::worker
