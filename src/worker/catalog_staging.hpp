// Statements on what a read leaves behind until it is complete: pages that wait (staged_pages), keys that were met (seen_keys). Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// Where in a model's waiting pages one stands; before the first of them.
struct StagedPlace {
    std::int64_t slice = -1;
    std::int64_t page = 0;
};

class StagingCatalog {
  public:
    StagingCatalog();

    void stage(std::int32_t model, std::int64_t slice, std::string rows);

    // The page that follows a place, which moves on to it; nothing behind the last one.
    std::optional<std::string> next_staged(std::int32_t model, StagedPlace& place);

    // Drops the pages of this slice and of all that follow.
    void unstage(std::int32_t model, std::int64_t from_slice);

    // Keys (worker/write_sql, key_digest()) of rows that the generation has met.
    void see(std::int32_t model, const std::vector<std::string>& keys, Time generation);

    // Those of `keys` that it has not, as indexes.
    std::vector<std::size_t> unseen(std::int32_t model, const std::vector<std::string>& keys, Time generation);

    // Notes that the generation has met a row that cannot be told apart, and whether it has.
    void see_unknown(std::int32_t model, Time generation);
    bool has_seen_unknown(std::int32_t model, Time generation);
    void forget_seen(std::int32_t model);

    // Drops all of it for reads that begin anew.
    void forget_read(const std::vector<std::int32_t>& models);

  private:
    using Texts = std::vector<std::string>;
    pg::Statement<std::int32_t, std::int64_t, pg::Bytes> stage_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t> next_staged_;
    pg::Statement<std::int32_t, std::int64_t> unstage_;
    pg::Statement<std::int32_t, Texts, Time> see_, unseen_;
    pg::Statement<std::int32_t> forget_seen_;
    pg::Statement<std::vector<std::int32_t>> forget_read_;
};

}  // namespace upstream::worker
