// A unit of work: one short transaction as upstream_worker, with the extension known to be here in the version that this library fits.
//
// Also what the units of a process share: the session, the catalog's statements, the sources that were read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/source.hpp"
#include "core/time.hpp"
#include "pg/error.hpp"
#include "pg/role.hpp"
#include "pg/stop_point.hpp"
#include "pg/transaction.hpp"
#include "worker/catalog.hpp"

namespace upstream::worker {

inline constexpr const char* kKeeperRole = "upstream_worker";

// The extension was dropped, or its SQL has another version than this library. Every run ends; nothing can be recorded.
struct ExtensionGone {
    std::string version;  // "" if it was dropped
};

// The lease was lost to somebody else: the transaction must not commit, the run is over.
struct LeaseLost {};

enum class Durability { asynchronous, synchronous };

// How long a unit waits for a lock: upstream.lock_timeout; or a moment, if it is to hold up nobody else: it has waited in vain before, or, in a worker, any unit has
// within the last second. Who calls a procedure waits for what it wants.
enum class Patience { usual, brief };

// A cancelled CALL ends as a whole. A worker that is cancelled in a unit loses only that, as after any other error; one that is cancelled while it waits, all its runs.
[[nodiscard]] bool ends_everything(const pg::Error& error, const pg::Session& session);

// The transaction that is open may take upstream.write_timeout from now on: where it begins to run other people's code, and after each piece that is done.
void limit_write_time(const pg::Session& session);

class Unit {
  public:
    Unit(pg::Session& session, const char* kind) : session_(session), catalog_(this_process(kind)) {}

    // Runs `work(catalog)` in a transaction of its own and commits. Errors of Postgres come as pg::Error, after a rollback.
    template <class Work>
    auto run(const char* activity, Durability durability, Work&& work, Patience patience = Patience::usual) -> std::invoke_result_t<Work, Catalog&> {
        UPSTREAM_STOP(std::string{"before "} + activity);
        if (patience == Patience::usual && waited_in_vain_lately()) patience = Patience::brief;
        try {
            return commit(activity, durability, std::forward<Work>(work), patience);
        } catch (const pg::Error& error) {
            if (patience == Patience::usual) note_waiting(error);
            throw;
        }
    }

    // The source of a model, read once per revision. Inside run() only.
    std::shared_ptr<const core::Source> source(std::int32_t id, std::int32_t revision);

    [[nodiscard]] pg::Session& session() { return session_; }

  private:
    template <class Work>
    auto commit(const char* activity, Durability durability, Work&& work, Patience patience) -> std::invoke_result_t<Work, Catalog&> {
        pg::Transaction transaction{session_, activity};
        using Value = std::invoke_result_t<Work, Catalog&>;
        if constexpr (std::is_void_v<Value>) {
            {
                const pg::RoleScope keeper{enter(durability, patience), pg::Constraints::as_they_are};
                work(catalog_);
            }
            UPSTREAM_STOP(std::string{"committing "} + activity);
            transaction.commit();
            UPSTREAM_STOP(std::string{"after "} + activity);
        } else {
            Value value = [&] {
                const pg::RoleScope keeper{enter(durability, patience), pg::Constraints::as_they_are};
                return work(catalog_);
            }();
            UPSTREAM_STOP(std::string{"committing "} + activity);
            transaction.commit();
            UPSTREAM_STOP(std::string{"after "} + activity);
            return value;
        }
    }

    Oid enter(Durability durability, Patience patience);
    [[nodiscard]] bool waited_in_vain_lately() const;
    void note_waiting(const pg::Error& error);

    pg::Session& session_;
    Catalog catalog_;
    std::optional<core::Uptime> waited_in_vain_{};  // when a lock was last waited for as long as upstream.lock_timeout
    std::map<std::int32_t, std::pair<std::int32_t, std::shared_ptr<const core::Source>>> sources_;
};

}  // namespace upstream::worker
