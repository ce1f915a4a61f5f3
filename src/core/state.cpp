#include "core/state.hpp"

#include <charconv>
#include <utility>

#include "core/json.hpp"

namespace upstream::core {
namespace {

class Writer {
  public:
    void text(std::string_view name, std::string_view value) { raw(name, json::quote(value)); }
    void text(std::string_view name, const std::optional<std::string>& value) {
        if (value) text(name, std::string_view{*value});
    }
    void number(std::string_view name, std::int64_t value) {
        if (value != 0) raw(name, std::to_string(value));
    }
    void words(std::string_view name, const Words& words) {
        if (words.empty()) return;
        Writer inner;
        for (const auto& [key, value] : words) inner.text(key, std::string_view{value});
        raw(name, inner.take());
    }
    void raw(std::string_view name, std::string_view value) {
        json_ += json_.size() > 1 ? "," : "";
        json_ += json::quote(name);
        json_ += ':';
        json_ += value;
    }
    std::string take() { return std::exchange(json_, "{") + "}"; }

  private:
    std::string json_ = "{";
};

template <class List, class Write>
std::string list_of(const List& list, Write&& write) {
    std::string json = "[";
    for (const auto& item : list) json += (json.size() > 1 ? "," : "") + write(item);
    return json + "]";
}

std::optional<std::string> text_of(json::Value object, std::string_view name) {
    const auto value = object.member(name);
    if (!value || value->is_null()) return std::nullopt;
    return std::string{value->text()};
}

std::int64_t number_of(json::Value object, std::string_view name) {
    const std::string text = text_of(object, name).value_or("0");
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::uint64_t unsigned_of(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// Bounds of dates lie within days: they are written as the points in time that they are.
Cursor::Type written_as(Cursor::Type type) { return type == Cursor::Type::date ? Cursor::Type::timestamp : type; }

std::optional<Position> position_of(json::Value object, std::string_view name, Cursor::Type type) {
    const auto text = text_of(object, name);
    return text ? from_text(written_as(type), *text) : std::nullopt;
}

Timestamp time_of(std::string_view text) { return parse_time(text, TimeFormat::iso).value_or(Timestamp{}); }

void write_position(Writer& writer, std::string_view name, const std::optional<Position>& position, Cursor::Type type) {
    if (position) writer.text(name, std::string_view{to_text(written_as(type), *position)});
}

// As texts: a JSON number need not hold 64 bits.
void write_marks(Writer& writer, std::string_view name, const std::vector<std::uint64_t>& marks) {
    if (!marks.empty()) writer.raw(name, list_of(marks, [](std::uint64_t mark) { return json::quote(std::to_string(mark)); }));
}

std::vector<std::uint64_t> read_marks(std::optional<json::Value> list) {
    std::vector<std::uint64_t> marks;
    if (!list) return marks;
    for (const json::Value mark : *list) marks.push_back(unsigned_of(mark.text()));
    return marks;
}

void write_validator(Writer& writer, const Validator& validator) {
    if (validator.empty()) return;
    writer.text("url", std::string_view{validator.url});
    writer.text("validator", std::string_view{validator.value});
}

Validator read_validator(json::Value object) { return {.url = text_of(object, "url").value_or(""), .value = text_of(object, "validator").value_or("")}; }

Words read_words(std::optional<json::Value> object) {
    Words words;
    if (!object) return words;
    for (const json::Value member : *object) words.insert_or_assign(std::string{member.key()}, std::string{member.text()});
    return words;
}

std::string part_json(const Part& part, Cursor::Type type) {
    Writer writer;
    writer.words("lists", part.values.lists);
    const auto parent_json = [](const Words& words) {
        Writer inner;
        for (const auto& [key, value] : words) inner.text(key, std::string_view{value});
        return inner.take();
    };
    if (!part.values.parents.empty()) writer.raw("parents", list_of(part.values.parents, parent_json));
    if (!part.ids.empty()) writer.raw("ids", list_of(part.ids, [](const std::string& id) { return json::quote(id); }));
    if (!part.seen.empty())
        writer.raw("seen", list_of(part.seen, [](const auto& seen) { return seen ? json::quote(*seen) : std::string{"null"}; }));
    write_position(writer, "cursor", part.cursor, type);
    writer.text("opaque_cursor", part.opaque);
    write_validator(writer, part.validator);
    return writer.take();
}

Part read_part(json::Value object, Cursor::Type type) {
    Part part{.values = {.lists = read_words(object.member("lists"))},
              .cursor = position_of(object, "cursor", type),
              .opaque = text_of(object, "opaque_cursor"),
              .validator = read_validator(object)};
    if (const auto parents = object.member("parents"))
        for (const json::Value parent : *parents) part.values.parents.push_back(read_words(parent));
    if (const auto ids = object.member("ids"))
        for (const json::Value id : *ids) part.ids.emplace_back(id.text());
    if (const auto seen = object.member("seen"))
        for (const json::Value value : *seen) part.seen.push_back(value.is_null() ? std::nullopt : std::optional{std::string{value.text()}});
    return part;
}

std::string open_list_json(const OpenList& list) {
    Writer writer;
    writer.text("stream", std::string_view{list.stream});
    writer.words("parent", list.parent);
    return writer.take();
}

constexpr std::pair<Cursor::Type, std::string_view> kCursorTypes[] = {{Cursor::Type::timestamp, "timestamp"}, {Cursor::Type::date, "date"},
                                                                      {Cursor::Type::integer, "integer"}, {Cursor::Type::opaque, "opaque"}};

std::string_view name_of(Cursor::Type type) {
    for (const auto& [known, name] : kCursorTypes)
        if (known == type) return name;
    return "";
}

Cursor::Type cursor_type(std::string_view name) {
    for (const auto& [type, known] : kCursorTypes)
        if (known == name) return type;
    return Cursor::Type::integer;
}

}  // namespace

std::string to_json(const Progress& progress, Cursor::Type type) {
    Writer writer;
    writer.text("started_at", std::string_view{format_time(progress.started_at, TimeFormat::iso)});
    if (progress.full) writer.raw("full", "true");
    if (progress.tier) writer.raw("tier", std::to_string(*progress.tier));
    writer.number("partitions", progress.partitions);
    if (progress.incomplete) writer.raw("incomplete", "true");
    if (progress.read_all) writer.raw("read_all", "true");
    if (progress.part) writer.raw("part", part_json(*progress.part, type));
    write_position(writer, "start", progress.start, type);
    write_position(writer, "end", progress.end, type);
    writer.text("opaque", progress.opaque);
    write_position(writer, "pending", progress.pending, type);
    writer.text("pending_opaque", progress.pending_opaque);
    if (!progress.page.first()) writer.text("page", std::string_view{progress.page.token});
    writer.number("pages", progress.page.pages_before);
    writer.number("records", progress.page.records_before);
    writer.number("size", progress.page.size.value_or(0));
    writer.text("resume", progress.page.resume);
    writer.number("total", progress.page.total.value_or(0));
    write_marks(writer, "anchors", progress.page.anchors);
    write_marks(writer, "ahead", progress.page.ahead);
    writer.number("slices", progress.slices);
    if (progress.unsure) writer.raw("unsure", "true");
    if (!progress.lists.empty()) writer.raw("lists", list_of(progress.lists, open_list_json));
    if (progress.ended) writer.raw("ended", "true");
    if (progress.held) writer.raw("held", "true");
    if (!progress.list.empty()) {
        writer.text("list_cursor", name_of(progress.list_cursor));
        writer.raw("list", to_json(progress.list.front(), progress.list_cursor));
    }
    if (!progress.notice.empty()) writer.text("notice", std::string_view{progress.notice});
    return writer.take();
}

namespace {

// A progress within a progress is no deeper than that: the rest of a list has no lists of its own that go on.
Progress read_progress(json::Value root, Cursor::Type type, bool whole) {
    Progress progress;
    progress.started_at = time_of(text_of(root, "started_at").value_or(""));
    progress.full = root.member("full").has_value();
    progress.partitions = number_of(root, "partitions");
    progress.incomplete = root.member("incomplete").has_value();
    progress.read_all = root.member("read_all").has_value();
    progress.start = position_of(root, "start", type);
    progress.end = position_of(root, "end", type);
    progress.opaque = text_of(root, "opaque");
    progress.pending = position_of(root, "pending", type);
    progress.pending_opaque = text_of(root, "pending_opaque");
    progress.page.token = text_of(root, "page").value_or("");
    progress.page.pages_before = number_of(root, "pages");
    progress.page.records_before = number_of(root, "records");
    progress.page.resume = text_of(root, "resume");
    progress.slices = number_of(root, "slices");
    progress.unsure = root.member("unsure").has_value();
    progress.notice = text_of(root, "notice").value_or("");
    if (const std::int64_t size = number_of(root, "size"); size > 0) progress.page.size = size;
    if (root.member("total")) progress.page.total = number_of(root, "total");
    progress.page.anchors = read_marks(root.member("anchors"));
    progress.page.ahead = read_marks(root.member("ahead"));
    if (root.member("tier")) progress.tier = static_cast<std::size_t>(number_of(root, "tier"));
    if (const auto part = root.member("part")) progress.part = read_part(*part, type);
    if (!whole) return progress;
    if (const auto lists = root.member("lists"))
        for (const json::Value list : *lists) progress.lists.push_back({.stream = text_of(list, "stream").value_or(""), .parent = read_words(list.member("parent"))});
    progress.ended = root.member("ended").has_value();
    progress.held = root.member("held").has_value();
    progress.list_cursor = cursor_type(text_of(root, "list_cursor").value_or(""));
    if (const auto list = root.member("list")) progress.list.push_back(read_progress(*list, progress.list_cursor, false));
    return progress;
}

}  // namespace

std::optional<Progress> progress_from_json(std::string_view json, Cursor::Type type) {
    const auto document = json::Document::parse(std::string{json});
    if (!document || !document->root().is_object()) return std::nullopt;
    return read_progress(document->root(), type, true);
}

std::string to_json(const Kept& kept) {
    Writer writer;
    if (!kept.rescan_due.empty())
        writer.raw("rescan_due", list_of(kept.rescan_due, [](Timestamp due) { return json::quote(format_time(due, TimeFormat::iso)); }));
    write_validator(writer, kept.validator);
    return writer.take();
}

Kept kept_from_json(std::string_view json) {
    const auto document = json::Document::parse(std::string{json});
    if (!document || !document->root().is_object()) return {};
    Kept kept{.validator = read_validator(document->root())};
    if (const auto due = document->root().member("rescan_due"))
        for (const json::Value time : *due) kept.rescan_due.push_back(time_of(time.text()));
    return kept;
}

}  // namespace upstream::core
