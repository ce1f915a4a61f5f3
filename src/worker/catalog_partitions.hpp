// Statements on partition_state: what is known of each parent and list value that a stream is read for. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// A partition that was asked about and is open, by its place in the question.
struct OpenPartition {
    std::size_t index = 0;
    bool known = false;
    std::optional<std::string> cursor{};
    std::string validator{};  // JSON
};

class PartitionCatalog {
  public:
    PartitionCatalog();

    // Of `asked` (JSON: [{"id": ..., "seen": ...}, ...]) those that are not done since `since` and, with only_changed, have another `seen` than at their last
    // read; in the order of the question.
    std::vector<OpenPartition> open_partitions(std::int32_t model, const std::string& asked, Time since, bool only_changed);

    // Partitions (JSON as above) are read. `skipped`: only that they are done is noted.
    void finish_partitions(std::int32_t model, const std::string& done, const std::optional<std::string>& cursor, const std::string& validator, Time done_at,
                           bool skipped);

    // A stream that an account keeps.
    struct KeptStream {
        std::int32_t model;
        Oid target;
    };
    std::optional<KeptStream> kept_stream(std::int32_t account, const std::string& stream);

    // The target of another stream of the same account; nothing if the account does not keep it.
    std::optional<Oid> target_of(std::int32_t account, const std::string& stream);

  private:
    pg::Statement<std::int32_t, pg::Json, Time, bool> open_;
    pg::Statement<std::int32_t, pg::Json, std::optional<std::string>, pg::Json, Time, bool> finish_;
    pg::Statement<std::int32_t, std::string> kept_stream_;
};

}  // namespace upstream::worker
