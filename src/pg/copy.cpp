// COPY from a buffer of rows; see copy.hpp.
#include "pg/copy.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"

extern "C" {
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
    bool ended = false;
    char* piece = nullptr;  // what is made and not yet taken
    std::size_t size = 0;
    std::size_t taken = 0;

    void put(const void* bytes, std::size_t length) {
        std::memcpy(piece + size, bytes, length);
        size += length;
    }

    // Makes the next row, or the end. False if that was made before.
    bool make() {
        if (ended) return false;
        size = taken = 0;
        if (next == count) {
            put(&kEnd, sizeof kEnd);
            ended = true;
            return true;
        }
        const std::size_t row = order[next++];
        rows->fetch_ahead({order + next, count - next});
        const std::size_t columns = rows->columns().size();
        const Datum* const values = rows->values(row);
        const bool* const nulls = rows->nulls(row);
        const std::uint16_t fields = pg_hton16(static_cast<std::uint16_t>(columns));
        const std::uint32_t length = pg_hton32(sizeof(Datum));
        put(&fields, sizeof fields);
        for (std::size_t i = 0; i < columns; ++i) {
            if (nulls[i]) {
                put(&kNull, sizeof kNull);
            } else {
                put(&length, sizeof length);
                put(&values[i], sizeof(Datum));
            }
        }
        return true;
    }
};

Stream* stream = nullptr;  // COPY's callback has no argument of its own; one COPY at a time reads from here

int read_stream(void* out, int /*at_least*/, int at_most) {
    const auto room = static_cast<std::size_t>(at_most);
    std::size_t given = 0;
    while (given < room) {
        if (stream->taken == stream->size && !stream->make()) break;
        const std::size_t part = std::min(room - given, stream->size - stream->taken);
        std::memcpy(static_cast<char*>(out) + given, stream->piece + stream->taken, part);
        stream->taken += part;
        given += part;
    }
    return static_cast<int>(given);
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
    const std::size_t longest = sizeof(std::uint16_t) + rows.columns().size() * (sizeof(std::uint32_t) + sizeof(Datum));
    Stream source{.rows = &rows, .order = order.data(), .count = order.size()};
    source.piece = static_cast<char*>(call([&] { return palloc(std::max(longest, sizeof kHeader)); }));
    source.put(kHeader.data(), kHeader.size());
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
