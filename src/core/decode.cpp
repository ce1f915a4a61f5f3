#include "core/decode.hpp"

#include <algorithm>

#include "core/excerpt.hpp"
#include "core/reaction.hpp"
#include "core/rows.hpp"

namespace upstream::core {
namespace {

// The list of records, as grammar section 5 says: an array gives its elements, an object itself, null nothing.
Result<std::vector<json::Value>> find_records(const Stream& stream, json::Value root) {
    std::vector<json::Value> found;
    if (stream.records.has_wildcard()) {
        found = stream.records.find_all(root);
        return found;
    }
    const std::optional<json::Value> list = stream.records.find(root);
    if (!list) {
        if (stream.records_missing_is_empty) return found;
        return Error{.code = Code::shape,
                     .message = "the answer has no records at \"" + stream.records.text() + "\"",
                     .detail = "It begins with: " + excerpt(root.raw(), 120),
                     .hint = "If the upstream leaves out empty lists, set records_missing to \"empty\"."};
    }
    switch (list->kind()) {
        case json::Kind::null: break;
        case json::Kind::object: found.push_back(*list); break;
        case json::Kind::array:
            found.reserve(list->size());
            std::copy(list->begin(), json::Value::end(), std::back_inserter(found));
            break;
        default:
            return Error{.code = Code::shape,
                         .message = "the value at \"" + stream.records.text() + "\" is neither a list nor an object",
                         .detail = "It begins with: " + excerpt(list->raw(), 120)};
    }
    return found;
}

void learn(Decoded& decoded, Position position, const Measure& measure) {
    ++decoded.placed;
    if (measure.insane && position > *measure.insane) ++decoded.beyond;
    if (!decoded.first) decoded.first = position;
    if (decoded.last) {
        decoded.ascending &= position >= *decoded.last;
        decoded.descending &= position <= *decoded.last;
    }
    decoded.last = position;
    decoded.lowest = std::min(decoded.lowest.value_or(position), position);
    if (!measure.ceiling || position <= *measure.ceiling) decoded.highest = std::max(decoded.highest.value_or(position), position);
}

// What the cursor learns from a record.
std::optional<Error> learn_from(const Cursor& cursor, json::Value record, const Measure& measure, Decoded& decoded) {
    if (cursor.field.text().empty() && cursor.max_of.empty()) return std::nullopt;  // it follows the slices alone
    if (cursor.type == Cursor::Type::opaque) {
        const auto value = cursor.field.find(record);
        if (!value || value->is_null()) return std::nullopt;
        decoded.last_opaque.emplace(value->text());
        if (!decoded.first_opaque) decoded.first_opaque = decoded.last_opaque;
        return std::nullopt;
    }
    const auto position = read_position(cursor, record);
    if (!position) return position.error();
    if (*position) learn(decoded, **position, measure);
    return std::nullopt;
}

// A record whose place in the list cannot be told: applying it could hide that from everybody.
Reject unreadable(const Cursor& cursor, json::Value record, const Error& error) {
    const Path& path = cursor.max_of.empty() ? cursor.field : cursor.max_of.front();
    const auto value = path.find(record);
    return Reject{.sqlstate = "22007", .path = path.text(), .value = value ? excerpt(value->raw(), 200) : "", .message = error.message};
}

}  // namespace

Result<Decoded> decode(const Stream& stream, const Layout& layout, std::shared_ptr<const json::Document> document, const Measure& measure, const Lookup& lookup) {
    Decoded decoded;
    decoded.document = std::move(document);
    if (layout.transformed) {
        decoded.batch.documents.push_back(decoded.document);
    } else {
        decoded.batch.texts.push_back(decoded.document->text());
    }
    const json::Value root = decoded.document->root();
    RowMaker rows{layout, root, lookup, decoded.batch};
    const auto read_list = [&](json::Value envelope) -> std::optional<Error> {
        const Result<std::vector<json::Value>> records = find_records(stream, envelope);
        if (!records) return records.error();
        if (!layout.transformed && !stream.jsonl) rows.expect(records->size());
        for (const json::Value record : *records) {
            const std::size_t index = decoded.records++;
            if (stream.cursor && record.is_object()) {
                if (const auto error = learn_from(*stream.cursor, record, measure, decoded)) {
                    rows.reject(record, index, unreadable(*stream.cursor, record, *error));
                    continue;
                }
            }
            rows.add(record, index);
        }
        return std::nullopt;
    };
    if (!stream.jsonl) {
        if (auto error = read_list(root)) return std::move(*error);
    } else {
        for (const json::Value line : root) {  // "$" is one line
            rows.within(line);
            if (auto error = read_list(line)) return std::move(*error);
        }
    }
    decoded.batch.page_records = decoded.records;
    return decoded;
}

Result<Decoded> decode(const Stream& stream, const Layout& layout, std::string body, std::optional<Position> ceiling, const Lookup& lookup) {
    auto document = read_body(stream, std::move(body));
    if (!document) return document.error();
    return decode(stream, layout, std::move(*document), Measure{.ceiling = ceiling, .insane = {}}, lookup);
}

}  // namespace upstream::core
