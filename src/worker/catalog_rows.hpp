// What the catalog's functions take and give.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "core/sync.hpp"
#include "core/token.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

using pg::Time;

// The columns of model_state that make a core::State, as they are stored.
struct StoredState {
    std::optional<std::string> cursor{};
    std::int32_t failures = 0;
    bool full_refresh = false;
    std::optional<std::string> read{};  // JSON of core::Progress
    std::string kept = "{}";            // JSON of core::Kept
};

// A model with all that a run needs to know of it.
struct Model {
    std::int32_t id = 0;
    std::int32_t account_id = 0;
    std::int32_t source_id = 0;
    std::int32_t revision = 0;
    std::string source{};
    std::string account{};
    std::string stream{};
    Oid target = InvalidOid;
    std::string config{};                // JSON
    std::string secrets{};               // JSON object of texts
    std::optional<core::Token> token{};
    StoredState state{};
    std::int64_t fence = 0;              // of the lease, if it was claimed
    std::optional<Time> lease_until{};   // its deadline, as far as this process knows
    std::int64_t run_id = 0;
    std::string credential{};            // which of the account's it signs in with
    std::int32_t secrets_revision = 0;
};

// When a model whose run ended well is due again.
struct NextRun {
    std::optional<Time> at{};      // instead of models.every, for a stream with times of day
    std::optional<Time> rescan{};  // if that is sooner
    std::string notice{};          // what a person should know of the run
    Time read_began{};             // whoever requested a sync later wants another one
};

// How old a model's data is, for who waits for it.
struct Freshness {
    bool fresh = false;        // a run that began late enough has succeeded
    bool requested = false;    // a sync was requested and none has succeeded since
    std::string obstacle{};    // why no run begins: "paused", or what blocks it; "" if nothing does
    std::string last_error{};  // of its last run; "" if that succeeded
};

struct StoredSource {
    std::int32_t id = 0;
    std::int32_t revision = 0;
    std::string name;
    std::string spec;
    std::string target_schema;
};

// What one page or the end of a run adds to the books.
struct Entry {
    StoredState state{};
    core::Tally tally{};
    std::int64_t inserted = 0, updated = 0, unchanged = 0;
    std::int64_t copied = 0;  // of those inserted
    double fetch_ms = 0, apply_ms = 0;
};

// Which token: of an account, or of one of its streams that has a sign-in of its own.
struct CredentialId {
    std::int32_t account_id = 0;
    std::string name{};

    auto operator<=>(const CredentialId&) const = default;
};

[[nodiscard]] inline CredentialId credential_of(const Model& model) { return {.account_id = model.account_id, .name = model.credential}; }

// The token row of a credential, and the account's secrets to ask for a token with.
struct StoredToken {
    std::optional<std::string> access{};
    std::optional<Time> expires_at{};
    double lifetime = 0;  // seconds
    bool has_refresh = false;
    bool needs_reauth = false;
    std::string reason{};
    bool is_held = false;     // somebody else is asking for a new one
    bool is_spent = false;    // its refresh token was sent twice, and each time the sender died: it is not sent again
    std::string secrets{};    // JSON object of texts
    std::int32_t secrets_revision = 0;
};

// Who claims: stored with leases so that their death is known at once.
struct Holder {
    Time incarnation;  // start of the postmaster
    std::int32_t pid;
    Time started_at;   // start of this process
    double lease_seconds;
    const char* kind;  // "worker" or "session"
};

[[nodiscard]] Holder this_process(const char* kind);

}  // namespace upstream::worker
