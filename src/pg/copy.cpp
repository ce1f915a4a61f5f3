// COPY from a buffer of rows; see copy.hpp.
#include "pg/copy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace upstream::pg {

namespace {

// The binary format: a header, then for each row a number of fields, for each field its size (-1 for null) and its bytes; sizes in network order.
constexpr std::array<char, 19> kHeader{'P', 'G', 'C', 'O', 'P', 'Y', '\n', '\377', '\r', '\n', '\0'};
constexpr std::uint32_t kNull = 0xFFFFFFFF;
constexpr std::uint16_t kEnd = 0xFFFF;

// What COPY reads: the stream of the binary format, made a row at a time. Plain data: it is used where Postgres may jump.
struct Stream {
    const RowBuffer* rows = nullptr;
    const std::uint32_t* order = nullptr;
    std::size_t count = 0;
    std::size_t next = 0;
    bool began = false, ended = false;

    // Writes the next row; where that ends.
    char* put_row(char* out) {
        const std::size_t row = order[next++];
        rows->fetch_ahead({order + next, count - next});
        const std::size_t columns = rows->columns().size();
        const Datum* const values = rows->values(row);
        const bool* const nulls = rows->nulls(row);
        const std::uint32_t length = pg_hton32(sizeof(Datum));
        out = put(out, pg_hton16(static_cast<std::uint16_t>(columns)));
        for (std::size_t i = 0; i < columns; ++i) out = nulls[i] ? put(out, kNull) : put(put(out, length), values[i]);
        return out;
    }

    // Writes what comes next; where that ends, `out` if everything was written before.
    char* put_next(char* out) {
        if (!std::exchange(began, true)) return std::copy(kHeader.begin(), kHeader.end(), out);
        if (next < count) return put_row(out);
        return std::exchange(ended, true) ? out : put(out, kEnd);
    }

  private:
    template <class Value>
    static char* put(char* out, Value value) {
        std::memcpy(out, &value, sizeof value);
        return out + sizeof value;
    }
};

Stream* stream = nullptr;  // COPY's callback has no argument of its own; one COPY at a time reads from here

// COPY asks for more when it has used up what it had, and then for as much as its buffer takes.
static_assert(sizeof(std::uint16_t) + MaxHeapAttributeNumber * (sizeof(std::uint32_t) + sizeof(Datum)) <= RAW_BUF_SIZE, "a row fits");

// Gives one row at a time: what was fetched ahead of it would be gone again after some hundred of them.
int read_stream(void* out, int /*at_least*/, int /*at_most*/) {
    auto* const begin = static_cast<char*>(out);
    return static_cast<int>(stream->put_next(begin) - begin);
}

// The receive function of every column: the field's bytes are the value.
Datum pick_up(FunctionCallInfo fcinfo) {
    auto* const field = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    Datum value;
    std::memcpy(&value, field->data, sizeof value);
    field->cursor = field->len;
    return value;
}

FmgrInfo picker() {
    FmgrInfo function{};
    function.fn_addr = pick_up;
    function.fn_nargs = 3;
    function.fn_strict = true;  // a null is a null: whoever made the row has asked the type
    function.fn_mcxt = CurrentMemoryContext;
    return function;
}

void check_right(Oid table) {
    if (pg_class_aclcheck(table, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(table)), get_rel_name(table));
}

std::uint64_t copy(Oid table, const RowBuffer& rows) {
    check_right(table);
    const Relation relation = table_open(table, NoLock);
    ParseState* const state = make_parsestate(nullptr);
    addRangeTableEntryForRelation(state, relation, RowExclusiveLock, nullptr, false, false);
    List* names = NIL;
    for (const RowColumn& column : rows.columns()) names = lappend(names, makeString(pstrdup(column.name.c_str())));
    List* const options = list_make1(makeDefElem(pstrdup("format"), reinterpret_cast<Node*>(makeString(pstrdup("binary"))), -1));
    const CopyFromState copying = BeginCopyFrom(state, relation, nullptr, nullptr, false, read_stream, names, options);
    for (const RowColumn& column : rows.columns()) copying->in_functions[column.number - 1] = picker();
    const std::uint64_t inserted = CopyFrom(copying);
    EndCopyFrom(copying);
    free_parsestate(state);
    table_close(relation, NoLock);
    CommandCounterIncrement();  // what follows in the transaction sees the rows
    return inserted;
}

}  // namespace

std::uint64_t copy_into(Oid table, const RowBuffer& rows, std::span<const std::uint32_t> order) {
    if (order.empty()) return 0;
    const MemoryScope scratch;
    Stream source{.rows = &rows, .order = order.data(), .count = order.size()};
    Stream* const before = stream;  // a trigger may bring us here again
    stream = &source;
    try {
        const std::uint64_t inserted = call([&] { return copy(table, rows); });
        stream = before;
        return inserted;
    } catch (...) {
        stream = before;
        throw;
    }
}

}  // namespace upstream::pg
