// One short transaction, with everything that belongs to it: timestamp, snapshot, SPI, activity, commit or abort, statistics.
//
// It works in two places. In a background worker nothing is open before and after: StartTransactionCommand .. CommitTransactionCommand. In a
// procedure that a session CALLs, Postgres always keeps a transaction open, so the unit of work ends with SPI_commit, which opens an
// empty one (no snapshot, no xid, no lock) that stays until the next unit; there the work runs inside a subtransaction, because
// only that cleans up snapshots and SPI after an error before SPI_rollback may be called. A unit begins with an SPI_commit too, so
// that now() is the time of its beginning and not of the end of the unit before the network was waited for.
//
// Each unit has its SPI connection and its memory context, both gone at its end: nothing grows with the number of units. Objects
// made inside it (Rows, RoleScope, Subtransaction, MemoryScope) are destroyed before it ends: declare them after it.
//
// Destroyed without commit() it rolls back, also while an exception passes.
#pragma once

#include "pg/memory.hpp"
#include "pg/postgres.hpp"

namespace upstream::pg {

// Who runs the transactions of this process. One per process (worker) or per CALL (session); in a session it holds the SPI
// connection that makes SPI_commit possible.
class Session {
  public:
    enum class Kind { worker, procedure };
    // procedure: the caller has checked may_commit(), for SPI cannot tell; a transaction block is refused here too (2D000).
    explicit Session(Kind kind);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    [[nodiscard]] Kind kind() const { return kind_; }

    // procedure: whether `fcinfo` may end transactions: it is a CALL outside of a transaction block and of any function.
    [[nodiscard]] static bool may_commit(FunctionCallInfo fcinfo);

    // procedure: ends the transaction that the CALL began in, so that nothing is held while we wait. Once, before the first wait.
    void leave_callers_transaction();

    // worker: the transaction that is open is cancelled (57014) if it takes longer than that from now on. Postgres arms statement_timeout for clients only, so that an
    // endless trigger would hold a worker for ever; a session has its own statement_timeout, and somebody who can cancel it. The alarm stays set when the transaction ends
    // earlier, and wakes the process once, to no purpose: only where other people's code runs is it worth that.
    void limit_time(int milliseconds) const;

  private:
    Kind kind_;
};

class Transaction {
  public:
    Transaction(Session& session, const char* activity);  // activity: a fixed text for pg_stat_activity
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    void begin(const char* activity);
    void rollback() noexcept;
    void settle() noexcept;  // after commit or rollback: memory, owner, statistics, activity
    Session& session_;
    bool open_ = true;
    MemoryScope memory_;
};

// SET LOCAL: holds until the end of the transaction. Raises for a name or value that is not valid, or not this user's to set.
void set_local(const char* name, const char* value);

// A piece of a transaction that may fail alone.
class Subtransaction {
  public:
    Subtransaction();
    ~Subtransaction();  // rolls back unless released
    Subtransaction(const Subtransaction&) = delete;
    Subtransaction& operator=(const Subtransaction&) = delete;
    void release();

  private:
    bool open_ = true;
    MemoryContext before_;
    ResourceOwner owner_;
};

// SPI for a SQL function that works inside its caller's transaction. Results may be made inside: they outlive the connection.
class SpiScope {
  public:
    SpiScope();
    ~SpiScope();
    SpiScope(const SpiScope&) = delete;
    SpiScope& operator=(const SpiScope&) = delete;

  private:
    MemoryContext before_;
};

// True if the process holds what must never be held while it waits for the network: a snapshot, an xid, or (worker) a transaction.
[[nodiscard]] bool holds_snapshot_or_transaction(const Session& session);

}  // namespace upstream::pg
