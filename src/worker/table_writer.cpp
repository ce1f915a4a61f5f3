#include "pg/postgres.hpp"

#include "worker/table_writer.hpp"

#include <algorithm>
#include <map>

#include "pg/error.hpp"
#include "pg/lookup.hpp"

namespace upstream::worker {
namespace {

using core::Batch;
using core::Values;

constexpr int kMostRaces = 3;  // rows that somebody else inserts between our update and our insert

Values gather(const Values& column, const RowNumbers& rows) {
    Values values;
    values.reserve(rows.size());
    for (const std::size_t row : rows) values.push_back(column[row]);
    return values;
}

pg::Param booleans(const std::vector<bool>& flags, const RowNumbers& rows) {
    Values values;
    values.reserve(rows.size());
    for (const std::size_t row : rows) values.emplace_back(flags[row] ? "t" : "f");
    return pg::array_of(BOOLOID, -1, values);
}

// Partial records of one key are merged, in their order: each tells something. What the merged batch needs of the other must outlive it.
Batch merged(const Batch& batch, const RowNumbers& rows, const std::vector<core::Field>& fields) {
    Batch made;
    made.columns.resize(fields.size());
    made.present.resize(fields.size());
    std::map<std::string, std::size_t> known;
    for (const std::size_t row : rows) {
        std::string key;
        for (std::size_t i = 0; i < fields.size(); ++i)
            if (fields[i].key) key += std::string{batch.columns[i][row].value_or("")} + '\x1f';
        const bool gone = !batch.gone.empty() && batch.gone[row];
        const auto [place, is_new] = known.try_emplace(key, made.rows);
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (is_new) {
                made.columns[i].push_back(batch.columns[i][row]);
                made.present[i].push_back(batch.present[i][row]);
            } else if (batch.present[i][row]) {
                made.columns[i][place->second] = batch.columns[i][row];
                made.present[i][place->second] = true;
            } else if (batch.columns[i][row] && !made.present[i][place->second]) {
                made.columns[i][place->second] = batch.columns[i][row];  // no member: it only tells how new the record is
            }
        }
        if (is_new) {
            ++made.rows;
            if (!batch.gone.empty()) made.gone.push_back(gone);
        } else if (!batch.gone.empty()) {
            made.gone[place->second] = gone;
        }
    }
    return made;
}

RowNumbers all_of(std::size_t rows) {
    RowNumbers numbers(rows);
    for (std::size_t i = 0; i < rows; ++i) numbers[i] = i;
    return numbers;
}

}  // namespace

TableWriter::TableWriter(WriteRule rule, const pg::Table& table, std::vector<core::Field> fields)
    : rule_(std::move(rule)), fields_(std::move(fields)), sql_(write_sql(rule_, table, fields_)) {
    bool inner = false;
    for (const core::Field& field : fields_) {
        const pg::Attribute& attribute = *table.attribute(field.column);
        columns_.push_back({.type = attribute.type, .typmod = attribute.typmod});
        inner |= field.outer;
        if (!OidIsValid(pg::array_type(attribute.type)))
            throw pg::Raise(ERRCODE_DATATYPE_MISMATCH, "column \"" + attribute.name + "\" has type " + attribute.type_name + ", which has no array type");
    }
    if (inner) replace_sql_ = replace_inner_sql(rule_.key, table, fields_);
    if (!rule_.key.empty()) known_keys_sql_ = known_keys_sql(rule_, table, fields_);
}

std::vector<pg::Param> TableWriter::params_of(std::int32_t account_id, const Batch& batch, const RowNumbers& rows) const {
    std::vector<pg::Param> params{pg::Param{.value = Int32GetDatum(account_id)}};
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        try {
            params.push_back(pg::array_of(columns_[i].type, columns_[i].typmod, gather(batch.columns[i], rows)));
        } catch (const pg::BadValue& bad) {
            throw BadCell{bad, rows[bad.row()], i};
        }
    }
    if (rule_.gone) params.push_back(booleans(batch.gone, rows));
    if (rule_.partial)
        for (std::size_t i = 0; i < fields_.size(); ++i)
            if (!fields_[i].key) params.push_back(booleans(batch.present[i], rows));
    return params;
}

// The parameters' types follow from the rule, as the texts do.
pg::Rows TableWriter::run(std::unique_ptr<pg::Plan>& plan, const std::string& sql, std::vector<pg::Param>& params, bool heads) {
    if (!plan) {
        std::vector<Oid> types{INT4OID};
        for (const Column& column : columns_) types.push_back(pg::array_type(column.type));
        if (heads) {
            for (std::size_t i = 0; i < fields_.size(); ++i)
                if (fields_[i].outer) types.push_back(pg::array_type(columns_[i].type));
        }
        types.resize(params.size(), pg::array_type(BOOLOID));
        plan = std::make_unique<pg::Plan>(sql, std::move(types));
    }
    return plan->run(params.data(), params.size());
}

Written TableWriter::write(std::int32_t account_id, const Batch& batch, const RowNumbers& rows) {
    if (rows.empty()) return {};
    if (rule_.partial) {
        const Batch whole = merged(batch, rows, fields_);
        if (whole.rows < rows.size()) return write(account_id, whole, all_of(whole.rows));
    }
    std::vector<pg::Param> params = params_of(account_id, batch, rows);
    Written written;
    for (int race = 0;; ++race) {
        const pg::Rows result = run(write_, sql_.write, params, false);
        const pg::Row row = result[0];
        const auto in_page = row.get<std::int64_t>(0);
        written.inserted += row.get<std::int64_t>(1);
        written.updated += row.get<std::int64_t>(2);
        written.stale = row.get<std::int64_t>(3);
        bool settled = true;
        if (!sql_.fill.empty()) {
            const pg::Rows filled = run(fill_, sql_.fill, params, false);
            written.inserted += filled[0].get<std::int64_t>(0);
            settled = filled[0].get<std::int64_t>(0) + filled[0].get<std::int64_t>(1) >= in_page;
        }
        written.unchanged = std::max<std::int64_t>(0, in_page - written.inserted - written.updated - written.stale);
        if (settled || race >= kMostRaces) break;
    }
    if (!sql_.erase.empty() && std::any_of(rows.begin(), rows.end(), [&](std::size_t row) { return batch.gone[row]; })) {
        const pg::Rows erased = run(erase_, sql_.erase, params, false);
        written.deleted += erased[0].get<std::int64_t>(0);
    }
    return written;
}

Written TableWriter::erase(std::int32_t account_id, const Batch& batch, const RowNumbers& rows) {
    if (rows.empty()) return {};
    std::vector<pg::Param> params = params_of(account_id, batch, rows);
    const pg::Rows erased = run(erase_, sql_.erase, params, false);
    return {.deleted = erased[0].get<std::int64_t>(0)};
}

std::int64_t TableWriter::replace_inner(std::int32_t account_id, const Batch& batch, const RowNumbers& rows, const RowNumbers& heads) {
    if (heads.empty()) return 0;
    std::vector<pg::Param> params = params_of(account_id, batch, rows);
    std::size_t head = 0;
    for (std::size_t i = 0; i < fields_.size(); ++i)
        if (fields_[i].outer) params.push_back(pg::array_of(columns_[i].type, columns_[i].typmod, gather(batch.heads[head++], heads)));
    const pg::Rows result = run(replace_, replace_sql_, params, true);
    return result[0].get<std::int64_t>(0);
}

std::vector<std::string> TableWriter::known_keys(std::int32_t account_id, const Batch& batch, const RowNumbers& rows) {
    std::vector<pg::Param> params = params_of(account_id, batch, rows);
    std::vector<std::string> keys;
    const pg::LookupScope by_key;
    const pg::Rows known = run(known_keys_, known_keys_sql_, params, false);
    for (const pg::Row row : known) keys.push_back(row.get<std::string>(0));
    return keys;
}

std::optional<BadCell> TableWriter::next_bad_cell(const Batch& batch, const RowNumbers& rows, Place& from) const {
    for (; from.field < columns_.size(); ++from.field, from.row = 0) {
        const auto bad = pg::first_bad(columns_[from.field].type, columns_[from.field].typmod, gather(batch.columns[from.field], rows), from.row);
        if (!bad) continue;
        from.row = bad->row() + 1;
        return BadCell{*bad, rows[bad->row()], from.field};
    }
    return std::nullopt;
}

}  // namespace upstream::worker
