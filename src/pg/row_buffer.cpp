// Rows as values; see row_buffer.hpp.
#include "pg/row_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/memory.hpp"
#include "pg/value_reader.hpp"

extern "C" {
#include "utils/lsyscache.h"
}

namespace upstream::pg {

namespace {

// Whether an error says that the value is bad, and not that somebody cancelled or the server is in need.
bool blames_value(int sqlerrcode) {
    const int category = ERRCODE_TO_CATEGORY(sqlerrcode);
    return category != ERRCODE_OPERATOR_INTERVENTION && category != ERRCODE_INSUFFICIENT_RESOURCES && category != ERRCODE_SYSTEM_ERROR &&
           category != ERRCODE_INTERNAL_ERROR && category != ERRCODE_TRANSACTION_ROLLBACK;
}

}  // namespace

std::vector<RowColumn> row_columns(Oid table, const std::vector<std::string>& names) {
    std::vector<RowColumn> columns;
    for (const std::string& name : names) {
        RowColumn column{.name = name};
        call([&] {
            column.number = get_attnum(table, name.c_str());
            if (column.number == InvalidAttrNumber)
                ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of relation \"%s\" does not exist", name.c_str(), get_rel_name(table)));
            Oid collation;
            get_atttypetypmodcoll(table, column.number, &column.type, &column.typmod, &collation);
            get_typlenbyval(column.type, &column.length, &column.by_value);
        });
        columns.push_back(std::move(column));
    }
    return columns;
}

RowBuffer::RowBuffer(std::vector<RowColumn> columns, std::size_t rows) : columns_(std::move(columns)), rows_(rows), memory_(CurrentMemoryContext) {
    call([&] {
        const std::size_t cells = std::max<std::size_t>(1, rows_ * columns_.size());
        values_ = static_cast<Datum*>(MemoryContextAllocExtended(memory_, cells * sizeof(Datum), MCXT_ALLOC_HUGE));
        nulls_ = static_cast<bool*>(MemoryContextAllocExtended(memory_, cells * sizeof(bool), MCXT_ALLOC_HUGE));
    });
}

void RowBuffer::read(std::size_t column, std::size_t first, std::span<const std::optional<std::string_view>> values) {
    volatile std::size_t row = values.size();  // while no value is being read
    const std::size_t step = columns_.size();
    try {
        call([&] {
            ValueReader reader;
            reader.prepare(columns_[column].type, columns_[column].typmod);
            Datum* value = values_ + first * step + column;
            bool* null = nulls_ + first * step + column;
            for (std::size_t i = 0; i < values.size(); ++i, value += step, null += step) {
                row = i;
                *null = !values[i].has_value();
                *value = values[i] ? reader.read(*values[i]) : reader.read_null();
            }
            row = values.size();
        });
    } catch (const Error& error) {
        if (row >= values.size() || !blames_value(error.sqlerrcode())) throw;
        throw BadRow{error, first + row, column};
    }
}

void RowBuffer::fill(std::size_t column, std::size_t first, std::size_t count, Datum value) {
    for (std::size_t row = first; row < first + count; ++row) {
        values_[row * columns_.size() + column] = value;
        nulls_[row * columns_.size() + column] = false;
    }
}

std::string_view RowBuffer::bytes(std::size_t row, std::size_t column) const {
    const Datum value = values(row)[column];
    if (columns_[column].length > 0) return {DatumGetPointer(value), static_cast<std::size_t>(columns_[column].length)};
    if (columns_[column].length == -2) return DatumGetCString(value);
    return {VARDATA_ANY(DatumGetPointer(value)), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(DatumGetPointer(value)))};
}

int RowBuffer::compare(std::size_t a, std::size_t b, std::span<const std::size_t> columns) const {
    for (const std::size_t column : columns) {
        if (columns_[column].by_value) {
            const auto left = static_cast<std::int64_t>(values(a)[column]), right = static_cast<std::int64_t>(values(b)[column]);
            if (left != right) return left < right ? -1 : 1;
        } else if (const int order = bytes(a, column).compare(bytes(b, column)); order != 0) {
            return order;
        }
    }
    return 0;
}

std::uint64_t RowBuffer::prefix(std::size_t row, std::size_t column, std::size_t skip) const {
    if (columns_[column].by_value) return skip > 0 ? 0 : static_cast<std::uint64_t>(values(row)[column]) ^ (std::uint64_t{1} << 63U);
    const std::string_view all = bytes(row, column);
    const std::string_view some = all.substr(std::min(skip, all.size()));
    std::uint64_t prefix = 0;
    for (std::size_t i = 0; i < 8; ++i) prefix = (prefix << 8U) | (i < some.size() ? static_cast<unsigned char>(some[i]) : 0U);
    return prefix;
}

}  // namespace upstream::pg
