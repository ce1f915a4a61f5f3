// Bulk writing: the rows of many pages of one target, in large chunks, at a fraction of what a statement costs.
//
//   rows of the chunk --> sorted by the key --> looked up in the key's index --> new: COPY in process
//                                                                           \--> different: the statement
//                                                                            \-> same: nothing at all
//
// A statement that inserts or updates descends the index twice for a new row and locks a row that is there already, which writes WAL though nothing
// changes. Here a row that is there costs one descent and writes nothing, and a new one costs the insert; and since the chunk is sorted, neighbours
// share the index's pages. Where an account had no rows when its read began, even the look-up is left out: a key that is there after all raises a unique
// violation, after which the chunk is looked up; one that comes in between (somebody else writes, too) goes through the statement.
//
// The results and the numbers are those of the statement, page after page. Of rows that have the same key within a page the last one counts; a later
// page's row of the same key is written by the statement, after the others.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/source.hpp"
#include "pg/key_index.hpp"
#include "pg/relation.hpp"
#include "pg/row_buffer.hpp"
#include "worker/written.hpp"

namespace upstream::worker {

// One run's part of a chunk.
struct BulkShare {
    std::int32_t account_id = 0;
    std::vector<const core::Batch*> pages{};
    bool expect_new = false;  // no row of the account was there; false afterwards if that proved wrong
    Written written{};        // what became of the rows
    std::int64_t copied = 0;  // those of them that COPY inserted
};

class BulkWriter {
  public:
    // Writes rows by the statement, in the caller's role and transaction.
    using Statement = std::function<Written(std::int32_t account_id, const core::Batch& batch)>;

    // Inside a transaction, the table locked.
    BulkWriter(const core::Stream& stream, const pg::Table& table, const core::Layout& layout);

    // Why the target's rows go through the statement; "" if they can be written in bulk.
    [[nodiscard]] const std::string& obstacle() const { return facts_.obstacle; }

    // Writes the shares in the caller's transaction and as the table's owner. A value that its column cannot hold raises an error that names it.
    void write(std::vector<BulkShare>& shares, const Statement& statement) const;

    // Whether the account has no row in the target.
    [[nodiscard]] bool has_no_rows(std::int32_t account_id) const;

  private:
    struct Chunk;
    void load(Chunk& chunk) const;
    void sort(Chunk& chunk) const;
    void look_up(Chunk& chunk, bool all) const;
    void copy_new(Chunk& chunk) const;

    Oid table_;
    std::string qualified_;
    std::vector<core::Field> fields_;
    pg::BulkFacts facts_;
    std::vector<std::string> names_{};       // of the buffer's columns: the account, if the table has it, the fields, the time
    std::size_t first_field_ = 0;            // of these
    bool with_time_ = false;
    std::vector<std::size_t> key_{};         // columns of the buffer, as the index has them
    std::vector<std::size_t> compared_{};    // those whose difference is a change
};

}  // namespace upstream::worker
