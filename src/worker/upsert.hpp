// Upsert: one statement a page that writes only the rows that differ, and counts truthfully.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/source.hpp"
#include "pg/relation.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

struct Written {
    std::int64_t inserted = 0;
    std::int64_t updated = 0;
    std::int64_t unchanged = 0;  // already there with the same values; rows that a later row of the page replaces do not count
};

class Upsert {
  public:
    Upsert(const core::Stream& stream, const pg::Table& table, std::vector<core::Field> fields);

    // Writes the batch in the caller's transaction and role. A value that its column cannot hold raises an error of Postgres with record and column named.
    Written write(std::int32_t account_id, const core::Batch& batch);

    [[nodiscard]] const std::string& sql() const { return sql_; }

  private:
    struct Column {
        std::string name;
        Oid type;
        std::int32_t typmod;
    };
    std::vector<Column> columns_;
    std::string sql_;
    std::unique_ptr<pg::Plan> plan_;
};

}  // namespace upstream::worker
