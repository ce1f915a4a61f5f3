// The cursor: which value of a record moves it, and which bounds a run asks for.
#include <limits>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

// What a run reads again unless the spec says otherwise: rows often become visible later than their timestamp says.
constexpr Duration kTimestampLookback = std::chrono::minutes(5);
constexpr Duration kDateLookback = std::chrono::days(1);

constexpr Timestamp kSomeDay{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};

void read_field(const ObjectReader& object, Cursor& cursor, Problems& problems) {
    const std::optional<Node> field = object.find("field");
    if (!field) {
        // Without a field the cursor could only follow the slice, which is refused under its own name.
        const std::optional<std::string> advance = object.find("advance_to") ? object.string("advance_to") : std::nullopt;
        if (advance != "slice_end") (void)object.require("field");
        return;
    }
    if (field->value.is_object()) {
        ObjectReader(*field, problems).allow({}, {"max_of"});
        if (field->value.size() == 0) problems.add(field->where, "must be a path from the record");
        return;
    }
    if (std::optional<Path> path = read_path(*field, PathKind::record, Wildcard::refused, problems)) cursor.field = std::move(*path);
}

void read_format(const ObjectReader& object, Cursor& cursor, Problems& problems) {
    const std::optional<Node> node = object.find("format");
    if (!node) {
        if (cursor.type == Cursor::Type::date) cursor.format = TimeFormat::date;
        return;
    }
    const std::optional<TimeFormat> format = read_time_format(*node, problems);
    if (!format) return;
    cursor.format = *format;
    if (cursor.type == Cursor::Type::integer) problems.warn(node->where, "\"format\" has no effect on a cursor of type \"integer\"");
}

void read_lookback(const ObjectReader& object, Cursor& cursor, Problems& problems) {
    const std::optional<Node> node = object.find("lookback");
    if (cursor.type == Cursor::Type::integer) {
        if (node) cursor.lookback = read_integer(*node, problems, 0).value_or(0);
        return;
    }
    const Duration usual = cursor.type == Cursor::Type::date ? kDateLookback : kTimestampLookback;
    if (node && node->value.kind() == json::Kind::number) {
        problems.add(node->where, "must be an interval", "Write it as in \"5 minutes\"; numbers are for cursors of type \"integer\".");
        return;
    }
    cursor.lookback = (node ? read_interval(*node, problems, Zero::allowed) : std::nullopt).value_or(usual).count();
}

// A point in time, or a placeholder for one.
std::optional<Text> read_instant(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    const std::string hint = "Write it as in \"2024-01-31\", \"2024-01-31T00:00:00Z\", \"90 days ago\" or \"now\".";
    if (!node.value.is_string()) {
        problems.add(node.where, "must be a point in time", hint);
        return std::nullopt;
    }
    std::vector<TextUse> noted;
    const std::optional<Text> text = read_text(node, Spot::bound, noted, problems);
    if (!text) return std::nullopt;
    const std::string& written = text->source();
    if (text->placeholders().empty()) {
        if (!shape::is_instant(written)) {
            problems.add(node.where, "must be a point in time", hint);
            return std::nullopt;
        }
        if (!parse_instant(written, kSomeDay)) {
            problems.add(node.where, "point in time is out of range");
            return std::nullopt;
        }
    } else if (text->placeholders().size() != 1 || !written.starts_with('{') || written.find('}') + 1 != written.size()) {
        problems.add(node.where, "must be a point in time, or one placeholder and nothing else", hint);
        return std::nullopt;
    }
    uses.insert(uses.end(), noted.begin(), noted.end());
    return text;
}

void read_bounds(const ObjectReader& object, Cursor& cursor, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> initial = object.find("initial");
    const std::optional<Node> end = object.find("end");
    if (cursor.type != Cursor::Type::integer) {
        if (initial) cursor.initial = read_instant(*initial, uses, problems);
        if (end) cursor.end = read_instant(*end, uses, problems);
        return;
    }
    if (initial) {
        if (const auto number = read_integer(*initial, problems, std::numeric_limits<std::int64_t>::min()))
            cursor.initial = Text::constant(std::to_string(*number));
    }
    if (end) problems.add(end->where, "a cursor of type \"integer\" has no upper bound", "Leave \"end\" out.");
}

}  // namespace

void read_cursor(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const std::size_t errors = problems.errors();
    const ObjectReader object(node, problems);
    object.allow({"field", "type", "format", "filter", "order", "advance_to", "initial", "end", "lookback", "boundary"},
                 {"step", "granularity", "retention"});
    Cursor cursor;
    read_field(object, cursor, problems);
    (void)object.choice<bool>("advance_to", {{"max_seen", true}}, {"slice_end"});
    (void)object.choice<bool>("boundary", {{"inclusive", true}}, {"exclusive"});
    using Filter = Cursor::Filter;
    if (const std::optional<Node> filter = object.find("filter")) draft.filter = filter->where;
    draft.stated_filter =
        object.choice<Filter>("filter", {{"server", Filter::server}, {"client", Filter::client}, {"none", Filter::none}});
    using Order = Cursor::Order;
    cursor.order =
        object.choice<Order>("order", {{"asc", Order::asc}, {"desc", Order::desc}, {"unknown", Order::unknown}}).value_or(Order::unknown);
    if (!object.require("type")) return;
    using Type = Cursor::Type;
    const std::optional<Type> type =
        object.choice<Type>("type", {{"timestamp", Type::timestamp}, {"date", Type::date}, {"integer", Type::integer}}, {"opaque"});
    if (!type) return;  // what the other members may be depends on it
    cursor.type = *type;
    read_format(object, cursor, problems);
    read_lookback(object, cursor, problems);
    read_bounds(object, cursor, draft.texts, problems);
    if (problems.errors() == errors) draft.stream.cursor = std::move(cursor);
}

}  // namespace upstream::core::parts
