// Whether an index serves; see key_index.hpp.
#include "pg/key_index.hpp"

#include <algorithm>
#include <array>

#include "pg/error.hpp"

extern "C" {
#include "access/nbtree.h"
#include "access/table.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace_d.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
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

}  // namespace upstream::pg
