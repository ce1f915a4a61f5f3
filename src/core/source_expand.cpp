// Lists inside a record, each into a table of its own.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

void read_inherit(const Node& node, Expand& expand, Problems& problems) {
    if (!expect_object(node, problems)) return;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "Rows without a trace of their record cannot be joined.");
    for (const Node& member : members(node)) {
        (void)check_column_name(member.where, member.value.key(), problems);
        if (std::optional<Path> path = read_path(member, PathKind::record, Wildcard::refused, problems))
            expand.inherit.emplace_back(member.value.key(), std::move(*path));
    }
}

void read_more(const Node& node, const std::string& place, Expand& expand, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"path", "stream"});
    (void)object.require("path");
    expand.more_path = path(object, "path", PathKind::record, problems);
    if (const std::optional<Node> stream = object.require("stream")) {
        expand.more_stream = read_string(*stream, problems).value_or("");
        draft.keys[place + ".more.stream"] = stream->where;
    }
}

// Columns of the inner table are those of its records, those it inherits, and `raw`.
void check_columns(const Expand& expand, const std::string& place, const StreamDraft& draft, Problems& problems) {
    std::vector<std::string> known;
    for (const Column& column : expand.columns) known.push_back(column.name);
    for (const auto& [column, path] : expand.inherit) {
        if (std::find(known.begin(), known.end(), column) != known.end())
            problems.add(draft.at(place + ".inherit"), "column \"" + column + "\" stands in \"columns\" too");
        known.push_back(column);
    }
    if (!expand.raw.empty() && std::find(known.begin(), known.end(), expand.raw) != known.end())
        problems.add(draft.at(place + ".raw"), "column \"" + expand.raw + "\" stands in \"columns\" or \"inherit\" too");
    if (expand.columns.empty()) return;  // then every member is a column
    for (const std::string& name : expand.primary_key) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const std::string hint = perhaps(name, known);
        problems.add(draft.at(place + ".primary_key"), "column \"" + name + "\" is not in \"columns\" or \"inherit\"",
                     hint.empty() ? "Say where its value comes from." : hint);
    }
}

Expand read_one(const Node& node, StreamDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    Expand expand;
    expand.name = std::string(node.value.key());
    (void)check_name(node.where, expand.name, problems);
    if (!expect_object(node, problems)) return expand;
    const std::size_t errors = problems.errors();
    const std::string place = "expand." + expand.name;
    const ObjectReader object(node, problems);
    object.allow({"records", "target", "primary_key", "inherit", "columns", "raw", "mode", "more"});
    if (const std::optional<Node> records = object.require("records")) {
        if (std::optional<Path> path = read_path(*records, PathKind::record, Wildcard::allowed, problems)) expand.records = std::move(*path);
    }
    if (const std::optional<Node> target = object.require("target")) expand.target = read_relation(*target, problems).value_or("");
    if (const std::optional<Node> key = object.require("primary_key")) expand.primary_key = read_key_columns(*key, problems);
    if (const std::optional<Node> inherit = object.require("inherit")) read_inherit(*inherit, expand, problems);
    if (const std::optional<Node> columns = object.find("columns")) expand.columns = read_columns(*columns, draft.texts, reader);
    if (const std::optional<Node> raw = object.find("raw")) expand.raw = read_column_name(*raw, problems).value_or("");
    expand.replace = object.choice<bool>("mode", {{"merge", false}, {"replace", true}}).value_or(false);
    for (const char* key : {"inherit", "raw", "primary_key", "target"}) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys[place + "." + key] = stated->where;
    }
    if (const std::optional<Node> more = object.find("more")) read_more(*more, place, expand, draft, problems);
    if (problems.errors() == errors) check_columns(expand, place, draft, problems);
    return expand;
}

}  // namespace

void read_expand(const Node& node, StreamDraft& draft, Reader& reader) {
    if (!expect_object(node, reader.problems)) return;
    for (const Node& member : members(node)) draft.stream.expand.push_back(read_one(member, draft, reader));
}

}  // namespace upstream::core::parts
