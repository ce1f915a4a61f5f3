#include "core/decode.hpp"

#include <algorithm>

#include "core/excerpt.hpp"
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

void learn(Decoded& decoded, Position position, std::optional<Position> ceiling) {
    if (!decoded.first) decoded.first = position;
    if (decoded.last) {
        decoded.ascending &= position >= *decoded.last;
        decoded.descending &= position <= *decoded.last;
    }
    decoded.last = position;
    decoded.lowest = std::min(decoded.lowest.value_or(position), position);
    if (!ceiling || position <= *ceiling) decoded.highest = std::max(decoded.highest.value_or(position), position);
}

// A record whose place in the list cannot be told: applying it could hide that from everybody.
Reject unreadable(const Cursor& cursor, json::Value record, const Error& error) {
    const Path& path = cursor.max_of.empty() ? cursor.field : cursor.max_of.front();
    const auto value = path.find(record);
    return Reject{.sqlstate = "22007", .path = path.text(), .value = value ? excerpt(value->raw(), 200) : "", .message = error.message};
}

}  // namespace

Result<Decoded> decode(const Stream& stream, const Layout& layout, std::string body, std::optional<Position> ceiling, const Lookup& lookup) {
    const std::string beginning = excerpt(body, 120);
    Result<json::Document> parsed = json::Document::parse(std::move(body));
    if (!parsed) {
        Error error = parsed.error();
        error.detail += (error.detail.empty() ? "The answer begins with: " : "; the answer begins with: ") + beginning;
        return error;
    }
    Decoded decoded;
    decoded.document = std::make_shared<const json::Document>(std::move(*parsed));
    const json::Value root = decoded.document->root();
    const Result<std::vector<json::Value>> records = find_records(stream, root);
    if (!records) return records.error();

    decoded.records = records->size();
    decoded.batch.page_records = records->size();
    decoded.batch.documents.push_back(decoded.document);
    RowMaker rows{layout, root, lookup, decoded.batch};
    for (std::size_t i = 0; i < records->size(); ++i) {
        const json::Value record = (*records)[i];
        if (stream.cursor && record.is_object()) {
            const auto position = read_position(*stream.cursor, record);
            if (!position) {
                rows.reject(record, i, unreadable(*stream.cursor, record, position.error()));
                continue;
            }
            if (*position) learn(decoded, **position, ceiling);
        }
        rows.add(record, i);
    }
    return decoded;
}

}  // namespace upstream::core
