// Where rows go and how: target, key, write mode, deletes, the functions that take part.
#include <optional>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

void read_hash_key(const Node& node, Stream& stream, Problems& problems) {
    const ObjectReader object(node, problems);
    object.allow({"hash", "occurrence"});
    if (const std::optional<Node> hash = object.require("hash"); hash && expect_array(*hash, problems, 1)) {
        for (const Node& element : elements(*hash)) {
            if (std::optional<Path> path = read_path(element, PathKind::record, Wildcard::refused, problems)) stream.key_hash.push_back(std::move(*path));
        }
    }
    stream.key_occurrence = object.boolean("occurrence").value_or(false);
}

void read_feed_key(const Node& node, Deletes& deletes, Problems& problems) {
    if (!expect_object(node, problems)) return;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "State every column of the primary key.");
    for (const Node& member : members(node)) {
        (void)check_column_name(member.where, member.value.key(), problems);
        if (std::optional<Path> path = read_path(member, PathKind::record, Wildcard::refused, problems))
            deletes.key.emplace_back(member.value.key(), std::move(*path));
    }
}

void read_deletes(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    Deletes& deletes = draft.stream.deletes;
    const ObjectReader object(node, problems);
    object.allow({"mode", "when", "stream", "key", "action", "max_fraction"});
    (void)object.require("mode");
    using Mode = Deletes::Mode;
    const std::optional<Mode> mode = object.choice<Mode>(
        "mode", {{"none", Mode::none}, {"field", Mode::field}, {"missing", Mode::missing}, {"feed", Mode::feed}});
    deletes.mode = mode.value_or(Mode::none);
    if (mode == Mode::field) (void)object.require("when");
    if (mode == Mode::feed) {
        (void)object.require("stream");
        (void)object.require("key");
    }
    if (const std::optional<Node> when = object.find("when")) deletes.when = read_condition(*when, PathKind::any, problems);
    if (const std::optional<Node> stream = object.find("stream")) deletes.stream = read_string(*stream, problems).value_or("");
    if (const std::optional<Node> key = object.find("key")) read_feed_key(*key, deletes, problems);
    deletes.soft = object.choice<bool>("action", {{"soft", true}, {"hard", false}}).value_or(true);
    deletes.max_fraction =
        object.number("max_fraction", {.least = 0, .most = 1, .open = true}).value_or(deletes.max_fraction);
    for (const char* key : {"mode", "stream", "key", "max_fraction"}) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys[std::string("deletes.") + key] = stated->where;
    }
}

void read_modes(const ObjectReader& object, Stream& stream) {
    using Write = Stream::Write;
    const bool has_key = object.find("primary_key").has_value();
    stream.write = object
                       .choice<Write>("write", {{"upsert", Write::upsert},
                                                {"append", Write::append},
                                                {"insert_only", Write::insert_only},
                                                {"replace", Write::replace},
                                                {"replace_window", Write::replace_window}})
                       .value_or(has_key ? Write::upsert : Write::append);
    stream.absent_keeps = object.choice<bool>("absent", {{"null", false}, {"keep", true}}).value_or(false);
    using Field = Stream::OnNewField;
    stream.on_new_field = object
                              .choice<Field>("on_new_field", {{"ignore", Field::ignore},
                                                              {"raw", Field::raw},
                                                              {"add_column", Field::add_column},
                                                              {"fail", Field::fail}})
                              .value_or(Field::ignore);
}

}  // namespace

void read_writing(const ObjectReader& object, StreamDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    Stream& stream = draft.stream;
    if (const std::optional<Node> key = object.find("primary_key")) {
        if (key->value.is_object()) {
            read_hash_key(*key, stream, problems);
        } else {
            stream.primary_key = read_key_columns(*key, problems);
        }
    }
    read_modes(object, stream);
    if (const std::optional<Node> newer = object.find("newer_by")) stream.newer_by = read_any_column(*newer, problems).value_or("");
    if (const std::optional<Node> deletes = object.find("deletes")) read_deletes(*deletes, draft, problems);
    if (const std::optional<Node> target = object.find("target")) stream.target = read_relation(*target, problems).value_or("");
    if (const std::optional<Node> columns = object.find("columns")) {
        const std::size_t errors = problems.errors();
        stream.columns = read_columns(*columns, draft.texts, reader);
        draft.columns_ok = problems.errors() == errors;
    }
    if (const std::optional<Node> raw = object.find("raw")) stream.raw = read_column_name(*raw, problems).value_or("");
    if (const std::optional<Node> expand = object.find("expand")) read_expand(*expand, draft, reader);
    if (const std::optional<Node> function = object.find("transform")) stream.transform = read_function(*function, problems).value_or("");
    if (const std::optional<Node> function = object.find("after_page")) stream.after_page = read_function(*function, problems).value_or("");
}

}  // namespace upstream::core::parts
