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
    // What a column gets in rows that are added: a text for each of them, or the same value for all.
    struct Column {
        std::span<const std::optional<std::string_view>> texts{};
        Datum same{};  // if there are no texts
    };

    // About `rows` rows are to come.
    RowBuffer(std::vector<RowColumn> columns, std::size_t rows);

    // Adds rows; throws BadRow for a value that cannot be read, and is of no use after that.
    void add(std::size_t rows, std::span<const Column> columns);

    [[nodiscard]] std::size_t rows() const { return rows_.size(); }
    [[nodiscard]] const std::vector<RowColumn>& columns() const { return columns_; }
    [[nodiscard]] const Datum* values(std::size_t row) const { return rows_[row]; }
    [[nodiscard]] const bool* nulls(std::size_t row) const { return reinterpret_cast<const bool*>(rows_[row] + columns_.size()); }

    // Asks the processor for what will be needed of the rows that come next in this order: sorted, they lie anywhere. Has to be inlined: to g++ a function that
    // does no more than this does nothing, and a call of it is left out.
    [[gnu::always_inline]] void fetch_ahead(std::span<const std::uint32_t> next) const {
        constexpr std::size_t kRows = 4, kBytes = 320, kLine = 64;  // ahead; most rows have no more
        if (next.size() <= kRows) return;
        const char* const row = reinterpret_cast<const char*>(rows_[next[kRows]]);
        for (std::size_t at = 0; at < kBytes; at += kLine) __builtin_prefetch(row + at);
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
    std::vector<ValueReader> readers_;  // of the columns
    Room room_{Room::Headers::packed};
    // Of each row its values, behind them which are null, and behind these most of what the values point to: who reads a row in an order of its own, far from the
    // former one, finds all of it in one place.
    std::vector<Datum*> rows_{};
};

}  // namespace upstream::pg
