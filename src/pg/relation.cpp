// Reading a table's shape from the relation cache; see relation.hpp.
#include "pg/relation.hpp"

#include <algorithm>

#include "pg/error.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_index.h"
#include "nodes/pg_list.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace upstream::pg {

namespace {

// A reference to a relation's cache entry; the lock is the caller's.
class OpenRelation {
  public:
    explicit OpenRelation(Oid table) : relation_(call([&] { return RelationIdGetRelation(table); })) {}
    ~OpenRelation() {
        if (relation_ != nullptr) quietly([this] { RelationClose(relation_); });
    }
    OpenRelation(const OpenRelation&) = delete;
    OpenRelation& operator=(const OpenRelation&) = delete;
    [[nodiscard]] Relation get() const { return relation_; }

  private:
    Relation relation_;
};

// The part of an attribute that takes look-ups, as plain data: it is filled in where Postgres may raise.
struct Lookup {
    const char* type_name;
    bool is_json;
    bool has_equality;
    bool has_type_default;
};

Lookup look_up(Oid type, std::int32_t typmod) {
    return call([&] {
        const Oid base = getBaseType(type);
        return Lookup{.type_name = format_type_with_typemod(type, typmod),
                      .is_json = base == JSONBOID,
                      .has_equality = OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr),
                      .has_type_default = base != type && get_typdefault(type) != nullptr};
    });
}

Attribute describe(const FormData_pg_attribute& column) {
    const Lookup found = look_up(column.atttypid, column.atttypmod);
    const bool identity = column.attidentity != '\0';
    return Attribute{.name = NameStr(column.attname),
                     .type = column.atttypid,
                     .typmod = column.atttypmod,
                     .type_name = found.type_name,
                     .not_null = column.attnotnull,
                     .has_default = (column.atthasdef && column.attgenerated == '\0') || identity || found.has_type_default,
                     .generated = column.attgenerated != '\0' || column.attidentity == ATTRIBUTE_IDENTITY_ALWAYS,
                     .is_json = found.is_json,
                     .has_equality = found.has_equality};
}

// Whether ON CONFLICT can rely on this index for a list of plain columns.
bool is_key(HeapTuple tuple) {
    const auto* const index = reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple));
    if (!index->indisunique || !index->indisvalid || !index->indisready || !index->indimmediate) return false;
    if (!heap_attisnull(tuple, Anum_pg_index_indpred, nullptr) || !heap_attisnull(tuple, Anum_pg_index_indexprs, nullptr)) return false;
    return std::all_of(index->indkey.values, index->indkey.values + index->indnkeyatts, [](AttrNumber column) { return column > 0; });
}

// The columns of the index's key if it is one that identifies rows; empty otherwise.
std::vector<std::string> key_columns(TupleDesc columns, Oid index) {
    std::vector<std::string> names;
    const HeapTuple tuple = call([&] { return SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index)); });
    if (!HeapTupleIsValid(tuple)) return names;
    if (call([&] { return is_key(tuple); })) {
        const auto* const form = reinterpret_cast<const FormData_pg_index*>(GETSTRUCT(tuple));
        for (int i = 0; i < form->indnkeyatts; ++i)
            names.emplace_back(NameStr(TupleDescAttr(columns, form->indkey.values[i] - 1)->attname));
    }
    call([&] { ReleaseSysCache(tuple); });
    return names;
}

std::uint64_t changes = 0;

}  // namespace

const Attribute* Table::attribute(const std::string& name) const {
    const auto found = std::find_if(attributes.begin(), attributes.end(), [&](const Attribute& each) { return each.name == name; });
    return found == attributes.end() ? nullptr : &*found;
}

bool Table::has_key(std::vector<std::string> columns) const {
    std::sort(columns.begin(), columns.end());
    return std::any_of(unique_keys.begin(), unique_keys.end(), [&](std::vector<std::string> key) {
        std::sort(key.begin(), key.end());
        return key == columns;
    });
}

Table describe(Oid table) {
    const OpenRelation open{table};
    const Relation relation = open.get();
    if (relation == nullptr) throw Raise{ERRCODE_UNDEFINED_TABLE, "relation with OID " + std::to_string(table) + " does not exist"};
    Table described{.oid = table, .kind = relation->rd_rel->relkind, .owner = relation->rd_rel->relowner};
    const char* const qualified = call([&] {
        return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
    });
    described.qualified = qualified;
    const TupleDesc columns = RelationGetDescr(relation);
    for (int i = 0; i < columns->natts; ++i)
        if (const Form_pg_attribute column = TupleDescAttr(columns, i); !column->attisdropped) described.attributes.push_back(describe(*column));
    const List* const indexes = call([&] { return RelationGetIndexList(relation); });
    for (int i = 0; i < list_length(indexes); ++i) {
        std::vector<std::string> key = key_columns(columns, list_nth_oid(indexes, i));
        if (!key.empty()) described.unique_keys.push_back(std::move(key));
    }
    return described;
}

namespace {

// The lock can be had on an oid that is no more: it was dropped before, or while we waited.
bool keep_lock_if_exists(Oid table) {
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table))) return true;
    UnlockRelationOid(table, RowExclusiveLock);
    return false;
}

}  // namespace

bool lock_for_write(Oid table) {
    return call([&] {
        LockRelationOid(table, RowExclusiveLock);
        return keep_lock_if_exists(table);
    });
}

std::optional<bool> try_lock_for_write(Oid table) {
    return call([&] { return ConditionalLockRelationOid(table, RowExclusiveLock) ? std::optional(keep_lock_if_exists(table)) : std::nullopt; });
}

std::uint64_t relation_changes() {
    static const bool registered = call([] {
        CacheRegisterRelcacheCallback([](Datum, Oid) { ++changes; }, 0);
        // A new name of its schema or of a column's type is no change of the relation to Postgres, but is one to a description.
        for (const auto cache : {NAMESPACEOID, TYPEOID}) CacheRegisterSyscacheCallback(cache, [](Datum, auto, uint32) { ++changes; }, 0);
        return true;
    });
    static_cast<void>(registered);
    return changes;
}

std::string quote_name(const std::string& name) {
    return call([&] { return quote_identifier(name.c_str()); });
}

}  // namespace upstream::pg
