#include "pg/postgres.hpp"

#include "worker/upsert.hpp"

#include <algorithm>

#include "core/excerpt.hpp"
#include "pg/array.hpp"
#include "pg/error.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

std::string joined(const std::vector<std::string>& parts, const char* separator = ", ") {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
    return text;
}

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID || type == BPCHAROID; }

// `side`.column in a form that has an equality.
std::string comparable(const std::string& side, const pg::Attribute& attribute) {
    const std::string column = side + "." + pg::quote_name(attribute.name);
    return attribute.has_equality ? column : column + "::text";
}

// How the statement ends: with the numbers of rows in the page, inserted and updated. xmax is 0 for a row that was inserted, and the lock's for one that was
// updated; partitions do not show it, so that there the keys that were known before are counted.
std::string counts(const pg::Table& table, const std::vector<std::string>& matches) {
    if (table.kind != 'p')
        return "    RETURNING t.xmax = 0 AS inserted\n"
               ")\n"
               "SELECT (SELECT count(*) FROM page), count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written";
    return "    RETURNING 1\n"
           "), known AS (\n"
           "    SELECT count(*) AS rows FROM page JOIN " + table.qualified + " t ON " + joined(matches, " AND ") + "\n"
           "), total AS (\n"
           "    SELECT count(*) AS rows FROM page\n"
           ")\n"
           "SELECT total.rows, total.rows - known.rows, (SELECT count(*) FROM written) - (total.rows - known.rows) FROM total, known";
}

// The statement. $1 is the account; then one array a field. `page` keeps the last of the rows that have the same key (ON CONFLICT could not take two)
// and is sorted by it, which is kind to the index.
std::string statement(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields) {
    std::vector<std::string> arrays, aliases, order, names, values, key_names, assignments, old_values, new_values, matches;
    const bool with_account = table.attribute(kAccountColumn) != nullptr;
    const bool with_time = table.attribute(kSyncedAtColumn) != nullptr;
    if (with_account) {
        names.push_back(pg::quote_name(kAccountColumn));
        values.emplace_back("$1");
        matches.push_back("t." + pg::quote_name(kAccountColumn) + " = $1");
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const pg::Attribute& attribute = *table.attribute(fields[i].column);
        const std::string name = pg::quote_name(attribute.name);
        const std::string alias = "c" + std::to_string(i + 1);
        arrays.push_back("$" + std::to_string(i + 2));
        aliases.push_back(alias);
        names.push_back(name);
        values.push_back("page." + alias);
        if (fields[i].key) {
            order.push_back("p." + alias + (is_text(attribute.type) ? " COLLATE \"C\"" : ""));
            matches.push_back("t." + name + " = page." + alias);
        } else {
            assignments.push_back(name + " = excluded." + name);
            old_values.push_back(comparable("t", attribute));
            new_values.push_back(comparable("excluded", attribute));
        }
    }
    if (with_time) {
        names.push_back(pg::quote_name(kSyncedAtColumn));
        values.emplace_back("now()");
        if (!assignments.empty()) assignments.push_back(pg::quote_name(kSyncedAtColumn) + " = now()");
    }
    for (const std::string& column : key_of(stream, table)) key_names.push_back(pg::quote_name(column));

    const std::string action = assignments.empty() || old_values.empty()
                                   ? "DO NOTHING"
                                   : "DO UPDATE SET " + joined(assignments) + "\n    WHERE (" + joined(old_values) + ") IS DISTINCT FROM (" +
                                         joined(new_values) + ")";
    return "WITH page AS (\n"
           "    SELECT DISTINCT ON (" + joined(order) + ") p.*\n"
           "    FROM unnest(" + joined(arrays) + ") WITH ORDINALITY AS p(" + joined(aliases) + ", ordinal)\n"
           "    ORDER BY " + joined(order) + ", p.ordinal DESC\n"
           "), written AS (\n"
           "    INSERT INTO " + table.qualified + " AS t (" + joined(names) + ")\n"
           "    SELECT " + joined(values) + " FROM page\n"
           "    ON CONFLICT (" + joined(key_names) + ") " + action + "\n" + counts(table, matches);
}

}  // namespace

Upsert::Upsert(const core::Stream& stream, const pg::Table& table, std::vector<core::Field> fields) {
    std::vector<Oid> types{INT4OID};
    for (const core::Field& field : fields) {
        const pg::Attribute& attribute = *table.attribute(field.column);
        columns_.push_back({.name = attribute.name, .type = attribute.type, .typmod = attribute.typmod});
        types.push_back(pg::array_type(attribute.type));
        if (!OidIsValid(types.back()))
            throw pg::Raise(ERRCODE_DATATYPE_MISMATCH, "column \"" + attribute.name + "\" has type " + attribute.type_name + ", which has no array type");
    }
    sql_ = statement(stream, table, fields);
    plan_ = std::make_unique<pg::Plan>(sql_, std::move(types));
}

Written Upsert::write(std::int32_t account_id, const core::Batch& batch) {
    if (batch.rows == 0) return {};
    std::vector<pg::Param> params;
    params.reserve(columns_.size() + 1);
    params.push_back(pg::Param{.value = Int32GetDatum(account_id)});
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        try {
            params.push_back(pg::array_of(columns_[i].type, columns_[i].typmod, batch.columns[i]));
        } catch (const pg::BadValue& bad) {
            const std::string value = core::excerpt(batch.columns[i][bad.row()].value_or(""));
            throw pg::Raise(bad.sqlerrcode(), "record " + std::to_string(bad.row() + 1) + ": " + bad.message(),
                            "Column \"" + columns_[i].name + "\", value: " + value + (bad.detail().empty() ? "" : "; " + bad.detail()), bad.hint());
        }
    }
    const pg::Rows rows = plan_->run(params.data(), params.size());
    const pg::Row row = rows[0];
    Written written{.inserted = row.get<std::int64_t>(1), .updated = row.get<std::int64_t>(2)};
    written.unchanged = row.get<std::int64_t>(0) - written.inserted - written.updated;
    return written;
}

}  // namespace upstream::worker
