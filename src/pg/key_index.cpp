// Searching a key's index; see key_index.hpp.
#include "pg/key_index.hpp"

#include <algorithm>
#include <array>

#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "access/genam.h"
#include "access/nbtree.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace_d.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace upstream::pg {

namespace {

// Whether equal means the same bytes for every column of the index, as B-tree deduplication asks.
bool equal_means_same_bytes(Relation index) {
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); ++i) {
        const Oid family = index->rd_opfamily[i], type = index->rd_opcintype[i];
        const Oid function = get_opfamily_proc(family, type, type, BTEQUALIMAGE_PROC);
        if (!OidIsValid(function)) return false;
        if (!DatumGetBool(OidFunctionCall1Coll(function, index->rd_indcollation[i], ObjectIdGetDatum(type)))) return false;
    }
    return true;
}

// Whether the index is one on exactly these columns that identifies rows.
bool identifies(Relation index, const AttrNumber* key, std::size_t columns) {
    const Form_pg_index form = index->rd_index;
    if (!form->indisunique || !form->indisvalid || !form->indisready || !form->indimmediate || index->rd_rel->relam != BTREE_AM_OID) return false;
    if (RelationGetIndexPredicate(index) != NIL || RelationGetIndexExpressions(index) != NIL) return false;
    if (static_cast<std::size_t>(form->indnkeyatts) != columns) return false;
    return std::all_of(form->indkey.values, form->indkey.values + form->indnkeyatts,
                       [&](AttrNumber column) { return std::find(key, key + columns, column) != key + columns; });
}

const char* obstacle_of(Relation table) {
    if (table->rd_rel->relkind != RELKIND_RELATION && table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) return "the target is no table";
    if (table->rd_rules != nullptr) return "the target has rules";
    if (table->trigdesc != nullptr && table->trigdesc->trig_insert_before_row) return "the target has a BEFORE INSERT row trigger";
    if (table->rd_rel->relrowsecurity && table->rd_rel->relforcerowsecurity) return "row security is forced on the target";
    // Citus keeps the rows of a distributed table elsewhere, and sees to that in statements only.
    const Oid distributed = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    if (OidIsValid(distributed)) return "tables may be distributed by Citus";
    return "";
}

// BulkFacts without what has a destructor.
struct Facts {
    Oid index = InvalidOid;
    bool can_look_up = false;
    std::array<AttrNumber, INDEX_MAX_KEYS> columns{};
    const char* obstacle = "";
};

Facts facts_of(Oid oid, const AttrNumber* key, std::size_t columns) {
    Facts facts;
    const Relation table = table_open(oid, NoLock);
    facts.obstacle = obstacle_of(table);
    const List* const indexes = RelationGetIndexList(table);
    for (int i = 0; i < list_length(indexes) && !OidIsValid(facts.index); ++i) {
        const Relation index = index_open(list_nth_oid(indexes, i), AccessShareLock);
        if (identifies(index, key, columns) && equal_means_same_bytes(index)) {
            facts.index = RelationGetRelid(index);
            facts.can_look_up = index->rd_rel->relkind == RELKIND_INDEX;
            std::copy_n(index->rd_index->indkey.values, columns, facts.columns.begin());
        }
        index_close(index, NoLock);
    }
    table_close(table, NoLock);
    return facts;
}

// One search after the other in the same scan. Plain data.
struct Search {
    Relation table;
    Relation index;
    IndexScanDesc scan;
    TupleTableSlot* slot;
    std::array<ScanKeyData, INDEX_MAX_KEYS> keys;
    std::array<std::size_t, INDEX_MAX_KEYS> sources;  // column of the buffer for each key
    int key_count;
};

void begin(Search& search, Oid table, Oid index, const RowBuffer& rows) {
    search.table = table_open(table, NoLock);
    if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(search.table->rd_rel->relkind), RelationGetRelationName(search.table));
    search.index = index_open(index, AccessShareLock);
    search.key_count = IndexRelationGetNumberOfKeyAttributes(search.index);
    for (int i = 0; i < search.key_count; ++i) {
        const Oid type = search.index->rd_opcintype[i];
        const Oid equality = get_opfamily_member(search.index->rd_opfamily[i], type, type, BTEqualStrategyNumber);
        ScanKeyEntryInitialize(&search.keys[i], 0, static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, InvalidOid, search.index->rd_indcollation[i],
                               get_opcode(equality), Datum{0});
        search.sources[i] = rows.columns().size();
        for (std::size_t column = 0; column < rows.columns().size(); ++column)
            if (rows.columns()[column].number == search.index->rd_index->indkey.values[i]) search.sources[i] = column;
        if (search.sources[i] == rows.columns().size()) elog(ERROR, "a column of index \"%s\" is not among the rows'", RelationGetRelationName(search.index));
    }
    search.slot = table_slot_create(search.table, nullptr);
    search.scan = compat::begin_index_scan(search.table, search.index, GetActiveSnapshot(), search.key_count);
}

bool has_same_bytes(const Search& search, const RowBuffer& rows, std::size_t row, std::span<const std::size_t> compared) {
    const Datum* const values = rows.values(row);
    const bool* const nulls = rows.nulls(row);
    return std::all_of(compared.begin(), compared.end(), [&](std::size_t column) {
        const RowColumn& description = rows.columns()[column];
        const int place = description.number - 1;
        if (search.slot->tts_isnull[place] != nulls[column]) return false;
        return nulls[column] || datum_image_eq(search.slot->tts_values[place], values[column], description.by_value, description.length);
    });
}

Stored look_up_one(Search& search, const RowBuffer& rows, std::size_t row, std::span<const std::size_t> compared) {
    for (int i = 0; i < search.key_count; ++i) search.keys[i].sk_argument = rows.values(row)[search.sources[i]];
    index_rescan(search.scan, search.keys.data(), search.key_count, nullptr, 0);
    if (!index_getnext_slot(search.scan, ForwardScanDirection, search.slot)) return Stored::missing;
    slot_getallattrs(search.slot);
    return has_same_bytes(search, rows, row, compared) ? Stored::same : Stored::different;
}

void end(Search& search) {
    index_endscan(search.scan);
    ExecDropSingleTupleTableSlot(search.slot);
    index_close(search.index, NoLock);
    table_close(search.table, NoLock);
}

}  // namespace

BulkFacts bulk_facts(Oid table, std::vector<std::string> key) {
    std::vector<AttrNumber> numbers;
    for (const RowColumn& column : row_columns(table, key)) numbers.push_back(column.number);
    const Facts found = call([&] { return facts_of(table, numbers.data(), numbers.size()); });
    BulkFacts facts{.index = found.index, .obstacle = found.obstacle, .can_look_up = found.can_look_up};
    for (std::size_t i = 0; OidIsValid(found.index) && i < numbers.size(); ++i)
        facts.order.push_back(key[static_cast<std::size_t>(std::find(numbers.begin(), numbers.end(), found.columns[i]) - numbers.begin())]);
    if (facts.obstacle.empty() && !OidIsValid(facts.index)) facts.obstacle = "no index of the key has the equality of bytes";
    return facts;
}

std::vector<Stored> look_up(Oid table, Oid index, const RowBuffer& rows, std::span<const std::uint32_t> order, std::span<const std::size_t> compared) {
    std::vector<Stored> found(order.size());
    const MemoryScope scratch;
    call([&] {
        Search search{};
        begin(search, table, index, rows);
        for (std::size_t i = 0; i < order.size(); ++i) {
            found[i] = look_up_one(search, rows, order[i], compared);
            if (i % 1024 == 0) CHECK_FOR_INTERRUPTS();
        }
        end(search);
    });
    return found;
}

}  // namespace upstream::pg
