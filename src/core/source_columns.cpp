// Columns: what of a record goes where.
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

void read_paths(const Node& node, Column& column, Wildcard wildcard, Problems& problems) {
    if (node.value.is_array() && !expect_array(node, problems, 1)) return;
    for (const Node& path : node.value.is_array() ? elements(node) : std::vector<Node>{node}) {
        std::optional<Path> read = read_path(path, PathKind::any, Wildcard::allowed, problems);
        if (!read) continue;
        if (read->has_wildcard() && wildcard == Wildcard::refused) {
            problems.add(path.where, "\"[*]\" gives a list, which only a column of type jsonb can take", "State \"type\": \"jsonb\".");
            continue;
        }
        column.paths.push_back(std::move(*read));
    }
}

void read_type(const ObjectReader& object, Column& column, Problems& problems) {
    const std::optional<Node> node = object.find("type");
    const std::optional<std::string> written = node ? read_string(*node, problems) : std::nullopt;
    if (!written) return;
    if (std::optional<std::string> type = shape::sql_type(*written)) {
        column.type = std::move(*type);
    } else if (*written == "json") {
        problems.add(node->where, "unknown column type \"json\"", "Perhaps you meant \"jsonb\".");
    } else {
        problems.add(node->where, "unknown column type \"" + *written + "\"", "Known types are " + std::string(shape::kSqlTypes) + ".");
    }
}

void read_in_full(const Node& node, Column& column, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    const ObjectReader object(node, problems);
    object.allow({"path", "value", "type", "format"});
    read_type(object, column, problems);
    if (const std::optional<Node> format = object.find("format")) column.format = read_time_format(*format, reader);
    const std::optional<Node> path = object.find("path");
    const std::optional<Node> value = object.find("value");
    if (path) read_paths(*path, column, column.type == "jsonb" ? Wildcard::allowed : Wildcard::refused, problems);
    if (value) column.value = read_scalar(*value, Spot::column, uses, problems);
    if (path && value) problems.add(node.where, "a column has either \"path\" or \"value\", not both");
    if (!path && !value) problems.add(node.where, "a column needs \"path\" or \"value\"");
}

}  // namespace

std::vector<Column> read_columns(const Node& node, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    std::vector<Column> columns;
    if (!expect_object(node, problems)) return columns;
    for (const Node& member : members(node)) {
        Column column;
        column.name = std::string(member.value.key());
        (void)check_column_name(member.where, column.name, problems);
        if (member.value.is_object()) {
            read_in_full(member, column, uses, reader);
        } else if (member.value.is_string()) {
            read_paths(member, column, Wildcard::refused, problems);
        } else {
            problems.add(member.where, "must be a path or an object");
        }
        columns.push_back(std::move(column));
    }
    return columns;
}

}  // namespace upstream::core::parts
