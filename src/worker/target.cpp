#include "pg/postgres.hpp"

#include "worker/target.hpp"

#include <algorithm>

#include "pg/array.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Error misfit(std::string message, std::string hint = {}) {
    return Error{.code = Code::target_error, .message = std::move(message), .hint = std::move(hint)};
}

// Account settings and run.started_at, for columns.x.value.
core::Lookup value_lookup(const core::Account& account, core::Timestamp run_started_at) {
    return [of_account = core::account_lookup(account), run_started_at](const core::Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return core::format_time(run_started_at, core::time_format(p.format).value_or(core::TimeFormat::iso));
        return of_account(p);
    };
}

// A member whose name is any text.
core::Path member_path(const std::string& name) {
    std::string text = "@['";
    for (const char c : name) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c;
    }
    return *core::Path::parse(text + "']");
}

// Without `columns` in the spec every column of the table takes the member of its name; but a column with a default belongs to the table's owner.
std::vector<core::Column> columns_of(const core::Stream& stream, const pg::Table& table) {
    if (!stream.columns.empty()) return stream.columns;
    std::vector<core::Column> columns;
    for (const pg::Attribute& attribute : table.attributes) {
        const std::string& name = attribute.name;
        if (name == kAccountColumn || name == kSyncedAtColumn || name == stream.raw || attribute.generated) continue;
        if (attribute.has_default && !contains(stream.primary_key, name)) continue;
        columns.push_back(core::Column{.name = name, .paths = {member_path(name)}});
    }
    return columns;
}

std::optional<Error> check_shape(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields) {
    const std::vector<std::string> key = key_of(stream, table);
    if (!table.has_key(key)) {
        std::string list;
        for (const std::string& column : key) list += (list.empty() ? "" : ", ") + pg::quote_name(column);
        return misfit("target " + table.qualified + " has no unique key on (" + list + ")",
                      "CREATE UNIQUE INDEX ON " + table.qualified + " (" + list + ");");
    }
    for (const pg::Attribute& attribute : table.attributes) {
        const bool filled = attribute.name == kAccountColumn || attribute.name == kSyncedAtColumn || attribute.has_default || attribute.generated ||
                            std::any_of(fields.begin(), fields.end(), [&](const core::Field& field) { return field.column == attribute.name; });
        if (attribute.not_null && !filled)
            return misfit("column \"" + attribute.name + "\" of target " + table.qualified + " is NOT NULL, but the stream does not fill it",
                          "Give it a default, or add it to the stream's columns.");
    }
    return std::nullopt;
}

}  // namespace

std::string TargetName::quoted() const { return pg::quote_name(schema) + "." + pg::quote_name(name); }

TargetName target_name(const core::Stream& stream, const std::string& target_schema) {
    const auto dot = stream.target.find('.');
    if (dot == std::string::npos) return {.schema = target_schema, .name = stream.target};
    return {.schema = stream.target.substr(0, dot), .name = stream.target.substr(dot + 1)};
}

std::vector<std::string> key_of(const core::Stream& stream, const pg::Table& table) {
    std::vector<std::string> key;
    if (table.attribute(kAccountColumn) != nullptr) key.emplace_back(kAccountColumn);
    key.insert(key.end(), stream.primary_key.begin(), stream.primary_key.end());
    return key;
}

core::Result<std::vector<core::Field>> fields_of(const core::Stream& stream, const pg::Table& table, const core::Account& account,
                                                 core::Timestamp run_started_at) {
    if (table.kind != 'r' && table.kind != 'p') return misfit("target " + table.qualified + " is not a table");
    const core::Lookup lookup = value_lookup(account, run_started_at);
    std::vector<core::Field> fields;
    for (const core::Column& column : columns_of(stream, table)) {
        const pg::Attribute* attribute = table.attribute(column.name);
        if (attribute == nullptr)
            return misfit("target " + table.qualified + " has no column \"" + column.name + "\"",
                          "Add the column, or take it out of the stream's columns.");
        if (attribute->generated) return misfit("column \"" + column.name + "\" of target " + table.qualified + " is generated");
        if (!OidIsValid(pg::array_type(attribute->type)))
            return misfit("column \"" + column.name + "\" of target " + table.qualified + " has type " + attribute->type_name + ", which is not supported",
                          "Use jsonb for lists.");
        core::Field field{.column = column.name, .paths = column.paths, .format = column.format, .json = attribute->is_json,
                          .key = contains(stream.primary_key, column.name)};
        if (column.value) {
            field.constant = column.value->render(lookup);
            if (!field.constant) field.paths.clear();
        }
        fields.push_back(std::move(field));
    }
    if (!stream.raw.empty()) {
        if (table.attribute(stream.raw) == nullptr) return misfit("target " + table.qualified + " has no column \"" + stream.raw + "\" for raw");
        fields.push_back(core::Field{.column = stream.raw, .json = true, .whole = true});
    }
    if (auto wrong = check_shape(stream, table, fields)) return std::move(*wrong);
    return fields;
}

core::Result<std::string> create_table(const core::Stream& stream, const TargetName& name) {
    if (stream.columns.empty())
        return misfit("target " + name.quoted() + " does not exist, and the stream has no columns to create it from",
                      "Create the table, or state columns in the stream.");
    // The key first: jsonb has lost the order in which the spec was written.
    std::vector<core::Column> columns = stream.columns;
    const auto is_key_column = [&](const core::Column& column) { return contains(stream.primary_key, column.name); };
    std::stable_partition(columns.begin(), columns.end(), is_key_column);
    std::string sql = "CREATE TABLE " + name.quoted() + " (\n    account_id integer NOT NULL";
    for (const core::Column& column : columns) {
        const bool is_key = is_key_column(column);
        const std::string type = column.type.empty() ? "text" : column.type;
        const bool is_text = type == "text" || type.starts_with("varchar");
        sql += ",\n    " + pg::quote_name(column.name) + " " + type;
        if (is_key) sql += is_text ? " COLLATE \"C\" NOT NULL" : " NOT NULL";
    }
    if (!stream.raw.empty()) sql += ",\n    " + pg::quote_name(stream.raw) + " jsonb";
    sql += ",\n    _synced_at timestamptz NOT NULL DEFAULT now(),\n    PRIMARY KEY (account_id";
    for (const std::string& column : stream.primary_key) sql += ", " + pg::quote_name(column);
    return sql + ")\n)";
}

}  // namespace upstream::worker
