// One page while it is being applied: what becomes of its rows, and which are put aside. Part of worker/apply.
#pragma once

#include <string>
#include <vector>

#include "worker/apply.hpp"

namespace upstream::worker {

// All of the rows of a batch, by their numbers.
[[nodiscard]] RowNumbers all_of(std::size_t count);

// What all pages that are written because of one have in common.
struct Applier::Work {
    const pg::Session* session;  // null: see Applier::apply
    Catalog& catalog;
    const Model& model;
    const core::Account& account;
    const core::Apply& what;
    Care care;
};

// One page while it is being applied.
class Applier::Page {
  public:
    Page(const core::Account& account, const core::Batch& batch, std::int32_t account_id, Care care);

    // What the transform makes of the page's records. A record that it fails on is put aside.
    core::Batch transform(Transform& transform, const core::Layout& layout, const std::string& context, const core::Lookup& lookup);

    // Adds what making rows found bad.
    void take_rejects(const core::Batch& batch);

    [[nodiscard]] bool rejected(std::size_t record, const std::string& list) const;

    void replace_inner(Target& target, const core::Batch& batch, const RowNumbers& rows, const RowNumbers& heads);

    // Writes these rows of a batch, as the owner of their table. Returns those that were written.
    // `outer`: of an inner list, the records of the outer rows that core::Batch::origin names.
    RowNumbers write(Target& target, const core::Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer = nullptr);

    // Takes out the rows whose keys a batch holds.
    void erase(Target& target, const core::Batch& batch);

    // Those of a batch's rows whose keys the target has, by their digests; also of rows that do not fit otherwise.
    std::vector<std::string> known_keys(Target& target, const core::Batch& batch);

    // Those of a batch's rows that lie within a slice; one that does not say where it lies is put aside.
    RowNumbers within(Target& target, const core::Batch& batch, const Sweep& sweep, const Scope& scope);

    // Whether records were put aside of which nobody knows which rows they would have made.
    [[nodiscard]] bool lost_records() const { return lost_records_; }

    [[nodiscard]] Written& written() { return written_; }
    [[nodiscard]] const std::vector<core::Reject>& rejects() const { return rejects_; }

  private:
    template <class Write>
    RowNumbers carefully(Target& target, const core::Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer, const Write& write);

    core::Batch rows_of(const Transform::Made& made, const core::Layout& layout, const core::Lookup& lookup) const;

    core::Reject reject_of_record(const Misfit& misfit) const;

    // What a column's type refuses is found without writing anything.
    void drop_bad_cells(const Target& target, const core::Batch& batch, RowNumbers& rows, const std::vector<std::size_t>* outer);

    // The rows that an error's detail speaks of.
    static RowNumbers suspects(const Target& target, const core::Batch& batch, const pg::Error& error, const RowNumbers& rows);

    static core::Reject reject_of(const Target& target, const core::Batch& batch, const std::vector<std::size_t>* outer, std::size_t row, const pg::Error& error, std::string column = {});

    void add(core::Reject reject);

    const core::Account& account_;
    const core::Batch& batch_;
    std::int32_t account_id_;
    Care care_;
    std::size_t most_;
    Written written_{};
    std::vector<core::Reject> rejects_{};
    bool lost_records_ = false;
};

}  // namespace upstream::worker
