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

RowBuffer::RowBuffer(std::vector<RowColumn> columns, std::size_t rows) : columns_(std::move(columns)), readers_(columns_.size()) { rows_.reserve(rows); }

void RowBuffer::add(std::size_t rows, std::span<const Column> columns) {
    const std::size_t first = rows_.size(), width = columns_.size();
    rows_.resize(first + rows);
    volatile std::size_t row = rows, column = 0;  // while no value is being read
    try {
        call([&] {
            for (std::size_t i = 0; i < width; ++i)
                if (!readers_[i].prepared()) readers_[i].prepare(columns_[i].type, columns_[i].typmod, ValueReader::Texts::verified);
            for (std::size_t r = 0; r < rows; ++r) {
                row = r;
                auto* const values = reinterpret_cast<Datum*>(room_.aligned(width * (sizeof(Datum) + sizeof(bool))));
                auto* const nulls = reinterpret_cast<bool*>(values + width);
                rows_[first + r] = values;
                for (std::size_t i = 0; i < width; ++i) {
                    column = i;
                    const Column& from = columns[i];
                    const bool given = from.texts.empty() || from.texts[r].has_value();
                    nulls[i] = !given;
                    if (from.texts.empty())
                        values[i] = from.same;
                    else
                        values[i] = given ? readers_[i].read(*from.texts[r], room_) : readers_[i].read_null();
                }
            }
            row = rows;
        });
    } catch (const Error& error) {
        if (row >= rows || !blames_value(error.sqlerrcode())) throw;
        throw BadRow{error, first + row, column};
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
