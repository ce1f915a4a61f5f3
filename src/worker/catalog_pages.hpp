// Statements on what pages leave in the books besides their cursor: rejected rows, further counters, what numbers equal rows. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/occurrences.hpp"
#include "worker/catalog_rows.hpp"
#include "worker/written.hpp"

namespace upstream::worker {

class PageCatalog {
  public:
    PageCatalog();

    // A row that was rejected before is counted there, not listed again.
    void reject_rows(const Model& model, const std::vector<core::Reject>& rejects);
    void prune_rejects(double keep_seconds);

    // The targets of a model's inner lists, in the order of `expand`.
    std::vector<Oid> inner_targets(std::int32_t model);
    void set_inner_targets(std::int32_t account, const std::string& stream, const std::vector<std::string>& lists, const std::vector<Oid>& targets);

    // Adds to the counters that save_page() does not know.
    void count(const Model& model, const Written& written);

    // The marks of the records of the slice that is being read, in their order; what was kept from `marks.first` on is replaced.
    void keep_marks(const Model& model, const core::Marks& marks);
    std::vector<core::Marks> kept_marks(std::int32_t model);

  private:
    using Texts = std::vector<std::string>;
    pg::Statement<std::int32_t, std::int64_t, std::vector<std::int32_t>, Texts, Texts, Texts, Texts, Texts, Texts, Texts> reject_rows_;
    pg::Statement<double> prune_rejects_;
    pg::Statement<std::int32_t> inner_targets_;
    pg::Statement<std::int32_t, std::string, Texts, Texts> set_inner_targets_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t> count_;
    pg::Statement<std::int32_t, std::int64_t> drop_marks_;
    pg::Statement<std::int32_t, std::int64_t, std::vector<std::int64_t>> add_marks_;
    pg::Statement<std::int32_t> marks_;
};

}  // namespace upstream::worker
