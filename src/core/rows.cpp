#include "core/rows.hpp"

#include <algorithm>

#include "core/condition.hpp"
#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

constexpr std::size_t kShownValue = 200;      // bytes of a value in a reject
constexpr std::size_t kMostNewMembers = 64;   // noted of a page
constexpr const char* kNotNull = "23502";
constexpr const char* kBadTime = "22007";
constexpr const char* kBadShape = "22023";

std::optional<std::string> constant_of(const Field& field, const Lookup& lookup) {
    return field.value ? field.value->render(lookup) : std::nullopt;
}

bool depends_on_read(const Text& text) {
    const auto placeholders = text.placeholders();
    return std::any_of(placeholders.begin(), placeholders.end(),
                       [](const Placeholder& p) { return p.root == "parent" || p.root == "parents" || p.root == "partition"; });
}

// What rejects show of where a value was looked for.
std::string first_path(const Field& field) { return field.paths.empty() ? "" : field.paths.front().text(); }

void prepare(Batch& batch, const std::vector<Field>& fields, bool partial) {
    batch.columns.resize(fields.size());
    if (partial) batch.present.resize(fields.size());
}

}  // namespace

RowMaker::Columns::Columns(const std::vector<Field>& of_fields, const Lookup& lookup) : fields(of_fields) {
    for (const Field& field : fields) {
        constants.push_back(constant_of(field, lookup));
        auto& places = starts.emplace_back();
        for (const Path& path : field.paths) {
            const std::string_view member = field.outer || path.has_wildcard() ? std::string_view{} : path.member();
            places.push_back(member.empty() ? std::nullopt : std::optional(members.number_of(member)));
        }
    }
}

RowMaker::RowMaker(const Layout& layout, json::Value envelope, const Lookup& lookup, Batch& batch)
    : layout_(layout), envelope_(envelope), batch_(batch), columns_(layout.fields, lookup) {
    if (layout.transformed) batch.envelope = envelope;
    for (std::size_t i = 0; i < layout.fields.size(); ++i) {
        const Field& field = layout.fields[i];
        if (field.value && depends_on_read(*field.value)) scope_ += "," + json::quote(columns_.constants[i].value_or(""));
        for (const Text& text : field.scope) scope_ += "," + json::quote(text.render(lookup).value_or(""));
    }
    prepare(batch, layout.fields, layout.partial);
    batch.deletions.resize(layout.deletions.size());
    for (std::size_t i = 0; i < layout.deletions.size(); ++i) {
        deletions_.emplace_back(layout.deletions[i].fields, lookup);
        prepare(batch.deletions[i], layout.deletions[i].fields, false);
    }
    batch.inner.resize(layout.inner.size());
    for (std::size_t i = 0; i < layout.inner.size(); ++i) {
        const std::vector<Field>& fields = layout.inner[i].fields;
        inner_.emplace_back(fields, lookup);
        prepare(batch.inner[i], fields, false);
        batch.inner[i].heads.resize(static_cast<std::size_t>(std::count_if(fields.begin(), fields.end(), [](const Field& field) { return field.outer; })));
    }
}

void RowMaker::expect(std::size_t records) {
    for (Values& column : batch_.columns) column.reserve(column.size() + records);
    batch_.origin.reserve(batch_.origin.size() + records);
}

void RowMaker::add(json::Value record, std::size_t index) {
    if (!record.is_object()) return reject(record, index, Reject{.sqlstate = kBadShape, .value = excerpt(record.raw(), kShownValue), .message = "the record is not an object"});
    if (layout_.transformed) {
        batch_.records.push_back(record);
        batch_.origin.push_back(index);
        return;
    }
    for (std::size_t i = 0; i < layout_.deletions.size(); ++i) add_deletion(i, record, index);
    const bool gone = layout_.gone && holds(*layout_.gone, record, envelope_);
    if (!add_row(columns_, batch_, record, record, index, "", gone)) return;
    if (layout_.gone) batch_.gone.push_back(gone);
    if (layout_.members) note_new_members(record);
    for (std::size_t i = 0; i < layout_.inner.size(); ++i) add_inner(i, record, batch_.rows - 1);
}

void RowMaker::reject(json::Value record, std::size_t index, Reject why) {
    why.record = index;
    if (why.key.empty() && record.is_object()) why.key = key_text(record);
    batch_.rejects.push_back(std::move(why));
}

// One row of a table; false if the record was rejected instead. What says that a row is gone needs no more than its key.
bool RowMaker::add_row(Columns& columns, Batch& batch, json::Value record, json::Value outer, std::size_t index, const std::string& list, bool gone) {
    columns.members.look_at(record);
    for (std::size_t i = 0; i < columns.fields.size(); ++i) {
        const Field& field = columns.fields[i];
        Cell made = cell(columns, i, record, field.outer ? outer : record);
        if (made.unreadable && gone && !field.key) made = Cell{};
        if (made.unreadable || (field.key && !made.text)) {
            for (std::size_t undone = 0; undone < i; ++undone) {
                batch.columns[undone].pop_back();
                if (!batch.present.empty()) batch.present[undone].pop_back();
            }
            Reject why{.list = list, .column = field.column, .path = first_path(field)};
            if (made.unreadable) {
                why.sqlstate = kBadTime;
                why.value = excerpt(*made.unreadable, kShownValue);
                why.message = "the time cannot be read";
            } else {
                why.sqlstate = kNotNull;
                why.message = "the record has no value for key column \"" + field.column + "\"";
            }
            reject(outer, index, std::move(why));
            if (&batch == &batch_) keep_key(record);
            return false;
        }
        batch.columns[i].push_back(made.text);
        if (!batch.present.empty()) batch.present[i].push_back(made.present);
    }
    batch.origin.push_back(index);
    ++batch.rows;
    return true;
}

// The key of a record that makes no row, if all of it can be read.
void RowMaker::keep_key(json::Value record) {
    std::vector<std::optional<std::string_view>> key;
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) {
        const Field& field = layout_.fields[i];
        key.push_back(field.key ? cell(columns_, i, record, record).text : std::nullopt);
        if (field.key && !key.back()) return;
    }
    batch_.unfit.resize(key.size());
    for (std::size_t i = 0; i < key.size(); ++i) batch_.unfit[i].push_back(key[i]);
}

// The rows of one inner list. A list that is not there is empty if the record is whole; of a partial one it says nothing.
void RowMaker::add_inner(std::size_t which, json::Value record, std::size_t row) {
    const InnerLayout& layout = layout_.inner[which];
    Batch& batch = batch_.inner[which];
    std::vector<json::Value> elements;
    const std::size_t index = batch_.origin[row];
    if (layout.records.has_wildcard()) {
        elements = layout.records.find_all(record);
    } else {
        const auto list = layout.records.find(record);
        if (!list && layout_.partial) return;
        if (list && list->is_array()) {
            std::copy(list->begin(), json::Value::end(), std::back_inserter(elements));
        } else if (list && list->is_object()) {
            elements.push_back(*list);
        } else if (list && !list->is_null()) {
            return reject(record, index, Reject{.list = layout.name, .sqlstate = kBadShape, .path = layout.records.text(),
                                                .value = excerpt(list->raw(), kShownValue), .message = "the inner list is neither a list nor an object"});
        }
    }
    if (const auto more = layout.more ? layout.more->find(record) : std::nullopt; more && more->truthy()) batch.cut.push_back(row);
    batch.head_of.push_back(row);
    for (std::size_t i = 0; i < batch.heads.size(); ++i)
        batch.heads[i].push_back(cell(inner_[which], i, record, record).text);
    for (const json::Value element : elements) {
        if (!element.is_object()) {
            reject(record, index, Reject{.list = layout.name, .sqlstate = kBadShape, .path = layout.records.text(),
                                         .value = excerpt(element.raw(), kShownValue), .message = "the inner record is not an object"});
        } else if (add_row(inner_[which], batch, element, record, index, layout.name, false)) {
            batch.origin.back() = row;
        }
    }
}

// What a record of a feed says of another stream's row, whatever becomes of its own.
void RowMaker::add_deletion(std::size_t which, json::Value record, std::size_t index) {
    const DeletionLayout& layout = layout_.deletions[which];
    if (layout.when && !holds(*layout.when, record, envelope_)) return;
    std::vector<Cell> cells;
    deletions_[which].members.look_at(record);
    for (std::size_t i = 0; i < layout.fields.size(); ++i) {
        const Field& field = layout.fields[i];
        const Cell made = field.key ? cell(deletions_[which], i, record, record) : Cell{.text = latest(*layout.position, record)};
        if (field.key && !made.text)
            return reject(record, index, Reject{.list = layout.stream, .sqlstate = kNotNull, .column = field.column, .path = first_path(field),
                                                .message = "the record says that a row of stream \"" + layout.stream + "\" is gone, but has no value for its key column \"" + field.column + "\""});
        cells.push_back(made);
    }
    Batch& batch = batch_.deletions[which];
    for (std::size_t i = 0; i < cells.size(); ++i) batch.columns[i].push_back(cells[i].text);
    batch.origin.push_back(index);
    batch.gone.push_back(true);
    ++batch.rows;
}

// The latest time, or number, that a record's position may mean.
std::optional<std::string_view> RowMaker::latest(const Cursor& cursor, json::Value record) {
    constexpr Position kSecond = 1'000'000;
    constexpr Position kDay = 86'400 * kSecond;
    const auto read = read_position(cursor, record);
    if (!read || !*read) return std::nullopt;
    Position position = **read;
    if (cursor.type == Cursor::Type::integer) return batch_.made.emplace_back(std::to_string(position));
    if (cursor.type == Cursor::Type::date) {
        position += kDay - 1;
    } else if (position % kSecond == 0) {
        position += kSecond - 1;
    }
    return batch_.made.emplace_back(to_text(Cursor::Type::timestamp, position));
}

RowMaker::Cell RowMaker::cell(const Columns& columns, std::size_t which, json::Value record, json::Value from) {
    const Field& field = columns.fields[which];
    if (field.whole) return {.text = record.raw(), .present = true};
    if (!field.hash.empty()) return {.text = hash_input(field.hash, record), .present = true};
    if (!field.value) return of_paths(columns, which, from);
    const std::optional<std::string>& constant = columns.constants[which];
    if (!constant) return {.present = true};
    return {.text = batch_.made.emplace_back(*constant), .present = true};
}

RowMaker::Cell RowMaker::of_paths(const Columns& columns, std::size_t which, json::Value from) {
    const Field& field = columns.fields[which];
    Cell made;
    for (std::size_t i = 0; i < field.paths.size(); ++i) {
        const Path& path = field.paths[i];
        if (path.root() == Path::Root::header) continue;
        if (path.has_wildcard()) {
            made = {.text = list_of(path, from), .present = true};
            break;
        }
        const auto member = columns.starts[which][i];
        const std::optional<json::Value> value = member ? columns.members.find(*member, path) : path.find(start(path, from));
        if (!value) continue;
        made.present = true;
        if (value->is_null()) continue;
        if (field.json) {
            made.text.emplace(value->raw());
        } else if (!field.format) {
            made.text.emplace(value->text());
        } else if (const auto time = parse_time(value->text(), *field.format)) {
            made.text.emplace(batch_.made.emplace_back(format_time(*time, TimeFormat::iso)));
        } else {
            made.unreadable.emplace(value->raw());
        }
        break;
    }
    return made;
}

json::Value RowMaker::start(const Path& path, json::Value record) const { return path.root() == Path::Root::document ? envelope_ : record; }

std::string_view RowMaker::list_of(const Path& path, json::Value record) {
    std::string list = "[";
    for (const json::Value value : path.find_all(start(path, record))) {
        if (list.size() > 1) list += ',';
        list += value.raw();
    }
    return batch_.made.emplace_back(list + "]");
}

// The values that identify a row without identity, in a form in which equal ones are equal texts; a missing one counts as null.
std::string_view RowMaker::hash_input(const std::vector<Path>& paths, json::Value record) {
    std::string list = "[";
    for (const Path& path : paths) {
        if (list.size() > 1) list += ',';
        const auto value = path.find(start(path, record));
        list += !value ? "null" : value->is_string() ? json::quote(value->text()) : std::string{value->raw()};
    }
    return batch_.made.emplace_back(list + scope_ + "]");
}

std::string RowMaker::key_text(json::Value record) const {
    std::string text;
    for (const Field& field : layout_.fields) {
        if (!field.key) continue;
        for (const Path& path : field.paths) {
            const auto value = path.root() == Path::Root::header || path.has_wildcard() ? std::nullopt : path.find(start(path, record));
            if (!value || value->is_null()) continue;
            text += (text.empty() ? "" : ", ") + excerpt(value->text(), kShownValue);
            break;
        }
    }
    return text.size() > kShownValue ? excerpt(text, kShownValue) : text;
}

void RowMaker::note_new_members(json::Value record) {
    for (const json::Value member : record) {
        const std::string name{member.key()};
        if (member.is_null() || layout_.members->contains(name) || batch_.new_members.size() >= kMostNewMembers) continue;
        const auto same = [&](const auto& known) { return known.first == name; };
        if (std::none_of(batch_.new_members.begin(), batch_.new_members.end(), same)) batch_.new_members.emplace_back(name, member.raw());
    }
}

}  // namespace upstream::core
