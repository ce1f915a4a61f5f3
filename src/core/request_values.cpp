#include "core/request_values.hpp"

#include <algorithm>

#include "core/url.hpp"

namespace upstream::core {
namespace {

// A list written as csv; what is not a list is one value.
std::string as_csv(const TypedText& value) {
    const auto document = json::Document::parse(value.text);
    if (!document || !document->root().is_array()) return value.text;
    std::string csv;
    for (const json::Value item : document->root()) csv += (csv.empty() ? "" : ",") + std::string{item.text()};
    return csv;
}

json::Kind kind_of(const PartitionValues& partition, const std::string& word) {
    const auto found = partition.kinds.find(word);
    return found == partition.kinds.end() ? json::Kind::string : found->second;
}

// {partition.x}, {parent.x} or {parents.x} with the types that the parent's columns have.
std::optional<TypedText> partition_text(const PartitionValues& partition, const Placeholder& p) {
    if (p.root == "parents") {
        std::string list;
        for (const Words& parent : partition.parents)
            if (const auto word = parent.find(p.word); word != parent.end())
                list += (list.empty() ? "" : ",") + TypedText{.text = word->second, .kind = kind_of(partition, p.word)}.as_json();
        if (partition.parents.empty()) return std::nullopt;
        return TypedText{.text = "[" + list + "]", .kind = json::Kind::array};
    }
    auto value = partition.find(p);
    if (!value) return std::nullopt;
    return TypedText{.text = std::move(*value), .kind = p.root == "parent" ? kind_of(partition, p.word) : json::Kind::string};
}

json::Kind kind_of(const TimeFormat& format) {
    return format == TimeFormat::epoch || format == TimeFormat::epoch_ms ? json::Kind::number : json::Kind::string;
}

TypedText time_text(Timestamp time, const TimeFormat& format, Round round = Round::down) {
    return {.text = format_time(time, format, round), .kind = kind_of(format)};
}

// The text of a setting as the account states it, with the type that the source declares.
TypedText typed_setting(const Source& source, std::string_view name, std::string text) {
    const auto setting = std::find_if(source.settings.begin(), source.settings.end(), [&](const Setting& known) { return known.name == name; });
    json::Kind kind = json::Kind::string;
    if (setting != source.settings.end()) {
        if (setting->type == "integer" || setting->type == "number") kind = json::Kind::number;
        if (setting->type == "boolean") kind = json::Kind::boolean;
        if (setting->type == "array") kind = json::Kind::array;
    }
    return {.text = std::move(text), .kind = kind};
}

TypedText bound_text(const Source& source, const Cursor& cursor, Position position, std::string_view format, Round round) {
    const auto named = source.time_format(format);
    const std::string text = render_bound(cursor, position, named, round);
    if (cursor.type == Cursor::Type::integer) return {.text = text, .kind = json::Kind::number};
    return {.text = text, .kind = kind_of(named.value_or(cursor.format))};
}

}  // namespace

TypedText formatted(TypedText value, std::string_view format, const Source& source, Timestamp now) {
    if (format.empty()) return value;
    if (format == "csv") return {.text = as_csv(value)};
    if (format == "url") return {.text = percent_encode(value.text)};
    if (format == "json") return {.text = value.as_json()};
    const auto time_format = source.time_format(format);
    const auto time = time_format ? parse_instant(value.text, now) : std::nullopt;
    return time ? time_text(*time, *time_format) : value;
}

std::optional<TypedText> page_token(const Pagination& pagination, const Page& page) {
    using Type = Pagination::Type;
    const bool numbered = pagination.type == Type::page || pagination.type == Type::offset;
    if (!page.first()) return TypedText{.text = page.token, .kind = numbered ? json::Kind::number : json::Kind::string};
    if (numbered) return TypedText{.text = std::to_string(pagination.start), .kind = json::Kind::number};
    return std::nullopt;
}

TypedLookup account_values(const Source& source, const Account& account, Timestamp now) {
    return [&source, lookup = account_lookup(account), now](const Placeholder& p) -> std::optional<TypedText> {
        const auto text = lookup(Placeholder{.root = p.root, .word = p.word, .format = {}});
        if (!text) return std::nullopt;
        TypedText value = p.root == "account" ? typed_setting(source, p.word, *text) : TypedText{.text = *text};
        return formatted(std::move(value), p.format, source, now);
    };
}

TypedLookup request_values(const Source& source, const Stream& stream, const Account& account, const Page& page, const Bounds& bounds,
                           Timestamp run_started_at, const PartitionValues& partition) {
    const TypedLookup of_account = account_values(source, account, run_started_at);
    return [&, of_account, run_started_at](const Placeholder& p) -> std::optional<TypedText> {
        if (p.root == "cursor" && stream.cursor) {
            const bool start = p.word == "start";
            if (start && bounds.opaque) return formatted({.text = *bounds.opaque}, p.format, source, run_started_at);
            const std::optional<Position>& bound = start ? bounds.start : bounds.end;
            if (!bound) return std::nullopt;
            return bound_text(source, *stream.cursor, *bound, p.format, start ? Round::down : Round::up);
        }
        if (p.root == "page" && p.word == "token") return page_token(stream.pagination, page);
        if (p.root == "page" && p.word == "size") {
            const std::optional<std::int64_t> size = page.size ? page.size : stream.pagination.size;
            return size ? std::optional{TypedText{.text = std::to_string(*size), .kind = json::Kind::number}} : std::nullopt;
        }
        if (p.root == "run") return time_text(run_started_at, source.time_format(p.format).value_or(TimeFormat::iso));
        if (auto value = partition_text(partition, p)) return formatted(std::move(*value), p.format, source, run_started_at);
        return of_account(p);
    };
}

Lookup as_texts(TypedLookup lookup) {
    return [lookup = std::move(lookup)](const Placeholder& p) -> std::optional<std::string> {
        std::optional<TypedText> value = lookup(p);
        if (!value) return std::nullopt;
        return std::move(value->text);
    };
}

}  // namespace upstream::core
