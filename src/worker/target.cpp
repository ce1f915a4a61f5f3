#include "pg/postgres.hpp"

#include "worker/target.hpp"

#include <algorithm>
#include <set>

#include "pg/array.hpp"
#include "worker/sweep.hpp"

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

// A member whose name is any text.
core::Path member_path(const std::string& name) {
    std::string text = "@['";
    for (const char c : name) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c;
    }
    return *core::Path::parse(text + "']");
}

// Names of the columns that nobody but us fills.
bool is_own(const std::string& name) { return name == kAccountColumn || name == kSyncedAtColumn || name == kDeletedAtColumn || name == kHashColumn; }

// A table of the spec: the stream's target, or that of an inner list.
struct Wanted {
    const std::vector<core::Column>& columns;
    const std::vector<std::string>& key;
    const std::string& raw;
    bool takes_new_fields = false;                                    // columns that were added for new members are filled, too
    std::vector<std::pair<std::string, core::Path>> inherit{};        // of an inner list
};

// Without `columns` in the spec every column of the table takes the member of its name; but a column with a default belongs to the table's owner.
std::vector<core::Column> columns_of(const Wanted& wanted, const pg::Table& table) {
    std::vector<core::Column> columns = wanted.columns;
    if (!columns.empty() && !wanted.takes_new_fields) return columns;
    for (const pg::Attribute& attribute : table.attributes) {
        const std::string& name = attribute.name;
        const auto named = [&](const auto& each) { return each.name == name; };
        const auto inherited = [&](const auto& each) { return each.first == name; };
        if (is_own(name) || name == wanted.raw || attribute.generated || std::any_of(columns.begin(), columns.end(), named) ||
            std::any_of(wanted.inherit.begin(), wanted.inherit.end(), inherited))
            continue;
        if (attribute.has_default && !contains(wanted.key, name)) continue;
        columns.push_back(core::Column{.name = name, .paths = {member_path(name)}});
    }
    return columns;
}

std::string listed(const std::vector<std::string>& columns) {
    std::string list;
    for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + pg::quote_name(column);
    return list;
}

std::optional<Error> check_key(const std::vector<std::string>& key, const pg::Table& table) {
    if (table.has_key(key)) return std::nullopt;
    return misfit("target " + table.qualified + " has no unique key on (" + listed(key) + ")",
                  "CREATE UNIQUE INDEX ON " + table.qualified + " (" + listed(key) + ");");
}

std::optional<Error> check_filled(const pg::Table& table, const std::vector<core::Field>& fields) {
    for (const pg::Attribute& attribute : table.attributes) {
        const bool filled = attribute.name == kAccountColumn || attribute.name == kSyncedAtColumn || attribute.has_default || attribute.generated ||
                            std::any_of(fields.begin(), fields.end(), [&](const core::Field& field) { return field.column == attribute.name; });
        if (attribute.not_null && !filled)
            return misfit("column \"" + attribute.name + "\" of target " + table.qualified + " is NOT NULL, but the stream does not fill it",
                          "Give it a default, or add it to the stream's columns.");
    }
    return std::nullopt;
}

// One field, if its column can be written.
core::Result<core::Field> field_of(core::Field field, const pg::Table& table) {
    const pg::Attribute* attribute = table.attribute(field.column);
    if (attribute == nullptr)
        return misfit("target " + table.qualified + " has no column \"" + field.column + "\"", "Add the column, or take it out of the stream's columns.");
    if (attribute->generated) return misfit("column \"" + field.column + "\" of target " + table.qualified + " is generated");
    if (!OidIsValid(pg::array_type(attribute->type)))
        return misfit("column \"" + field.column + "\" of target " + table.qualified + " has type " + attribute->type_name + ", which is not supported",
                      "Use jsonb for lists.");
    field.json = attribute->is_json;
    return field;
}

core::Result<std::vector<core::Field>> fields_of(const Wanted& wanted, const pg::Table& table) {
    if (table.kind != 'r' && table.kind != 'p') return misfit("target " + table.qualified + " is not a table");
    std::vector<core::Field> fields;
    for (const auto& [column, path] : wanted.inherit)
        fields.push_back(core::Field{.column = column, .paths = {path}, .key = contains(wanted.key, column), .outer = true});
    for (const core::Column& column : columns_of(wanted, table))
        fields.push_back(core::Field{.column = column.name, .paths = column.paths, .value = column.value, .format = column.format,
                                     .key = contains(wanted.key, column.name)});
    for (core::Field& field : fields) {
        auto checked = field_of(std::move(field), table);
        if (!checked) return checked.error();
        field = std::move(*checked);
    }
    if (wanted.raw.empty()) return fields;
    if (table.attribute(wanted.raw) == nullptr) return misfit("target " + table.qualified + " has no column \"" + wanted.raw + "\" for raw");
    fields.push_back(core::Field{.column = wanted.raw, .json = true, .whole = true});
    return fields;
}

// Columns that writing needs besides those that records fill.
std::optional<Error> check_rule(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields) {
    const bool deletes = stream.deletes.mode != core::Deletes::Mode::none;
    if (deletes && stream.deletes.soft && table.attribute(kDeletedAtColumn) == nullptr)
        return misfit("target " + table.qualified + " has no column \"" + kDeletedAtColumn + "\"",
                      "ALTER TABLE " + table.qualified + " ADD " + kDeletedAtColumn + " timestamptz; or state the action \"hard\".");
    const auto newer = [&](const core::Field& field) { return field.column == stream.newer_by; };
    if (table.attribute(stream.newer_by) != nullptr && std::none_of(fields.begin(), fields.end(), newer))
        return misfit("nothing fills column \"" + stream.newer_by + "\", which tells what is newer (newer_by)", "Add it to the stream's columns.");
    return std::nullopt;
}

// What rows of different partitions differ by, whether or not a column takes it.
std::vector<core::Text> partition_texts(const core::Stream& stream) {
    std::vector<core::Text> texts;
    if (stream.parent)
        for (const auto& [word, column] : stream.parent->key) texts.push_back(*core::Text::parse("{parent." + word + "}"));
    for (const core::Partition& list : stream.partitions) texts.push_back(*core::Text::parse("{partition." + list.name + "}"));
    return texts;
}

// The members of records that some column takes, or something else of the stream.
std::set<std::string> taken_members(const core::Stream& stream, const pg::Table& table, const core::Layout& layout) {
    std::set<std::string> members;
    const auto take = [&](const core::Path& path) { members.emplace(path.member()); };
    for (const core::Field& field : layout.fields) {
        for (const core::Path& path : field.paths) take(path);
        for (const core::Path& path : field.hash) take(path);
    }
    for (const pg::Attribute& attribute : table.attributes) members.insert(attribute.name);
    for (const core::InnerLayout& inner : layout.inner) take(inner.records);
    for (const core::Expand& expand : stream.expand)
        if (expand.more_path) take(*expand.more_path);
    if (stream.deletes.when) take(stream.deletes.when->path);
    if (stream.cursor) take(stream.cursor->field);
    return members;
}

}  // namespace

std::string TargetName::quoted() const { return pg::quote_name(schema) + "." + pg::quote_name(name); }

TargetName table_name(const std::string& written, const std::string& target_schema) {
    const auto dot = written.find('.');
    if (dot == std::string::npos) return {.schema = target_schema, .name = written};
    return {.schema = written.substr(0, dot), .name = written.substr(dot + 1)};
}

TargetName target_name(const core::Stream& stream, const std::string& target_schema) { return table_name(stream.target, target_schema); }

std::vector<std::string> key_of(const core::Stream& stream, const pg::Table& table) {
    std::vector<std::string> key;
    if (table.attribute(kAccountColumn) != nullptr) key.emplace_back(kAccountColumn);
    if (!stream.key_hash.empty()) key.emplace_back(kHashColumn);
    key.insert(key.end(), stream.primary_key.begin(), stream.primary_key.end());
    return key;
}

WriteRule rule_of(const core::Stream& stream, const pg::Table& table) {
    using Write = core::Stream::Write;
    const Write as_rows_come = stream.replaces() ? (stream.has_identity() ? Write::upsert : Write::append) : stream.write;
    return {.mode = as_rows_come,
            .key = stream.has_identity() ? key_of(stream, table) : std::vector<std::string>{},
            .newer_by = stream.newer_by,
            .partial = stream.absent_keeps,
            .gone = stream.deletes.mode == core::Deletes::Mode::field,
            .soft = stream.deletes.soft,
            .revives = stream.deletes.mode != core::Deletes::Mode::none && stream.deletes.soft};
}

WriteRule rule_of(const core::Expand& expand, const pg::Table& table) {
    WriteRule rule;
    if (table.attribute(kAccountColumn) != nullptr) rule.key.emplace_back(kAccountColumn);
    rule.key.insert(rule.key.end(), expand.primary_key.begin(), expand.primary_key.end());
    return rule;
}

core::Result<core::Layout> layout_of(const core::Stream& stream, const pg::Table& table, const std::vector<pg::Table>& inner) {
    using OnNewField = core::Stream::OnNewField;
    const bool append = !stream.has_identity();
    const bool adds = stream.on_new_field == OnNewField::add_column;
    const std::vector<std::string> none;
    auto fields = fields_of(Wanted{.columns = stream.columns, .key = append ? none : stream.primary_key, .raw = stream.raw, .takes_new_fields = adds}, table);
    if (!fields) return fields.error();
    core::Layout layout{std::move(*fields)};
    if (!stream.key_hash.empty() && !append) {
        core::Field key{.column = kHashColumn, .hash = stream.key_hash, .numbered = stream.key_occurrence, .key = true};
        if (stream.key_occurrence) key.scope = partition_texts(stream);
        auto hash = field_of(std::move(key), table);
        if (!hash) return hash.error();
        layout.fields.insert(layout.fields.begin(), std::move(*hash));
    }
    if (!append)
        if (auto wrong = check_key(key_of(stream, table), table)) return std::move(*wrong);
    if (auto wrong = check_filled(table, layout.fields)) return std::move(*wrong);
    if (auto wrong = check_rule(stream, table, layout.fields)) return std::move(*wrong);
    if (auto wrong = check_scope(stream, table, layout.fields)) return std::move(*wrong);
    for (std::size_t i = 0; i < stream.expand.size() && i < inner.size(); ++i) {
        const core::Expand& expand = stream.expand[i];
        auto inner_fields = fields_of(Wanted{.columns = expand.columns, .key = expand.primary_key, .raw = expand.raw, .inherit = expand.inherit}, inner[i]);
        if (!inner_fields) return inner_fields.error();
        if (auto wrong = check_key(rule_of(expand, inner[i]).key, inner[i])) return std::move(*wrong);
        if (auto wrong = check_filled(inner[i], *inner_fields)) return std::move(*wrong);
        layout.inner.push_back({.name = expand.name, .records = expand.records, .fields = std::move(*inner_fields), .more = expand.more_path});
    }
    layout.partial = stream.absent_keeps;
    layout.transformed = !stream.transform.empty();
    if (stream.deletes.mode == core::Deletes::Mode::field) layout.gone = stream.deletes.when;
    if (adds || stream.on_new_field == OnNewField::fail) layout.members = taken_members(stream, table, layout);
    return layout;
}

}  // namespace upstream::worker
