// Rows as values; see row_buffer.hpp.
#include "pg/row_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/memory.hpp"

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

RowBuffer::RowBuffer(std::vector<RowColumn> columns, std::size_t rows) 
    : columns_(std::move(columns)), rows_(rows), memory_(CurrentMemoryContext), readers_(columns_.size()) {
    call([&] {
        const std::size_t cells = std::max<std::size_t>(1, rows_ * columns_.size());
        values_ = static_cast<Datum*>(MemoryContextAllocExtended(memory_, cells * sizeof(Datum), MCXT_ALLOC_HUGE));
        nulls_ = static_cast<bool*>(MemoryContextAllocExtended(memory_, cells * sizeof(bool), MCXT_ALLOC_HUGE));
    });
}

void RowBuffer::read(std::size_t column, std::size_t first, std::span<const std::optional<std::string_view>> values) {
    volatile std::size_t row = values.size();  // while no value is being read
    ValueReader& reader = readers_[column];
    const std::size_t step = columns_.size();
    try {
        call([&] {
            if (!reader.prepared()) reader.prepare(columns_[column].type, columns_[column].typmod);
            Datum* value = values_ + first * step + column;
            bool* null = nulls_ + first * step + column;
            for (std::size_t i = 0; i < values.size(); ++i, value += step, null += step) {
                row = i;
                *null = !values[i].has_value();
                *value = values[i] ? reader.read(*values[i], room_) : reader.read_null();
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

RowBuffer::Prefix RowBuffer::prefix(std::size_t row, std::span<const std::size_t> columns) const {
    Prefix prefix;
    std::size_t size = 0;
    const auto put = [&](unsigned char byte) {
        std::uint64_t& half = size < 8 ? prefix.high : prefix.low;
        half |= std::uint64_t{byte} << (56 - 8 * (size % 8));
        ++size;
    };
    for (const std::size_t column : columns) {
        const RowColumn& description = columns_[column];
        if (description.by_value) {
            const std::uint64_t value = static_cast<std::uint64_t>(values(row)[column]) ^ (std::uint64_t{1} << (8 * description.length - 1));
            for (int byte = description.length - 1; byte >= 0 && size < 16; --byte) put(static_cast<unsigned char>(value >> (8 * byte)));
        } else {
            for (const char c : bytes(row, column).substr(0, 16 - size)) put(static_cast<unsigned char>(c));
            if (description.length < 0) break;  // what follows has no fixed place
        }
        if (size >= 16) break;
    }
    return prefix;
}

}  // namespace upstream::pg
