// Writes rows of a batch to one table, in one statement a page (two for partial rows, one more for deletions), and counts truthfully.
//
// Works in the caller's transaction and role. Knows nothing of bad rows: it raises, and the caller decides what becomes of the others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/batch.hpp"
#include "pg/array.hpp"
#include "pg/relation.hpp"
#include "pg/spi.hpp"
#include "worker/write_sql.hpp"
#include "worker/written.hpp"

namespace upstream::worker {

using RowNumbers = std::vector<std::size_t>;  // of a batch, ascending

// A value that its column's type refuses.
class BadCell : public pg::Error {
  public:
    BadCell(const pg::Error& error, std::size_t row, std::size_t field) : pg::Error(error), row_(row), field_(field) {}
    [[nodiscard]] std::size_t row() const noexcept { return row_; }
    [[nodiscard]] std::size_t field() const noexcept { return field_; }

  private:
    std::size_t row_, field_;
};

class TableWriter {
  public:
    TableWriter(WriteRule rule, const pg::Table& table, std::vector<core::Field> fields);

    // Writes these rows. Throws BadCell for a value that its column cannot hold.
    Written write(std::int32_t account_id, const core::Batch& batch, const RowNumbers& rows);

    // Deletes or marks the rows that have the keys of these.
    Written erase(std::int32_t account_id, const core::Batch& batch, const RowNumbers& rows);

    // Of an inner list with mode replace: deletes what the outer rows `heads` (numbers into Batch::heads) no longer list.
    std::int64_t replace_inner(std::int32_t account_id, const core::Batch& batch, const RowNumbers& rows, const RowNumbers& heads);

    // The keys of these rows that are in the table (worker/write_sql, key_digest()). Only their key fields are looked at.
    std::vector<std::string> known_keys(std::int32_t account_id, const core::Batch& batch, const RowNumbers& rows);

    // The next value that its column cannot hold, of these rows, in the order of fields and rows; `from` says where to begin and then where to go on.
    // A (Sub)transaction must be rolled back after one was found.
    struct Place {
        std::size_t field = 0, row = 0;
    };
    std::optional<BadCell> next_bad_cell(const core::Batch& batch, const RowNumbers& rows, Place& from) const;

    [[nodiscard]] const std::string& sql() const { return sql_.write; }
    [[nodiscard]] const std::vector<core::Field>& fields() const { return fields_; }

  private:
    struct Column {
        Oid type;
        std::int32_t typmod;
    };
    pg::Rows run(std::unique_ptr<pg::Plan>& plan, const std::string& sql, std::vector<pg::Param>& params, bool heads);
    std::vector<pg::Param> params_of(std::int32_t account_id, const core::Batch& batch, const RowNumbers& rows) const;

    WriteRule rule_;
    std::vector<core::Field> fields_;
    std::vector<Column> columns_;
    WriteSql sql_;
    std::string replace_sql_, known_keys_sql_;
    std::unique_ptr<pg::Plan> write_, fill_, erase_, replace_, known_keys_;
};

}  // namespace upstream::worker
