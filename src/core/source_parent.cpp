// Streams that are read many times in one run: once for each row of a table, once for each value of a list.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

// Placeholder, and the column that gives its value.
void read_parent_key(const Node& node, Parent& parent, Problems& problems) {
    if (!expect_object(node, problems)) return;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "Name at least one column of the parent.");
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        (void)check_name(member.where, name, problems);
        parent.key.emplace_back(name, read_any_column(member, problems).value_or(""));
    }
}

void read_rows(const ObjectReader& object, Parent& parent, std::vector<TextUse>& uses, Problems& problems) {
    parent.where = text(object, "where", Spot::where, uses, problems);
    parent.order_by = object.string("order_by").value_or("");
    for (const std::string_view key : {"where", "order_by"}) {
        const std::optional<Node> node = object.find(key);
        if (node && node->value.is_string() && node->value.text().find_first_not_of(" \t\n") == std::string_view::npos)
            problems.add(node->where, "must not be empty", "Leave it out.");
    }
    parent.limit = object.integer("limit", 1);
    parent.batch_size = object.integer("batch_size", 1);
    if (const std::optional<Node> column = object.find("only_changed")) parent.only_changed = read_any_column(*column, problems).value_or("");
    if (const std::optional<Node> column = object.find("touch")) parent.touch = read_any_column(*column, problems).value_or("");
}

void read_values(const Node& node, Partition& partition, std::vector<TextUse>& uses, Problems& problems) {
    if (node.value.is_string()) {
        std::optional<Text> text = read_text(node, Spot::partition, uses, problems);
        if (!text) return;
        const std::vector<Placeholder> placeholders = text->placeholders();
        if (!is_one_placeholder(*text) || !placeholders[0].format.empty()) {
            problems.add(node.where, "must be an array, or the placeholder of an account setting that is one",
                         "Write it as in [\"eu\", \"us\"] or \"{account.regions}\".");
        } else {
            partition.from = std::move(*text);
        }
        return;
    }
    if (!expect_array(node, problems, 1)) return;
    for (const Node& element : elements(node)) {
        if (element.value.is_array() || element.value.is_object() || element.value.is_null()) {
            problems.add(element.where, "must be a string, a number, true or false");
            continue;
        }
        std::string value(element.value.text());
        const Result<Text> text = Text::parse(value);
        if (!text) {
            problems.add(element.where, text.error());
        } else if (!text->placeholders().empty()) {
            problems.add(element.where, "must not be a placeholder", "An account setting that is a list stands instead of the array.");
        } else if (std::find(partition.values.begin(), partition.values.end(), value) != partition.values.end()) {
            problems.add(element.where, "is stated twice");
        } else {
            partition.values.push_back(std::move(value));
        }
    }
}

}  // namespace

void read_parent(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"stream", "table", "key", "where", "order_by", "limit", "batch_size", "only_changed", "touch"});
    Parent parent;
    const std::optional<Node> stream = object.find("stream");
    const std::optional<Node> table = object.find("table");
    if (stream.has_value() == table.has_value())
        problems.add(node.where, stream ? "a parent is a stream or a table, not both" : "a parent needs \"stream\" or \"table\"");
    if (stream) parent.stream = read_string(*stream, problems).value_or("");
    if (table) parent.table = read_relation(*table, problems).value_or("");
    if (const std::optional<Node> key = object.require("key")) read_parent_key(*key, parent, problems);
    read_rows(object, parent, draft.texts, problems);
    for (const char* key : {"stream", "key", "where", "limit", "batch_size", "only_changed", "touch"}) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys[std::string("parent.") + key] = stated->where;
    }
    draft.stream.parent = std::move(parent);
}

void read_partitions(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty");
    for (const Node& member : members(node)) {
        Partition partition;
        partition.name = std::string(member.value.key());
        (void)check_name(member.where, partition.name, problems);
        read_values(member, partition, draft.texts, problems);
        draft.keys["partitions." + partition.name] = member.where;
        draft.stream.partitions.push_back(std::move(partition));
    }
}

}  // namespace upstream::core::parts
