// Errors over the border in both directions.
#include "border.hpp"

#include <new>
#include <stdexcept>

#include "pg/compat.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
PG_MODULE_MAGIC_NAMED("border", "1");
}

namespace border {
namespace {

Datum throw_kind(FunctionCallInfo fcinfo) {
    const Guard guard;
    const std::string kind = argument(fcinfo, 0);
    if (kind == "exception") throw std::runtime_error{"thrown in C++"};
    if (kind == "memory") throw std::bad_alloc{};
    if (kind == "int") throw 42;
    if (kind == "raise") throw pg::Raise{ERRCODE_CHECK_VIOLATION, "raised 100% in C++", "A detail.", "A hint."};
    return result("nothing thrown");
}

Datum run(FunctionCallInfo fcinfo) {
    const Guard guard;
    const pg::SpiScope spi;
    pg::execute(argument(fcinfo, 0));
    return result("done");
}

Datum run_and_catch(FunctionCallInfo fcinfo) {
    const std::string sql = argument(fcinfo, 0);
    std::string caught = "no error";
    {
        const pg::SpiScope spi;
        try {
            const Guard guard;
            pg::Subtransaction attempt;
            pg::execute(sql);
            attempt.release();
        } catch (const pg::Error& error) {
            caught = line(error);
        }
        pg::execute("SELECT 1");  // SPI still serves
    }
    return result(caught);
}

// An error keeps its text though the transaction's memory is long gone.
Datum nested(FunctionCallInfo fcinfo) {
    const pg::SpiScope spi;
    try {
        pg::Subtransaction outer;
        try {
            pg::Subtransaction inner;
            pg::execute(argument(fcinfo, 0));
        } catch (const pg::Error&) {
            pg::execute("SELECT 1");
            throw;
        }
    } catch (const pg::Error& error) {
        throw;
    }
    return result("no error");
}

Datum huge(FunctionCallInfo) {
    const Guard guard;
    pg::call([] { return palloc(MaxAllocSize + 1); });
    return result("allocated");
}

Datum count_destroyed(FunctionCallInfo) { return Int32GetDatum(std::exchange(destroyed, 0)); }

}  // namespace
}  // namespace border

BORDER_FUNCTION(border_throw, border::throw_kind)
BORDER_FUNCTION(border_run, border::run)
BORDER_FUNCTION(border_catch, border::run_and_catch)
BORDER_FUNCTION(border_nested, border::nested)
BORDER_FUNCTION(border_huge, border::huge)
BORDER_FUNCTION(border_destroyed, border::count_destroyed)
