// Takes out rows of a target that the upstream no longer has: those of a scope whose keys a read has not met.
//
// Who may see what is divided: keys that were met stand in the books (upstream.seen_keys), which the target's owner cannot read, and the rows are the
// owner's. So the scope's keys are read piece by piece as the owner, looked up as the keeper of the books, and the rows of those not met are taken out as
// the owner; never more than a piece is in memory. Each row's scope is tested once more when it is taken out, for others may write meanwhile.
//
// Two ways of writing need it: those that replace, and deletions by absence (deletes.mode missing), which may mark rows instead, and are refused if they are
// too many.
//
// A scope is always within one account, so a target needs the account's column; within one partition, if the stream has some, so that each
// placeholder of the partition needs a column of its own; and within the bounds of a slice, so that the cursor needs a column that compares as it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "core/source.hpp"
#include "core/sync.hpp"
#include "pg/relation.hpp"
#include "pg/transaction.hpp"
#include "worker/catalog.hpp"
#include "worker/table_writer.hpp"

namespace upstream::worker {

// Why rows of the table cannot be told apart as the stream's way of writing needs it; nothing if they can.
[[nodiscard]] std::optional<core::Error> check_scope(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields);

// Some rows of an account: conditions on `t`, whose parameters follow $1, the account.
struct Scope {
    std::string conditions{};
    std::string bounds{};  // of the slice, on the cursor's column alone
    std::vector<std::string> values{};
};

// More rows are missing than may be taken out at once. Nothing is.
struct TooManyMissing {
    std::int64_t found;  // at least
};

class Sweep {
  public:
    Sweep(const core::Stream& stream, const pg::Table& table, const std::vector<core::Field>& fields);

    // The rows that what a page completes replaces.
    [[nodiscard]] Scope replaced_by(const core::Apply& page) const;

    // The field of the cursor's column.
    [[nodiscard]] std::size_t cursor_field() const { return *cursor_field_; }

    // Those of the rows that lie within a scope's bounds. As the owner.
    [[nodiscard]] RowNumbers within(const Scope& scope, const core::Batch& batch, const RowNumbers& rows) const;

    // Deletes all rows of a scope, as the owner; returns their number.
    std::int64_t clear(std::int32_t account_id, const Scope& scope) const;

    // Takes out the rows of a scope that the generation has not met. In the role of the books' keeper. Throws TooManyMissing if they are more than `most`.
    std::int64_t run(const pg::Session& session, Catalog& catalog, const Model& model, const Scope& scope, core::Timestamp generation, std::optional<std::int64_t> most = {}) const;

    // The account's rows that a generation should have met, and their number; for deletions by absence.
    [[nodiscard]] Scope to_be_met(core::Timestamp generation) const;
    [[nodiscard]] std::int64_t count(std::int32_t account_id) const;

  private:
    struct Piece;
    [[nodiscard]] Scope present() const;
    void spare_written_since(Scope& scope, core::Timestamp started_at) const;
    std::int64_t erase(std::int32_t account_id, const Scope& scope, const Piece& piece) const;
    [[nodiscard]] std::string where(const Scope& scope) const;

    pg::Table table_;
    std::vector<std::string> key_;  // columns, without the account's
    std::vector<std::pair<std::string, core::Placeholder>> partition_{};  // column, and what it takes
    std::optional<std::size_t> cursor_field_{};
    std::string cursor_column_{};
    core::Cursor::Type bound_type_ = core::Cursor::Type::integer;
    bool with_time_ = false;
    bool marks_ = false;  // rows are marked, not deleted
};

}  // namespace upstream::worker
