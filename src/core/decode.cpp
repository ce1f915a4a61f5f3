#include "core/decode.hpp"

#include <algorithm>

#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

std::string record_name(std::size_t index) { return "record " + std::to_string(index + 1); }

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

class RowReader {
  public:
    RowReader(std::span<const Field> fields, json::Value root, Batch& batch) : fields_(fields), root_(root), batch_(batch) {}

    std::optional<Error> read(json::Value record, std::size_t index) {
        if (!record.is_object())
            return Error{.code = Code::shape,
                         .message = record_name(index) + " is not an object",
                         .detail = "It is: " + excerpt(record.raw(), 120)};
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            const Field& field = fields_[i];
            Result<std::optional<std::string_view>> value = value_of(field, record, index);
            if (!value) return value.error();
            if (field.key && !*value)
                return Error{.code = Code::decode,
                             .message = record_name(index) + " has no value for key column \"" + field.column + "\"",
                             .detail = field.paths.empty() ? "" : "Looked at: " + field.paths.front().text()};
            batch_.columns[i].push_back(*value);
        }
        ++batch_.rows;
        return std::nullopt;
    }

  private:
    Result<std::optional<std::string_view>> value_of(const Field& field, json::Value record, std::size_t index) {
        if (field.whole) return std::optional{record.raw()};
        if (field.constant) return std::optional<std::string_view>{*field.constant};
        for (const Path& path : field.paths) {
            if (path.has_wildcard()) return std::optional{list_of(path, record)};
            const auto value = path.find(path.root() == Path::Root::document ? root_ : record);
            if (value && !value->is_null()) return text_of(field, *value, index);
        }
        return std::optional<std::string_view>{};
    }

    Result<std::optional<std::string_view>> text_of(const Field& field, json::Value value, std::size_t index) {
        if (field.json) return std::optional{value.raw()};
        if (!field.format) return std::optional{value.text()};
        const auto time = parse_time(value.text(), *field.format);
        if (!time)
            return Error{.code = Code::decode,
                         .message = record_name(index) + ": the time for column \"" + field.column + "\" cannot be read",
                         .detail = "It is: " + excerpt(value.raw(), 60)};
        return std::optional<std::string_view>{batch_.made.emplace_back(format_time(*time, TimeFormat::iso))};
    }

    std::string_view list_of(const Path& path, json::Value record) {
        std::string list = "[";
        for (const json::Value value : path.find_all(path.root() == Path::Root::document ? root_ : record)) {
            if (list.size() > 1) list += ',';
            list += value.raw();
        }
        return batch_.made.emplace_back(list + "]");
    }

    std::span<const Field> fields_;
    json::Value root_;
    Batch& batch_;
};

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

}  // namespace

Result<Decoded> decode(const Stream& stream, std::span<const Field> fields, std::string body, std::optional<Position> ceiling) {
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
    decoded.batch.document = decoded.document;
    decoded.batch.columns.resize(fields.size());
    for (Values& column : decoded.batch.columns) column.reserve(records->size());
    RowReader reader{fields, root, decoded.batch};
    for (std::size_t i = 0; i < records->size(); ++i) {
        if (auto error = reader.read((*records)[i], i)) return std::move(*error);
        if (!stream.cursor) continue;
        const auto position = read_position(*stream.cursor, (*records)[i]);
        if (!position) {
            Error error = position.error();
            error.message = record_name(i) + ": " + error.message;
            return error;
        }
        if (*position) learn(decoded, **position, ceiling);
    }
    return decoded;
}

}  // namespace upstream::core
