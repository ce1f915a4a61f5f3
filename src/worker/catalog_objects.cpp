#include "pg/postgres.hpp"

#include "worker/catalog_objects.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kFunctions = R"(
SELECT oidvectortypes(p.proargtypes), p.proretset, format_type(p.prorettype, NULL),
       has_schema_privilege($3::oid, n.oid, 'USAGE') AND has_function_privilege($3::oid, p.oid, 'EXECUTE')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.proname = $2 AND p.prokind = 'f'
ORDER BY p.oid
)";

constexpr const char* kColumn = R"(
SELECT has_schema_privilege($3::oid, c.relnamespace, 'USAGE') AND has_column_privilege($3::oid, a.attrelid, a.attnum, 'SELECT'),
       has_column_privilege($3::oid, a.attrelid, a.attnum, 'UPDATE')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid = $1::oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
)";

constexpr const char* kFindReadable = "SELECT oid::bigint FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p', 'v', 'm', 'f')";

}  // namespace

ObjectCatalog::ObjectCatalog() : functions_(kFunctions), column_(kColumn), find_readable_(kFindReadable) {}

std::vector<ObjectCatalog::Function> ObjectCatalog::functions(const std::string& schema, const std::string& name, Oid role) {
    std::vector<Function> found;
    for (const pg::Row row : functions_.run(schema, name, role))
        found.push_back({.arguments = row.get<std::string>(0),
                         .returns_set = row.get<bool>(1),
                         .result = row.get<std::string>(2),
                         .may_execute = row.get<bool>(3)});
    return found;
}

ObjectCatalog::Column ObjectCatalog::column(Oid table, const std::string& name, Oid role) {
    const pg::Rows rows = column_.run(table, name, role);
    if (rows.empty()) return {};
    return {.exists = true, .may_select = rows[0].get<bool>(0), .may_update = rows[0].get<bool>(1)};
}

Oid ObjectCatalog::find_readable(const std::string& qualified) {
    const pg::Rows rows = find_readable_.run(qualified);
    return rows.empty() ? InvalidOid : static_cast<Oid>(rows[0].get<std::int64_t>(0));
}

}  // namespace upstream::worker
