// Transactions of a procedure, waiting, acting as another role, processes.
#include "border.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "pg/compat.hpp"
#include "pg/process.hpp"
#include "pg/relation.hpp"
#include "pg/role.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "pg/wait_set.hpp"

using namespace std::chrono_literals;

namespace border {
namespace {

using Kind = pg::Session::Kind;

void check(FunctionCallInfo fcinfo) {
    if (!pg::Session::may_commit(fcinfo)) throw pg::Raise{ERRCODE_INVALID_TRANSACTION_TERMINATION, "invalid transaction termination"};
}

void notice(const std::string& message) {
    pg::call([&] { ereport(NOTICE, errmsg("%s", message.c_str())); });
}

// Runs each statement in a transaction of its own; one that fails is reported and the next go on.
Datum units(FunctionCallInfo fcinfo) {
    check(fcinfo);
    std::vector<std::string> statements;
    for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
        const std::string all = argument(fcinfo, 0);
        end = all.find(';', at);
        if (std::string one = all.substr(at, end - at); one.find_first_not_of(" \n") != std::string::npos) statements.push_back(one);
    }
    pg::Session session{Kind::procedure};
    session.leave_callers_transaction();
    for (const std::string& statement : statements) {
        try {
            pg::Transaction transaction{session, "unit"};
            pg::Statement<> run{statement.c_str()};
            const pg::Rows rows = run.run();
            for (const pg::Row row : rows) notice(row.get<std::string>(0));
            transaction.commit();
        } catch (const pg::Error& error) {
            notice("failed: " + line(error));
        }
    }
    return Datum{0};
}

std::int64_t memory_in_use() { return static_cast<std::int64_t>(MemoryContextMemAllocated(TopMemoryContext, true)); }

// Many units, half of them rolled back, with a plan that is kept all along: memory must not grow with their number.
Datum many(FunctionCallInfo fcinfo) {
    check(fcinfo);
    const int count = PG_GETARG_INT32(0);
    pg::Session session{Kind::procedure};
    session.leave_callers_transaction();
    pg::Statement<std::int32_t, std::string_view> insert{"INSERT INTO public.border_log VALUES ($1, $2) RETURNING what"};
    const std::string text(10'000, 'x');
    std::int64_t before = 0;
    for (int i = 0; i < count; ++i) {
        if (i == count / 10) before = memory_in_use();
        pg::Transaction transaction{session, "many"};
        const pg::Rows rows = insert.run(i, text);
        if (rows[0].get<std::string>(0) != text) throw std::runtime_error{"not what was sent"};
        if (i % 2 == 0) transaction.commit();
    }
    const std::int64_t grown = memory_in_use() - before;
    notice(grown < 200'000 ? "memory is steady" : "memory grows by " + std::to_string(grown));
    return Datum{0};
}

// What is held at each step of a procedure.
Datum holds(FunctionCallInfo fcinfo) {
    check(fcinfo);
    pg::Session session{Kind::procedure};
    const auto say = [&](const char* when) {
        const bool held = pg::holds_snapshot_or_transaction(session);
        notice(std::string{when} + (held ? ": holds" : ": holds nothing"));
    };
    say("at the call");
    session.leave_callers_transaction();
    say("after leaving the caller's transaction");
    {
        pg::Transaction transaction{session, "holds"};
        pg::execute("INSERT INTO public.border_log VALUES (0, 'holds')");
        say("in a transaction");
        transaction.commit();
    }
    say("after its commit");
    static_cast<void>(pg::role_oid("postgres"));  // looks at a catalog
    pg::wait(10ms);
    say("after a look at a catalog and a wait");
    try {
        pg::Transaction transaction{session, "holds"};
        pg::execute("SELECT 1/0");
    } catch (const pg::Error&) {
        say("after a rollback");
    }
    return Datum{0};
}

// Two units with a wait between: now() of each is the time of its own beginning.
Datum clock(FunctionCallInfo fcinfo) {
    check(fcinfo);
    pg::Session session{Kind::procedure};
    pg::Statement<> age{"SELECT pg_catalog.clock_timestamp() - pg_catalog.now() < '150 ms'"};
    session.leave_callers_transaction();
    for (int i = 0; i < 2; ++i) {
        pg::wait(200ms);
        pg::Transaction transaction{session, "clock"};
        const bool fresh = age.run()[0].get<bool>(0);
        transaction.commit();
        notice(fresh ? "now() is now" : "now() is old");
    }
    return Datum{0};
}

Datum wait_for(FunctionCallInfo fcinfo) {
    const Guard guard;
    const std::chrono::milliseconds timeout{PG_GETARG_INT32(0)};
    for (;;) {
        const pg::Woken woken = pg::wait(timeout);
        if (woken.timeout) return result("timeout");
        if (PG_GETARG_BOOL(1)) return result("latch");  // otherwise the latch of the statement before
    }
}

Datum wake_self(FunctionCallInfo) {
    const bool woken = pg::set_latch_of(MyProcPid);
    return result(woken && pg::wait(10s).latch && !pg::set_latch_of(1) ? "latch" : "no latch");
}

// One set for several waits.
Datum descriptor(FunctionCallInfo) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) throw std::runtime_error{"no sockets"};
    std::string text;
    {
        pg::WaitSet set{pair[0]};
        const auto say = [&] {
            ResetLatch(MyLatch);
            const pg::Woken woken = set.wait(20ms);
            text += woken.timeout ? "timeout\n" : woken.ready ? "ready\n" : "neither\n";
        };
        say();
        if (write(pair[1], "x", 1) != 1) throw std::runtime_error{"cannot write"};
        say();
        say();
        char byte = 0;
        if (read(pair[0], &byte, 1) != 1) throw std::runtime_error{"cannot read"};
        say();
    }
    close(pair[0]);
    close(pair[1]);
    return result(text);
}

// The statement's first value (or nothing), as a role; then leaves, or not.
Datum as_role(FunctionCallInfo fcinfo) {
    const pg::SpiScope spi;
    pg::RoleScope scope{pg::role_oid(argument(fcinfo, 0).c_str())};
    std::string text;
    {
        const pg::Rows rows = pg::Plan{argument(fcinfo, 1), {}}.run(nullptr, 0);
        if (!rows.empty()) text = rows[0].get<std::string>(0);
    }
    if (PG_GETARG_BOOL(2)) scope.leave();
    return result(text);
}

Datum set_local(FunctionCallInfo fcinfo) {
    pg::set_local(argument(fcinfo, 0).c_str(), argument(fcinfo, 1).c_str());
    return result("set");
}

Datum start_of(FunctionCallInfo fcinfo) {
    const std::optional<pg::Time> start = pg::backend_start(PG_GETARG_INT32(0));
    if (!start) PG_RETURN_NULL();
    return pg::Traits<pg::Time>::to_datum(*start).value;
}

void committed() noexcept { ereport(NOTICE, errmsg("committed")); }

Datum at_commit(FunctionCallInfo) {
    pg::on_commit(committed);
    return result("noted");
}

Datum clocks(FunctionCallInfo) {
    const pg::Time now = pg::now();
    return BoolGetDatum(pg::own_start() == *pg::backend_start(MyProcPid) && pg::own_start() > pg::postmaster_start() && now > pg::own_start() &&
                        std::chrono::abs(now - std::chrono::system_clock::now()) < 1s);
}

}  // namespace
}  // namespace border

BORDER_FUNCTION(border_units, border::units)
BORDER_FUNCTION(border_many, border::many)
BORDER_FUNCTION(border_holds, border::holds)
BORDER_FUNCTION(border_clock, border::clock)
BORDER_FUNCTION(border_wait, border::wait_for)
BORDER_FUNCTION(border_wake_self, border::wake_self)
BORDER_FUNCTION(border_descriptor, border::descriptor)
BORDER_FUNCTION(border_as, border::as_role)
BORDER_FUNCTION(border_set_local, border::set_local)
BORDER_FUNCTION(border_start_of, border::start_of)
BORDER_FUNCTION(border_at_commit, border::at_commit)
BORDER_FUNCTION(border_clocks, border::clocks)
