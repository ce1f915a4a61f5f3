// Rows as Postgres' values: made from columns of text, kept row by row, to be compared, sorted, looked up and copied into a table.
//
// All values lie in the memory context that was current when the buffer was made; they go with it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/error.hpp"
#include "pg/postgres.hpp"
#include "pg/room.hpp"
#include "pg/value_reader.hpp"

namespace upstream::pg {

struct RowColumn {
    std::string name;
    AttrNumber number = 0;  // in the table
    Oid type = InvalidOid;
    std::int32_t typmod = -1;
    std::int16_t length = 0;  // of the type, as pg_type has it
    bool by_value = false;
};

// A value that its column's type refuses.
class BadRow : public Error {
  public:
    BadRow(const Error& error, std::size_t row, std::size_t column) : Error(error), row_(row), column_(column) {}
    [[nodiscard]] std::size_t row() const noexcept { return row_; }  // in the buffer
    [[nodiscard]] std::size_t column() const noexcept { return column_; }

  private:
    std::size_t row_, column_;
};

// The columns of a table by name; raises 42703 if there is none of a name.
[[nodiscard]] std::vector<RowColumn> row_columns(Oid table, const std::vector<std::string>& names);

class RowBuffer {
  public:
    RowBuffer(std::vector<RowColumn> columns, std::size_t rows);

    // Fills `values.size()` rows of one column, from `first` on; throws BadRow for a value that cannot be read.
    void read(std::size_t column, std::size_t first, std::span<const std::optional<std::string_view>> values);

    // The same value for `count` rows.
    void fill(std::size_t column, std::size_t first, std::size_t count, Datum value);

    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] const std::vector<RowColumn>& columns() const { return columns_; }
    [[nodiscard]] const Datum* values(std::size_t row) const { return values_ + row * columns_.size(); }
    [[nodiscard]] const bool* nulls(std::size_t row) const { return nulls_ + row * columns_.size(); }

    // Asks the processor for what will be needed of the rows that come next in this order: sorted, they lie anywhere.
    void fetch_ahead(std::span<const std::uint32_t> next) const {
        constexpr std::size_t kCells = 8, kValues = 4;  // rows ahead: the second needs what the first has brought
        if (next.size() > kCells) {
            __builtin_prefetch(values(next[kCells]));
            __builtin_prefetch(nulls(next[kCells]));
        }
        if (next.size() <= kValues) return;
        const Datum* const row = values(next[kValues]);
        const bool* const null = nulls(next[kValues]);
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (!columns_[i].by_value && !null[i]) __builtin_prefetch(DatumGetPointer(row[i]));
    }

    // By the bytes of the values in these columns, none of them null: an order like that of most indexes, and equality where that is one of bytes.
    [[nodiscard]] int compare(std::size_t a, std::size_t b, std::span<const std::size_t> columns) const;

    // The first sixteen bytes of these columns, in a form that sorts like compare() for most types. Rows that compare equal have the same.
    struct Prefix {
        std::uint64_t high = 0, low = 0;
        auto operator<=>(const Prefix&) const = default;
    };
    [[nodiscard]] Prefix prefix(std::size_t row, std::span<const std::size_t> columns) const;

  private:
    [[nodiscard]] std::string_view bytes(std::size_t row, std::size_t column) const;
    std::vector<RowColumn> columns_;
    std::size_t rows_;
    MemoryContext memory_;
    std::vector<ValueReader> readers_;  // of the columns
    Room room_{};                       // for their values
    Datum* values_;
    bool* nulls_;
};

}  // namespace upstream::pg
