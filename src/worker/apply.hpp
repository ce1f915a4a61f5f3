// Applies one page to its target, inside an open transaction: what becomes of its rows, and of those that do not fit.
//
// The caller decides what is committed together, moves the cursor and checks the fence (worker/writer). Rows are written as the owner of their table,
// the books are kept as upstream_worker, which is the role that apply() is called in.
//
// A page is first tried hopefully, as one statement: a row that does not fit then raises, and with it the whole transaction is lost. The second time, each
// row counts: bad ones go to rejected_rows, and the others are written. Where more than a few are bad (upstream.rejected_threshold), not the rows but our
// idea of them is wrong: the page is refused as schema drift, and nothing is lost.
//
// A stream that replaces rows (write replace, replace_window) is written when what it replaces, a read or a slice, has been read as a whole: till then its
// pages wait in upstream.staged_pages, in the commit of their page, and the last one brings all of it into the target, in its transaction: readers see what
// was there before, or what is there now. Pages that wait are read back one by one. Rows that have a key are compared: gone ones are taken out first (worker/sweep),
// then those that differ are written. Rows without one are all taken out and added. If that fails because of a row, the slice is read again, for the
// upstream may have mended it.
//
// Deletions by absence: each page of a full run notes the keys that it met, of rows that do not fit, too; at the run's end the account's other rows are
// taken out, unless they are too many, or somebody else wrote them since, or a record was put aside of which nobody knows which row it is.
//
//   records --> transform, if the stream has one --> rows of the target --> rows of inner lists --> deletions told --> after_page, all in the caller's
//   transaction
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/account.hpp"
#include "core/batch.hpp"
#include "core/source.hpp"
#include "core/sync.hpp"
#include "pg/relation.hpp"
#include "pg/transaction.hpp"
#include "worker/catalog.hpp"
#include "worker/halving.hpp"
#include "worker/sweep.hpp"
#include "worker/table_writer.hpp"
#include "worker/transform.hpp"
#include "worker/written.hpp"

namespace upstream::worker {

enum class Care { hopeful, each_row };

// What a stream writes to.
struct Targets {
    pg::Table main{};
    std::vector<pg::Table> inner{};  // in the order of `expand`
    std::vector<pg::Table> told{};   // whose rows the records say are gone, in the order of Layout::deletions
    bool operator==(const Targets&) const = default;
};

// The records have members that the target has no columns for, and the stream wants them (on_new_field). Nothing was written; the caller adds them with
// add_columns() in a transaction of its own, and reads the page again.
struct NewColumns {
    std::vector<std::pair<std::string, std::string>> columns;  // name, type
};

// The page cannot be applied, whatever is tried.
struct PageRefused {
    core::Error error;
    bool staged_is_void = false;  // what waited cannot be used
};

class Applier {
  public:
    // Raises if a column's type cannot be written.
    Applier(const core::Stream& stream, const Targets& targets, core::Layout layout);

    // `account`: its settings are for the transform; its secrets are never shown. `session`: whose transaction is open (null where
    // nothing is written as a whole, for a transaction that is none of ours); what is written as a whole may take
    // upstream.write_timeout for each of its pieces, and holds the model's lease with a lock meanwhile. Throws PageRefused, NewColumns, LeaseLost.
    Written apply(const pg::Session* session, Catalog& catalog, const Model& model, const core::Account& account, const core::Apply& page, Care care);

    // Writes rows that are ready by the statement, in the caller's role: for worker/bulk.
    Written write(std::int32_t account_id, const core::Batch& batch);

    // The rows that a transform makes of a page's records, as apply() would write them. As upstream_worker or whoever may become the owner.
    core::Batch transformed(const Model& model, const core::Account& account, const core::Apply& page);

    // Adds columns, as the target's owner. In a transaction of their own, for the target is locked until its end.
    void add_columns(const NewColumns& wanted);

    [[nodiscard]] const core::Layout& layout() const { return layout_; }
    [[nodiscard]] const std::string& sql() const { return main_.writer.sql(); }

  private:
    struct Target {
        std::string list;  // name of the inner list, "" for the stream's own target
        Oid owner;
        TableWriter writer;
    };
    class Page;

    struct Work;
    void write_rows(Page& page, const core::Batch& batch, RowNumbers rows);
    void run_after_page(const Work& work);
    Written settle(Work& work, Page& page);
    Written replace(Work& work, Page& page, const core::Batch& batch);
    void see(Work& work, Page& page, const core::Batch& batch);
    Written take_out_missing(Work& work);
    Written take_out(Work& work, Page& page, const core::Batch& batch, const Scope& scope);
    void write_within(Work& work, Page& page, const core::Batch& batch, const Scope& scope);
    template <class Visit>
    void for_each_staged(Work& work, const Visit& visit);
    void check_new_members(const core::Batch& batch) const;
    void write_inner(Page& page, const core::Batch& batch, const RowNumbers& rows);
    void delete_told(Page& page, const core::Batch& batch);

    core::Stream stream_;
    core::Layout layout_;      // of the page
    core::Layout row_layout_;  // of what the transform gives; the same without one
    std::string table_;
    std::size_t columns_ = 0;
    Target main_;
    std::vector<Target> inner_;
    std::vector<Target> told_;
    std::optional<Sweep> sweep_;  // of a stream that replaces, or deletes by absence
    std::optional<Transform> transform_;
    std::optional<pg::Statement<std::int32_t, std::int64_t>> after_page_;
};

}  // namespace upstream::worker
