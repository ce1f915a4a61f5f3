// Transactions of a worker and of a procedure; see transaction.hpp.
#include "pg/transaction.hpp"

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
}

namespace upstream::pg {

namespace {

// What is made inside the connection stays in the context of before it: SPI's own dies with the connection.
void connect(int options) {
    const MemoryContext before = CurrentMemoryContext;
    const int code = call([&] { return SPI_connect_ext(options); });
    detail::check_spi(code, "SPI_connect_ext");
    detail::spi_changed();
    MemoryContextSwitchTo(before);
}

void finish() {
    detail::spi_changed();
    detail::check_spi(call([] { return SPI_finish(); }), "SPI_finish");
}

// SPI_commit and SPI_rollback raise 2D000 where they are not allowed; after an error in the commit both have begun a new transaction.
void end_procedures_transaction() {
    call([] { SPI_commit(); });
}

// What cannot be rolled back leaves the process in a state that nobody can use. (FATAL ends the process; it does not unwind.)
template <class Fn>
void or_die(Fn&& fn) noexcept {
    try {
        call(fn);
    } catch (const std::exception& error) {
        ereport(FATAL, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not roll back: %s", error.what()));
    }
}

}  // namespace

Session::Session(Kind kind) : kind_(kind) {
    if (kind_ == Kind::worker) return;
    if (IsTransactionBlock()) throw Raise{ERRCODE_INVALID_TRANSACTION_TERMINATION, "invalid transaction termination"};
    connect(SPI_OPT_NONATOMIC);
}

Session::~Session() {
    if (kind_ == Kind::worker) return;
    detail::spi_changed();
    quietly([] { SPI_finish(); });
}

bool Session::may_commit(FunctionCallInfo fcinfo) {
    return fcinfo->context != nullptr && IsA(fcinfo->context, CallContext) && !castNode(CallContext, fcinfo->context)->atomic;
}

void Session::leave_callers_transaction() {
    if (kind_ == Kind::procedure) end_procedures_transaction();
}

// The memory hangs below TopMemoryContext, for every context of the transaction dies in an abort before this object does.
Transaction::Transaction(Session& session, const char* activity) : session_(session), memory_(TopMemoryContext) {
    try {
        begin(activity);
    } catch (...) {
        rollback();  // the destructor of an object that was not made does not run
        throw;
    }
}

Transaction::~Transaction() {
    if (open_) rollback();
}

void Session::limit_time(int milliseconds) const {
    if (kind_ == Kind::worker) call([&] { enable_timeout_after(STATEMENT_TIMEOUT, milliseconds); });
}

void Transaction::begin(const char* activity) {
    const bool worker = session_.kind() == Session::Kind::worker;
    if (!worker) end_procedures_transaction();
    call([&] {
        if (worker) {
            SetCurrentStatementStartTimestamp();
            pgstat_report_activity(STATE_RUNNING, activity);
            StartTransactionCommand();
        } else {
            BeginInternalSubTransaction(nullptr);
        }
        PushActiveSnapshot(GetTransactionSnapshot());
    });
    connect(0);
    MemoryContextSwitchTo(memory_.context());
}

void Transaction::commit() {
    finish();
    MemoryContextSwitchTo(memory_.context());
    if (session_.kind() == Session::Kind::worker) {
        call([] {
            PopActiveSnapshot();
            CommitTransactionCommand();
        });
        open_ = false;
        settle();
        return;
    }
    call([] {
        PopActiveSnapshot();
        ReleaseCurrentSubTransaction();
    });
    // From here on the work belongs to the procedure's own transaction, whose end SPI settles, also when that fails.
    MemoryContextSwitchTo(memory_.context());
    CurrentResourceOwner = TopTransactionResourceOwner;
    open_ = false;
    end_procedures_transaction();
    settle();
}

void Transaction::rollback() noexcept {
    open_ = false;
    detail::spi_changed();
    MemoryContextSwitchTo(TopMemoryContext);  // the current one may die in the abort
    if (session_.kind() == Session::Kind::worker) {
        or_die([] { AbortCurrentTransaction(); });
    } else {
        or_die([this] {
            while (IsSubTransaction()) RollbackAndReleaseCurrentSubTransaction();
            CurrentResourceOwner = TopTransactionResourceOwner;
            MemoryContextSwitchTo(memory_.context());
            SPI_rollback();
        });
    }
    settle();
}

void Transaction::settle() noexcept {
    MemoryContextSwitchTo(memory_.context());
    if (session_.kind() == Session::Kind::procedure) return;  // the session reports itself
    quietly([] {
        disable_timeout(STATEMENT_TIMEOUT, true);
        if (get_timeout_indicator(STATEMENT_TIMEOUT, true)) QueryCancelPending = false;  // it came too late: nothing is left to be cancelled
        pgstat_report_stat(true);  // a worker is never idle in Postgres' sense: without this autovacuum would not learn of its writes
        pgstat_report_activity(STATE_IDLE, nullptr);
    });
}

void set_local(const char* name, const char* value) {
    call([&] {
        set_config_option(name, value, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
    });
}

// As PL/pgSQL's exception block: the subtransaction's own context and owner are not the ones to work in.
Subtransaction::Subtransaction() : before_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    call([&] { BeginInternalSubTransaction(nullptr); });
    MemoryContextSwitchTo(before_);
}

Subtransaction::~Subtransaction() {
    if (!open_) return;
    detail::spi_changed();
    or_die([] { RollbackAndReleaseCurrentSubTransaction(); });
    MemoryContextSwitchTo(before_);
    CurrentResourceOwner = owner_;
}

void Subtransaction::release() {
    call([] { ReleaseCurrentSubTransaction(); });
    open_ = false;
    MemoryContextSwitchTo(before_);
    CurrentResourceOwner = owner_;
}

SpiScope::SpiScope() : before_(CurrentMemoryContext) { connect(0); }

SpiScope::~SpiScope() {
    detail::spi_changed();
    quietly([] { SPI_finish(); });
    MemoryContextSwitchTo(before_);
}

bool holds_snapshot_or_transaction(const Session& session) {
    if (ActiveSnapshotSet() || TransactionIdIsValid(GetTopTransactionIdIfAny())) return true;
    if (session.kind() == Session::Kind::worker) return IsTransactionState();
    // A look at a catalog leaves its snapshot behind for the next look; alone, it can be dropped at any time.
    call([] { InvalidateCatalogSnapshotConditionally(); });
    return TransactionIdIsValid(MyProc->xmin);
}

}  // namespace upstream::pg
