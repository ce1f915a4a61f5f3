#include "core/cursor.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

std::optional<Position> integer(std::string_view text) {
    Position value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

Position from_time(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp to_time(Position position) { return Timestamp{Duration{position}}; }

std::string quoted(std::string_view text) { return '"' + excerpt(text, 60) + '"'; }

}  // namespace

namespace {

Result<std::optional<Position>> position_at(const Cursor& cursor, const Path& path, json::Value record) {
    const std::optional<json::Value> value = path.find(record);
    if (!value || value->is_null()) return std::optional<Position>{};
    std::optional<Position> position;
    if (value->kind() == json::Kind::string || value->kind() == json::Kind::number) {
        if (cursor.type == Cursor::Type::integer) {
            position = integer(value->text());
        } else if (const auto time = parse_time(value->text(), cursor.format)) {
            position = from_time(*time);
        }
    }
    if (!position)
        return Error{.code = Code::decode,
                     .message = "cursor field \"" + path.text() + "\" cannot be read: " + quoted(value->text()),
                     .hint = "Check the cursor's type and format in the source spec."};
    return position;
}

}  // namespace

Result<std::optional<Position>> read_position(const Cursor& cursor, json::Value record) {
    if (cursor.max_of.empty()) return position_at(cursor, cursor.field, record);
    std::optional<Position> highest;
    for (const Path& path : cursor.max_of) {
        auto position = position_at(cursor, path, record);
        if (!position) return position;
        if (*position) highest = std::max(highest.value_or(**position), **position);
    }
    return highest;
}

std::string to_text(Cursor::Type type, Position position) {
    switch (type) {
        case Cursor::Type::timestamp: return format_time(to_time(position), TimeFormat::iso);
        case Cursor::Type::date: return format_time(to_time(position), TimeFormat::date);
        case Cursor::Type::integer:
        case Cursor::Type::opaque: break;
    }
    return std::to_string(position);
}

std::optional<Position> from_text(Cursor::Type type, std::string_view text) {
    if (type == Cursor::Type::integer) return integer(text);
    const auto time = parse_time(text, type == Cursor::Type::date ? TimeFormat::date : TimeFormat::iso);
    if (!time) return std::nullopt;
    return from_time(*time);
}

std::string render_bound(const Cursor& cursor, Position position, const std::optional<TimeFormat>& format, Round round) {
    if (cursor.type == Cursor::Type::integer) return std::to_string(position);
    const TimeFormat own = cursor.type == Cursor::Type::date && cursor.format == TimeFormat::iso ? TimeFormat::date : cursor.format;
    return format_time(to_time(position), format.value_or(own), round);
}

Position look_back(const Cursor& cursor, Position position) {
    constexpr Position kLeast = std::numeric_limits<Position>::min();
    return position < kLeast + cursor.lookback ? kLeast : position - cursor.lookback;
}

}  // namespace upstream::core
