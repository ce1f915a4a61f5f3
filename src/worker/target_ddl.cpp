// CREATE TABLE for targets that do not exist.
#include "pg/postgres.hpp"

#include <algorithm>

#include "worker/target.hpp"

namespace upstream::worker {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

std::string type_of(const core::Column& column) { return column.type.empty() ? "text" : column.type; }

// The statement, as its parts come together.
class Ddl {
  public:
    explicit Ddl(const TargetName& name) : name_(name), sql_("CREATE TABLE " + name.quoted() + " (\n    " + kAccountColumn + " integer NOT NULL") {}

    void add(const std::string& column, const std::string& type, bool key) {
        const bool is_text = type == "text" || type.starts_with("varchar");
        sql_ += ",\n    " + pg::quote_name(column) + " " + type;
        if (!key) return;
        sql_ += is_text ? " COLLATE \"C\" NOT NULL" : " NOT NULL";
    }

    // The key first: jsonb has lost the order in which the spec was written.
    void add(std::vector<core::Column> columns, const std::vector<std::string>& key) {
        const auto is_key = [&](const core::Column& column) { return contains(key, column.name); };
        std::stable_partition(columns.begin(), columns.end(), is_key);
        for (const core::Column& column : columns) add(column.name, type_of(column), is_key(column));
    }

    std::string finish(const std::vector<std::string>& key) {
        sql_ += ",\n    _synced_at timestamptz NOT NULL DEFAULT now()";
        if (key.empty()) return sql_ + "\n);\nCREATE INDEX ON " + name_.quoted() + " (" + kAccountColumn + ")";
        sql_ += std::string{",\n    PRIMARY KEY ("} + kAccountColumn;
        for (const std::string& column : key) sql_ += ", " + pg::quote_name(column);
        return sql_ + ")\n)";
    }

  private:
    const TargetName& name_;
    std::string sql_;
};

core::Error nothing_to_make(const std::string& what, const TargetName& name) {
    return core::Error{.code = core::Code::target_error,
                       .message = "target " + name.quoted() + " does not exist, and " + what + " has no columns to create it from",
                       .hint = "Create the table, or state columns in " + what + "."};
}

// What an inherited value is, if a column of the stream takes the same.
std::string inherited_type(const core::Stream& stream, const core::Path& path) {
    for (const core::Column& column : stream.columns)
        if (!column.paths.empty() && column.paths.front().text() == path.text()) return type_of(column);
    return "text";
}

}  // namespace

core::Result<std::string> create_table(const core::Stream& stream, const TargetName& name) {
    if (stream.columns.empty()) return nothing_to_make("the stream", name);
    const bool append = !stream.has_identity();
    std::vector<std::string> key;
    Ddl ddl{name};
    if (!append && !stream.key_hash.empty()) {
        key.emplace_back(kHashColumn);
        ddl.add(kHashColumn, "text", true);
    }
    if (!append) key.insert(key.end(), stream.primary_key.begin(), stream.primary_key.end());
    ddl.add(stream.columns, key);
    if (!stream.raw.empty()) ddl.add(stream.raw, "jsonb", false);
    if (stream.deletes.mode != core::Deletes::Mode::none && stream.deletes.soft) ddl.add(kDeletedAtColumn, "timestamptz", false);
    return ddl.finish(key);
}

core::Result<std::string> create_table(const core::Stream& stream, const core::Expand& expand, const TargetName& name) {
    if (expand.columns.empty()) return nothing_to_make("list \"" + expand.name + "\"", name);
    Ddl ddl{name};
    for (const auto& [column, path] : expand.inherit) ddl.add(column, inherited_type(stream, path), contains(expand.primary_key, column));
    ddl.add(expand.columns, expand.primary_key);
    if (!expand.raw.empty()) ddl.add(expand.raw, "jsonb", false);
    return ddl.finish(expand.primary_key);
}

}  // namespace upstream::worker
