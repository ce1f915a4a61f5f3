// The cursor: which value of a record moves it, and which bounds a run asks for.
#include <limits>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

using Type = Cursor::Type;

// What a run reads again unless the spec says otherwise: rows often become visible later than their timestamp says.
constexpr Duration kTimestampLookback = std::chrono::minutes(5);
constexpr Duration kDateLookback = std::chrono::days(1);

constexpr Timestamp kSomeDay{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};

bool is_time(Type type) { return type == Type::timestamp || type == Type::date; }

std::string_view name_of(Type type) { return type == Type::integer ? "integer" : "opaque"; }

void read_max_of(const Node& node, Cursor& cursor, Problems& problems) {
    const ObjectReader object(node, problems);
    object.allow({"max_of"});
    const std::optional<Node> paths = object.require("max_of");
    if (!paths || !expect_array(*paths, problems, 1)) return;
    for (const Node& element : elements(*paths)) {
        if (std::optional<Path> path = read_path(element, PathKind::record, Wildcard::allowed, problems)) cursor.max_of.push_back(std::move(*path));
    }
}

void read_field(const ObjectReader& object, Cursor& cursor, Problems& problems) {
    const std::optional<Node> field = object.find("field");
    if (!field) {
        if (!cursor.advance_to_slice_end)
            problems.add(object.where(), "key \"field\" is missing", "Only \"advance_to\": \"slice_end\" needs no field.");
    } else if (field->value.is_object()) {
        read_max_of(*field, cursor, problems);
    } else if (std::optional<Path> path = read_path(*field, PathKind::record, Wildcard::refused, problems)) {
        cursor.field = std::move(*path);
    }
}

void read_format(const ObjectReader& object, Cursor& cursor, Reader& reader) {
    const std::optional<Node> node = object.find("format");
    if (!node) {
        if (cursor.type == Type::date) cursor.format = TimeFormat::date;
        return;
    }
    if (const std::optional<TimeFormat> format = read_time_format(*node, reader)) cursor.format = *format;
    if (!is_time(cursor.type))
        reader.problems.warn(node->where, "\"format\" has no effect on a cursor of type \"" + std::string(name_of(cursor.type)) + "\"");
}

// One placeholder and nothing else, where a number would stand as well.
std::optional<Text> read_setting(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    if (!node.value.is_string()) return std::nullopt;
    std::vector<TextUse> noted;
    Problems ignored;
    std::optional<Text> text = read_text(node, spot, noted, ignored);
    if (!text || !is_one_placeholder(*text)) return std::nullopt;
    return read_text(node, spot, uses, problems);
}

void read_lookback(const ObjectReader& object, Cursor& cursor, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> node = object.find("lookback");
    if (node && cursor.type == Type::opaque) {
        problems.add(node->where, "a cursor of type \"opaque\" cannot look back", "Leave \"lookback\" out.");
    } else if (node && cursor.type == Type::integer) {
        cursor.lookback_from = read_setting(*node, Spot::interval, uses, problems);
        if (!cursor.lookback_from) cursor.lookback = read_integer(*node, problems, 0).value_or(0);
    } else if (node && node->value.kind() == json::Kind::number) {
        problems.add(node->where, "must be an interval", "Write it as in \"5 minutes\"; numbers are for cursors of type \"integer\".");
    } else if (is_time(cursor.type)) {
        const Duration usual = cursor.type == Type::date ? kDateLookback : kTimestampLookback;
        Interval span = (node ? read_span(*node, Zero::allowed, uses, problems) : std::nullopt).value_or(Interval{usual, {}});
        cursor.lookback = span.span.count();
        cursor.lookback_from = std::move(span.from);
    }
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
    if (text->placeholders().empty()) {
        if (!shape::is_instant(text->source())) {
            problems.add(node.where, "must be a point in time", hint);
            return std::nullopt;
        }
        if (!parse_instant(text->source(), kSomeDay)) {
            problems.add(node.where, "point in time is out of range");
            return std::nullopt;
        }
    } else if (!is_one_placeholder(*text)) {
        problems.add(node.where, "must be a point in time, or one placeholder and nothing else", hint);
        return std::nullopt;
    }
    uses.insert(uses.end(), noted.begin(), noted.end());
    return text;
}

void read_bounds(const ObjectReader& object, Cursor& cursor, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> initial = object.find("initial");
    if (is_time(cursor.type)) {
        if (initial) cursor.initial = read_instant(*initial, uses, problems);
        if (const std::optional<Node> end = object.find("end")) cursor.end = read_instant(*end, uses, problems);
        return;
    }
    if (initial && cursor.type == Type::opaque) {
        cursor.initial = read_text(*initial, Spot::bound, uses, problems);
    } else if (initial) {
        cursor.initial = read_setting(*initial, Spot::bound, uses, problems);
        if (!cursor.initial) {
            if (const auto number = read_integer(*initial, problems, std::numeric_limits<std::int64_t>::min()))
                cursor.initial = Text::constant(std::to_string(*number));
        }
    }
    for (const std::string_view key : {"end", "step", "granularity", "retention"}) {
        if (const std::optional<Node> node = object.find(key))
            problems.add(node->where, "a cursor of type \"" + std::string(name_of(cursor.type)) + "\" has no \"" + std::string(key) + "\"", "Leave it out.");
    }
}

void read_spans(const ObjectReader& object, Cursor& cursor, std::vector<TextUse>& uses, Problems& problems) {
    if (!is_time(cursor.type)) return;
    const auto read = [&](std::string_view key, std::optional<Duration>& span, std::optional<Text>& from) {
        const std::optional<Node> node = object.find(key);
        std::optional<Interval> interval = node ? read_span(*node, Zero::refused, uses, problems) : std::nullopt;
        if (!interval) return;
        if (interval->from) from = std::move(interval->from);
        else span = interval->span;
    };
    read("step", cursor.step, cursor.step_from);
    read("retention", cursor.retention, cursor.retention_from);
    const Duration usual = cursor.type == Type::date ? Duration{std::chrono::days(1)} : cursor.granularity;
    cursor.granularity = interval(object, "granularity", problems).value_or(usual);
}

}  // namespace

void read_cursor(const Node& node, StreamDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    if (!expect_object(node, problems)) return;
    const std::size_t errors = problems.errors();
    const ObjectReader object(node, problems);
    object.allow({"field", "type", "format", "filter", "order", "advance_to", "initial", "end", "lookback", "step", "boundary",
                  "granularity", "retention"});
    for (const char* key : {"field", "filter", "order", "advance_to", "lookback", "step", "granularity", "retention"}) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys[std::string("cursor.") + key] = stated->where;
    }
    Cursor cursor;
    cursor.advance_to_slice_end = object.choice<bool>("advance_to", {{"max_seen", false}, {"slice_end", true}}).value_or(false);
    cursor.exclusive = object.choice<bool>("boundary", {{"inclusive", false}, {"exclusive", true}}).value_or(false);
    read_field(object, cursor, problems);
    using Filter = Cursor::Filter;
    draft.stated_filter =
        object.choice<Filter>("filter", {{"server", Filter::server}, {"client", Filter::client}, {"none", Filter::none}});
    using Order = Cursor::Order;
    cursor.order =
        object.choice<Order>("order", {{"asc", Order::asc}, {"desc", Order::desc}, {"unknown", Order::unknown}}).value_or(Order::unknown);
    if (!object.require("type")) return;
    const std::optional<Type> type = object.choice<Type>(
        "type", {{"timestamp", Type::timestamp}, {"date", Type::date}, {"integer", Type::integer}, {"opaque", Type::opaque}});
    if (!type) return;  // what the other members may be depends on it
    cursor.type = *type;
    read_format(object, cursor, reader);
    read_lookback(object, cursor, draft.texts, problems);
    read_bounds(object, cursor, draft.texts, problems);
    read_spans(object, cursor, draft.texts, problems);
    if (problems.errors() == errors) draft.stream.cursor = std::move(cursor);
}

}  // namespace upstream::core::parts
