// Searching the index of the key for many rows, sorted by it; see key_index.hpp.
//
// Two ways. Where the rows stand as densely in the index as in the chunk, as when a list is read again, a scan goes along the index: it asks for keys from
// one row's upward (equal in all columns but the last, not less in that one), and the key of the next row is among the entries that follow; no descent is
// needed. Elsewhere every row's key is asked for by itself, for a scan that goes along reads a whole leaf of the index at each descent. Which way is the
// cheaper one is found out now and then.
#include <algorithm>
#include <array>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/key_index.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/genam.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_index.h"
#include "executor/tuptable.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace upstream::pg {

namespace {

constexpr int kMostSteps = 8;        // along the index, before a descent is the shorter way
constexpr int kTrial = 4;            // descents after which a scan along the index is judged
constexpr int kWorthwhile = 6;       // searches a descent, if it shall go on
constexpr int kBetweenTrials = 512;  // searches one by one

// Plain data.
struct Search {
    const RowBuffer* rows;
    Relation table;
    Relation index;
    IndexScanDesc scan;
    TupleTableSlot* slot;
    std::array<ScanKeyData, INDEX_MAX_KEYS> exact, upward;  // that key; keys from that one on
    std::array<std::size_t, INDEX_MAX_KEYS> sources;        // column of the buffer for each key
    int key_count;
    FmgrInfo* order;      // of the last key column
    const Datum* before;  // the row searched last, if the scan goes on from there
    bool at_entry;        // the scan stands at an entry that has not been passed
    int one_by_one;       // searches before the next trial
    int descents, found_ahead;  // of the trial
};

void make_key(const Search& search, ScanKeyData& key, int column, StrategyNumber strategy) {
    const Oid type = search.index->rd_opcintype[column];
    const Oid compare = get_opfamily_member(search.index->rd_opfamily[column], type, type, strategy);
    ScanKeyEntryInitialize(&key, 0, static_cast<AttrNumber>(column + 1), strategy, InvalidOid, search.index->rd_indcollation[column], get_opcode(compare), Datum{0});
}

void begin(Search& search, Oid table, Oid index, const RowBuffer& rows) {
    search.rows = &rows;
    search.table = table_open(table, NoLock);
    if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(search.table->rd_rel->relkind), RelationGetRelationName(search.table));
    search.index = index_open(index, AccessShareLock);
    search.key_count = IndexRelationGetNumberOfKeyAttributes(search.index);
    const int last = search.key_count - 1;
    for (int i = 0; i <= last; ++i) {
        // "Not less" in the order of the index, which may be descending.
        const bool descending = (search.index->rd_indoption[i] & INDOPTION_DESC) != 0;
        make_key(search, search.exact[i], i, BTEqualStrategyNumber);
        make_key(search, search.upward[i], i, i < last ? BTEqualStrategyNumber : descending ? BTLessEqualStrategyNumber : BTGreaterEqualStrategyNumber);
        search.sources[i] = rows.columns().size();
        for (std::size_t column = 0; column < rows.columns().size(); ++column)
            if (rows.columns()[column].number == search.index->rd_index->indkey.values[i]) search.sources[i] = column;
        if (search.sources[i] == rows.columns().size()) elog(ERROR, "a column of index \"%s\" is not among the rows'", RelationGetRelationName(search.index));
    }
    search.order = index_getprocinfo(search.index, static_cast<AttrNumber>(last + 1), BTORDER_PROC);
    search.slot = table_slot_create(search.table, nullptr);
    search.scan = compat::begin_index_scan(search.table, search.index, GetActiveSnapshot(), search.key_count);
    search.scan->xs_want_itup = true;  // entries are compared without a look at their rows
}

void end(Search& search) {
    index_endscan(search.scan);
    ExecDropSingleTupleTableSlot(search.slot);
    index_close(search.index, NoLock);
    table_close(search.table, NoLock);
}

// Values of the last key column, in the order of the index.
int compare(const Search& search, Datum a, Datum b) {
    const int last = search.key_count - 1;
    const int order = DatumGetInt32(FunctionCall2Coll(search.order, search.index->rd_indcollation[last], a, b));
    return (search.index->rd_indoption[last] & INDOPTION_DESC) != 0 ? -order : order;
}

Datum last_of(const Search& search, const Datum* row) { return row[search.sources[search.key_count - 1]]; }

// Whether the scan, as it stands, will come by the row's key.
bool lies_ahead(const Search& search, const Datum* row) {
    if (search.before == nullptr) return false;
    for (int i = 0; i < search.key_count - 1; ++i) {
        const RowColumn& column = search.rows->columns()[search.sources[i]];
        if (!datum_image_eq(search.before[search.sources[i]], row[search.sources[i]], column.by_value, column.length)) return false;
    }
    return compare(search, last_of(search, search.before), last_of(search, row)) < 0;
}

void descend(Search& search, ScanKeyData* keys, const Datum* row) {
    for (int i = 0; i < search.key_count; ++i) keys[i].sk_argument = row[search.sources[i]];
    index_rescan(search.scan, keys, search.key_count, nullptr, 0);
    search.at_entry = index_getnext_tid(search.scan, ForwardScanDirection) != nullptr;
}

// The entry at which the scan stands, against the row: before it, at it or beyond. Beyond if there are no more.
int entry_against(const Search& search, const Datum* row) {
    if (!search.at_entry) return 1;
    bool null = false;  // the columns of a key have none, or the row would not be looked for
    const Datum entry = index_getattr(search.scan->xs_itup, search.key_count, search.scan->xs_itupdesc, &null);
    return null ? -1 : compare(search, entry, last_of(search, row));
}

void step(Search& search) { search.at_entry = search.at_entry && index_getnext_tid(search.scan, ForwardScanDirection) != nullptr; }

// Goes along from where the scan stands. False if the first entry that is not before the row is too far.
bool go_along(Search& search, const Datum* row) {
    if (!lies_ahead(search, row)) return false;
    for (int steps = 0; entry_against(search, row) < 0; ++steps) {
        if (steps == kMostSteps) return false;
        step(search);
    }
    return true;
}

// Whether the scan shall go along the index from here on.
bool is_dense(Search& search) {
    if (search.one_by_one > 0) return --search.one_by_one == 0;
    if (search.descents < kTrial) return true;
    const bool worthwhile = search.found_ahead >= kWorthwhile * kTrial;
    search.descents = search.found_ahead = 0;
    if (!worthwhile) search.one_by_one = kBetweenTrials;
    return worthwhile;
}

// Leads the scan to the first entry that is not before the row. True if it has the row's key.
bool find(Search& search, const Datum* row) {
    if (!is_dense(search)) {
        search.before = nullptr;
        descend(search, search.exact.data(), row);
        return search.at_entry;
    }
    if (go_along(search, row)) {
        ++search.found_ahead;
    } else {
        ++search.descents;
        descend(search, search.upward.data(), row);
    }
    search.before = row;
    return entry_against(search, row) == 0;
}

bool same_bytes(Datum a, Datum b, const RowColumn& column) {
    if (column.length == -1) {
        const auto* const left = reinterpret_cast<varlena*>(DatumGetPointer(a));
        const auto* const right = reinterpret_cast<varlena*>(DatumGetPointer(b));
        const auto is_plain = [](const varlena* value) { return !VARATT_IS_EXTERNAL(value) && !VARATT_IS_COMPRESSED(value); };
        if (is_plain(left) && is_plain(right)) {
            const std::size_t size = VARSIZE_ANY_EXHDR(left);
            return size == VARSIZE_ANY_EXHDR(right) && std::memcmp(VARDATA_ANY(left), VARDATA_ANY(right), size) == 0;
        }
    }
    return datum_image_eq(a, b, column.by_value, column.length);
}

bool has_same_bytes(const Search& search, std::size_t row, std::span<const std::size_t> compared) {
    const Datum* const values = search.rows->values(row);
    const bool* const nulls = search.rows->nulls(row);
    return std::all_of(compared.begin(), compared.end(), [&](std::size_t column) {
        const RowColumn& description = search.rows->columns()[column];
        const int place = description.number - 1;
        if (search.slot->tts_isnull[place] != nulls[column]) return false;
        return nulls[column] || same_bytes(search.slot->tts_values[place], values[column], description);
    });
}

// Of the entries with the row's key at most one leads to a row that the snapshot sees.
Stored look_up_one(Search& search, std::size_t row, std::span<const std::size_t> compared) {
    const Datum* const values = search.rows->values(row);
    for (bool found = find(search, values); found; found = entry_against(search, values) == 0) {
        const bool visible = index_fetch_heap(search.scan, search.slot);
        step(search);
        if (!visible) continue;
        slot_getallattrs(search.slot);
        return has_same_bytes(search, row, compared) ? Stored::same : Stored::different;
    }
    return Stored::missing;
}

}  // namespace

std::vector<Stored> look_up(Oid table, Oid index, const RowBuffer& rows, std::span<const std::uint32_t> order, std::span<const std::size_t> compared) {
    std::vector<Stored> found(order.size());
    const MemoryScope scratch;
    call([&] {
        Search search{};
        begin(search, table, index, rows);
        for (std::size_t i = 0; i < order.size(); ++i) {
            rows.fetch_ahead(order.subspan(i));
            found[i] = look_up_one(search, order[i], compared);
            if (i % 1024 == 0) CHECK_FOR_INTERRUPTS();
        }
        end(search);
    });
    return found;
}

}  // namespace upstream::pg
