// One stream: its own keys, and which part reads which of its objects.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

void read_request(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    const std::size_t errors = problems.errors();
    if (const std::optional<Node> path = object.find("path")) {
        if (std::optional<Text> text = read_text(*path, Spot::path, draft.texts, problems)) {
            const std::string& written = text->source();
            if (written.starts_with("http://") || written.starts_with("https://"))
                problems.add(path->where, "must be a path, not a URL", "It is joined to \"base_url\".");
            if (written.find('#') != std::string::npos) problems.add(path->where, "must not have a fragment");
            draft.stream.path = std::move(*text);
        }
    }
    if (const std::optional<Node> params = object.find("params")) draft.stream.params = read_params(*params, draft.texts, problems);
    if (const std::optional<Node> headers = object.find("headers"))
        draft.stream.headers = read_headers(*headers, Spot::header, draft.texts, problems);
    draft.request_ok = problems.errors() == errors;
    (void)object.choice<bool>("method", {{"GET", true}}, {"POST", "PUT", "PATCH"});
    (void)object.choice<bool>("response", {{"json", true}}, {"jsonl"});
    (void)object.choice<bool>("conditional", {{"off", true}}, {"etag", "last_modified"});
}

void read_key(const Node& node, Stream& stream, Problems& problems) {
    if (node.value.is_object()) {
        problems.add(node.where, "\"hash\" is not supported yet", "State the columns that identify a row.");
        return;
    }
    if (!expect_array(node, problems, 1)) return;
    for (const Node& element : elements(node)) {
        std::optional<std::string> column = read_column_name(element, problems);
        if (!column) continue;
        if (std::find(stream.primary_key.begin(), stream.primary_key.end(), *column) != stream.primary_key.end()) {
            problems.add(element.where, "column \"" + *column + "\" is stated twice");
        } else {
            stream.primary_key.push_back(std::move(*column));
        }
    }
}

void read_deletes(const Node& node, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"mode"}, {"when", "stream", "key", "action", "max_fraction"});
    (void)object.require("mode");
    (void)object.choice<bool>("mode", {{"none", true}}, {"field", "missing", "feed"});
}

void read_writing(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    if (const std::optional<Node> key = object.find("primary_key")) {
        draft.primary_key = key->where;
        read_key(*key, draft.stream, problems);
    }
    if (const std::optional<Node> write = object.find("write")) draft.write = write->where;
    (void)object.choice<bool>("write", {{"upsert", true}}, {"append", "insert_only", "replace", "replace_window"});
    (void)object.choice<bool>("absent", {{"null", true}}, {"keep"});
    (void)object.choice<bool>("on_new_field", {{"ignore", true}}, {"raw", "add_column", "fail"});
    if (const std::optional<Node> deletes = object.find("deletes")) read_deletes(*deletes, problems);
    if (const std::optional<Node> target = object.find("target")) {
        draft.stream.target = read_string(*target, problems).value_or("");
        if (target->value.is_string() && !shape::is_relation(draft.stream.target))
            problems.add(target->where, "must be the name of a table, with or without its schema",
                         "Use a-z, 0-9, \"_\" and \"$\", a letter or \"_\" first.");
    }
    if (const std::optional<Node> columns = object.find("columns")) {
        const std::size_t errors = problems.errors();
        read_columns(*columns, draft, problems);
        draft.columns_ok = problems.errors() == errors;
    }
    if (const std::optional<Node> raw = object.find("raw")) {
        draft.raw = raw->where;
        draft.stream.raw = read_column_name(*raw, problems).value_or("");
    }
}

void read_schedule(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Stream& stream = draft.stream;
    stream.every = interval(object, "every", problems).value_or(stream.every);
    stream.jitter = interval(object, "jitter", problems, Zero::allowed).value_or(stream.jitter);
    if (const std::optional<Node> jitter = object.find("jitter")) draft.jitter = jitter->where;
    using Limits = std::numeric_limits<int>;
    stream.priority = static_cast<int>(object.integer("priority", Limits::min(), Limits::max()).value_or(0));
}

void read_parts(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    if (const std::optional<Node> pagination = object.find("pagination")) {
        const std::size_t errors = problems.errors();
        draft.pagination = pagination->where;
        read_pagination(*pagination, draft, problems);
        draft.pagination_ok = problems.errors() == errors;
    }
    if (const std::optional<Node> cursor = object.find("cursor")) {
        draft.has_cursor = true;
        draft.cursor = cursor->where;
        read_cursor(*cursor, draft, problems);
    }
    if (const std::optional<Node> mode = object.find("sync_mode")) draft.sync_mode = mode->where;
    draft.stream.incremental =
        object.choice<bool>("sync_mode", {{"incremental", true}, {"full_refresh", false}}).value_or(draft.has_cursor);
}

}  // namespace

StreamDraft read_stream(const Node& node, std::string_view name, const ObjectReader* defaults, Problems& problems) {
    StreamDraft draft;
    draft.stream.name = std::string(name);
    draft.where = node.where;
    const ObjectReader object(node, problems, defaults);
    object.allow({"path", "target", "method", "params", "headers", "records", "records_missing", "pagination", "sync_mode",
                  "cursor", "primary_key", "write", "absent", "columns", "raw", "on_new_field", "every", "jitter", "priority",
                  "response", "deletes", "conditional"},
                 {"base_url", "auth", "body", "body_format", "rescan", "newer_by", "parent", "partitions", "expand", "transform",
                  "after_page", "at", "responses"});
    if (!name.empty()) {
        (void)object.require("path");
        (void)object.require("target");
    }
    read_request(object, draft, problems);
    if (const std::optional<Node> records = object.find("records")) {
        if (std::optional<Path> path = read_path(*records, PathKind::document, Wildcard::allowed, problems))
            draft.stream.records = std::move(*path);
    }
    draft.stream.records_missing_is_empty =
        object.choice<bool>("records_missing", {{"error", false}, {"empty", true}}).value_or(false);
    read_parts(object, draft, problems);
    read_writing(object, draft, problems);
    read_schedule(object, draft, problems);
    return draft;
}

}  // namespace upstream::core::parts
