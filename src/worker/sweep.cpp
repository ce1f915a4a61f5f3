#include "pg/postgres.hpp"

#include "worker/sweep.hpp"

#include <algorithm>

#include "pg/array.hpp"
#include "pg/memory.hpp"
#include "pg/role.hpp"
#include "worker/target.hpp"
#include "worker/unit.hpp"
#include "worker/write_sql.hpp"

namespace upstream::worker {
namespace {

using core::Cursor;

constexpr long kRowsAtOnce = 10'000;  // keys, in memory

core::Error misfit(std::string message, std::string hint) {
    return core::Error{.code = core::Code::target_error, .message = std::move(message), .hint = std::move(hint)};
}

std::string parameter(std::size_t number) { return "$" + std::to_string(number); }

// The field that takes the cursor's value.
std::optional<std::size_t> field_of_cursor(const core::Stream& stream, const std::vector<core::Field>& fields) {
    for (std::size_t i = 0; stream.cursor && i < fields.size(); ++i)
        if (fields[i].paths.size() == 1 && fields[i].paths.front().text() == stream.cursor->field.text()) return i;
    return std::nullopt;
}

// Whether values of a column are in the order of the cursor's, without a loss: a date that is made of a time has lost some.
bool compares_as(Cursor::Type cursor, const pg::Attribute& attribute) {
    constexpr std::int32_t kMicroseconds = 6;
    const bool whole = attribute.typmod < 0 || attribute.typmod == kMicroseconds;
    switch (attribute.type) {
        case TIMESTAMPTZOID:
        case TIMESTAMPOID: return (cursor == Cursor::Type::timestamp || cursor == Cursor::Type::date) && whole;
        case DATEOID: return cursor == Cursor::Type::date;
        case INT2OID:
        case INT4OID:
        case INT8OID: return cursor == Cursor::Type::integer;
        case NUMERICOID: return cursor == Cursor::Type::integer && attribute.typmod < 0;
        default: return false;
    }
}

// $1 the account, then the scope's values, then what is added.
struct Parameters {
    std::vector<Oid> types{};
    std::vector<pg::Param> values{};

    Parameters(std::int32_t account_id, const Scope& scope) {
        add(INT4OID, pg::Traits<std::int32_t>::to_datum(account_id));
        for (const std::string& value : scope.values) add(TEXTOID, pg::Traits<std::string>::to_datum(value));
    }
    void add(Oid type, pg::Param value) {
        types.push_back(type);
        values.push_back(value);
    }
    [[nodiscard]] std::size_t count() const { return values.size(); }
};

std::string words_of(const core::Placeholder& placeholder) { return "{" + placeholder.root + "." + placeholder.word + "}"; }

// What tells the partitions of a stream apart.
std::vector<core::Placeholder> partition_words(const core::Stream& stream) {
    std::vector<core::Placeholder> words;
    if (stream.parent)
        for (const auto& [word, column] : stream.parent->key) words.push_back({.root = "parent", .word = word, .format = ""});
    for (const core::Partition& list : stream.partitions) words.push_back({.root = "partition", .word = list.name, .format = ""});
    return words;
}

const core::Field* field_of_word(const core::Placeholder& wanted, const std::vector<core::Field>& fields) {
    for (const core::Field& field : fields) {
        const core::Placeholder* only = field.value ? field.value->only_placeholder() : nullptr;
        if (only != nullptr && only->root == wanted.root && only->word == wanted.word && only->format.empty()) return &field;
    }
    return nullptr;
}

std::optional<core::Error> check_window(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields) {
    const std::string window = "write \"replace_window\" of stream \"" + stream.name + "\"";
    const auto field = field_of_cursor(stream, fields);
    if (!field)
        return misfit(window + " needs a column that takes the cursor's field, " + stream.cursor->field.text(), "Add it to the stream's columns.");
    const pg::Attribute& attribute = *table.attribute(fields[*field].column);
    if (compares_as(stream.cursor->type, attribute)) return std::nullopt;
    return misfit("column \"" + attribute.name + "\" of target " + table.qualified + " has type " + attribute.type_name + ", which does not compare as the cursor does",
                  stream.cursor->type == Cursor::Type::integer ? "Use bigint." : "Use timestamptz, or date for a cursor of dates.");
}

}  // namespace

std::optional<core::Error> check_scope(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields) {
    if (!stream.replaces() && !stream.sweeps()) return std::nullopt;
    if (table.attribute(kAccountColumn) == nullptr)
        return misfit("target " + table.qualified + " has no column \"" + kAccountColumn + "\", which tells whose rows are taken out",
                      std::string{"ALTER TABLE "} + table.qualified + " ADD " + kAccountColumn + " integer NOT NULL;");
    if (stream.sweeps() && table.attribute(kSyncedAtColumn) == nullptr)
        return misfit("target " + table.qualified + " has no column \"" + kSyncedAtColumn + "\", which tells rows that came meanwhile from those that are gone",
                      std::string{"ALTER TABLE "} + table.qualified + " ADD " + kSyncedAtColumn + " timestamptz;");
    if (!stream.replaces()) return std::nullopt;
    for (const core::Placeholder& words : partition_words(stream))
        if (field_of_word(words, fields) == nullptr)
            return misfit("target " + table.qualified + " has no column that takes " + words_of(words) + ", which tells which rows are replaced",
                          "Add a column with {\"value\": \"" + words_of(words) + "\"} to stream \"" + stream.name + "\".");
    return stream.write == core::Stream::Write::replace_window ? check_window(stream, table, fields) : std::nullopt;
}

Sweep::Sweep(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields)
    : table_(table), key_(key_of(stream, table)), with_time_(table.attribute(kSyncedAtColumn) != nullptr),
      marks_(stream.sweeps() && stream.deletes.soft) {
    std::erase(key_, kAccountColumn);
    if (!stream.replaces()) return;
    for (const core::Placeholder& words : partition_words(stream)) partition_.emplace_back(field_of_word(words, fields)->column, words);
    if (stream.write != core::Stream::Write::replace_window) return;
    cursor_field_ = field_of_cursor(stream, fields);
    cursor_column_ = fields[*cursor_field_].column;
    bound_type_ = stream.cursor->type == Cursor::Type::integer ? Cursor::Type::integer : Cursor::Type::timestamp;
}

Scope Sweep::replaced_by(const core::Apply& page) const {
    Scope scope;
    const auto add = [&](std::string& conditions, const std::string& column, const char* compares, std::string value, const std::string& type) {
        scope.values.push_back(std::move(value));
        conditions += " AND t." + pg::quote_name(column) + " " + compares + " " + parameter(scope.values.size() + 1) + "::" + type;
    };
    for (const auto& [column, words] : partition_) {
        const auto value = page.partition.find(words);
        if (value) add(scope.conditions, column, "=", *value, table_.attribute(column)->type_name);
        else scope.conditions += " AND t." + pg::quote_name(column) + " IS NULL";
    }
    const std::string type = bound_type_ == Cursor::Type::integer ? "bigint" : "timestamptz";
    if (page.bounds.start) add(scope.bounds, cursor_column_, ">=", core::to_text(bound_type_, *page.bounds.start), type);
    if (page.bounds.end) add(scope.bounds, cursor_column_, "<", core::to_text(bound_type_, *page.bounds.end), type);
    if (!key_.empty()) spare_written_since(scope, page.started_at);
    return scope;
}

// Rows that others wrote while the read was under way, of which it may not know. (Rows without a key are not spared: what we wrote before a read began
// anew would stay, too.)
void Sweep::spare_written_since(Scope& scope, core::Timestamp started_at) const {
    if (!with_time_) return;
    const std::string time = std::string{"t."} + kSyncedAtColumn;
    scope.values.push_back(core::format_time(started_at, core::TimeFormat::iso));
    scope.conditions += " AND (" + time + " IS NULL OR " + time + " < " + parameter(scope.values.size() + 1) + "::timestamptz)";
}

// What is not marked as deleted yet.
Scope Sweep::present() const {
    Scope scope;
    if (marks_) scope.conditions = std::string{" AND t."} + kDeletedAtColumn + " IS NULL";
    return scope;
}

Scope Sweep::to_be_met(core::Timestamp generation) const {
    Scope scope = present();
    spare_written_since(scope, generation);
    return scope;
}

std::int64_t Sweep::count(std::int32_t account_id) const {
    const Scope scope = present();
    const Parameters parameters{account_id, scope};
    pg::Plan plan{"SELECT count(*) FROM " + table_.qualified + " AS t" + where(scope), parameters.types};
    return plan.run(parameters.values.data(), parameters.values.size())[0].get<std::int64_t>(0);
}

RowNumbers Sweep::within(const Scope& scope, const core::Batch& batch, const RowNumbers& rows) const {
    core::Values values;
    for (const std::size_t row : rows) values.push_back(batch.columns[*cursor_field_][row]);
    const pg::Attribute& attribute = *table_.attribute(cursor_column_);
    Parameters parameters{0, scope};
    parameters.add(pg::array_type(attribute.type), pg::array_of(attribute.type, attribute.typmod, values));
    pg::Plan plan{"SELECT t.ordinal FROM unnest(" + parameter(parameters.count()) + ") WITH ORDINALITY AS t(" + pg::quote_name(cursor_column_) + ", ordinal) WHERE true" + scope.bounds + " ORDER BY t.ordinal", parameters.types};
    RowNumbers inside;
    const pg::Rows found = plan.run(parameters.values.data(), parameters.values.size());
    for (const pg::Row row : found) inside.push_back(rows[static_cast<std::size_t>(row.get<std::int64_t>(0) - 1)]);
    return inside;
}

std::int64_t Sweep::clear(std::int32_t account_id, const Scope& scope) const {
    const Parameters parameters{account_id, scope};
    pg::Plan plan{"DELETE FROM " + table_.qualified + " AS t" + where(scope), parameters.types};
    return static_cast<std::int64_t>(plan.run(parameters.values.data(), parameters.values.size()).affected());
}

// The keys of a piece of the scope: their digests, and their columns' values as texts.
struct Sweep::Piece {
    std::vector<std::string> digests{};
    std::vector<std::vector<std::string>> columns{};

    void add(const pg::Row& row) {
        digests.push_back(row.get<std::string>(0));
        for (std::size_t i = 0; i < columns.size(); ++i) columns[i].push_back(row.get<std::string>(static_cast<int>(i) + 1));
    }
    void keep(const std::vector<std::size_t>& places) {
        for (auto& column : columns) {
            std::vector<std::string> kept;
            for (const std::size_t place : places) kept.push_back(std::move(column[place]));
            column = std::move(kept);
        }
    }
};

std::int64_t Sweep::run(const pg::Session& session, Catalog& catalog, const Model& model, const Scope& scope, core::Timestamp generation,
                        std::optional<std::int64_t> most) const {
    std::string sql = "SELECT " + key_digest(key_);
    for (const std::string& column : key_) sql += ", t." + pg::quote_name(column) + "::text";
    const Parameters parameters{model.account_id, scope};
    std::optional<pg::Portal> rows;
    {
        const pg::RoleScope owner{table_.owner, pg::Constraints::as_they_are};
        rows.emplace(sql + " FROM " + table_.qualified + " AS t" + where(scope), parameters.types, parameters.values);
    }
    std::int64_t erased = 0, missing = 0;
    for (;;) {
        const pg::MemoryScope scratch;
        Piece piece;
        piece.columns.resize(key_.size());
        {
            const pg::RoleScope owner{table_.owner, pg::Constraints::as_they_are};
            const pg::Rows some = rows->fetch(kRowsAtOnce);
            for (const pg::Row row : some) piece.add(row);
        }
        if (piece.digests.empty()) return erased;
        limit_write_time(session);
        const std::vector<std::size_t> gone = catalog.unseen(model.id, piece.digests, generation);
        if (gone.empty()) continue;
        missing += static_cast<std::int64_t>(gone.size());
        if (most && missing > *most) throw TooManyMissing{missing};
        piece.keep(gone);
        erased += erase(model.account_id, scope, piece);
    }
}

// One row at a time: that is always a look-up by the key.
std::int64_t Sweep::erase(std::int32_t account_id, const Scope& scope, const Piece& piece) const {
    Parameters parameters{account_id, scope};
    const std::size_t first = parameters.count();
    std::string matches;
    for (const std::string& column : key_) {
        parameters.add(TEXTOID, {});
        matches += " AND t." + pg::quote_name(column) + " = " + parameter(parameters.count()) + "::" + table_.attribute(column)->type_name;
    }
    const std::string marks = std::string{" AS t SET "} + kDeletedAtColumn + " = now(), " + kSyncedAtColumn + " = now()";
    pg::Plan plan{(marks_ ? "UPDATE " + table_.qualified + marks : "DELETE FROM " + table_.qualified + " AS t") + where(scope) + matches, parameters.types};
    std::uint64_t erased = 0;
    pg::RoleScope owner{table_.owner};
    for (std::size_t row = 0; row < piece.columns.front().size(); ++row) {
        for (std::size_t i = 0; i < key_.size(); ++i) parameters.values[first + i] = pg::Traits<std::string>::to_datum(piece.columns[i][row]);
        erased += plan.run(parameters.values.data(), parameters.values.size()).affected();
    }
    owner.leave();
    return static_cast<std::int64_t>(erased);
}

std::string Sweep::where(const Scope& scope) const {
    return " WHERE t." + pg::quote_name(kAccountColumn) + " = $1" + scope.conditions + scope.bounds;
}

}  // namespace upstream::worker
