// `transform`: a SQL function of the user that makes records of records. schema.f(record jsonb, context jsonb) returns setof jsonb: no row drops the
// record, several split it. One statement a page; as the target's owner, whose role the caller takes on.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

// "schema.function" as the spec writes it, quoted.
[[nodiscard]] std::string quoted_function(const std::string& written);

class Transform {
  public:
    explicit Transform(const std::string& function);

    // What becomes of these records (numbers into batch.records): each text with the number that it comes from, in order.
    using Made = std::vector<std::pair<std::size_t, std::string>>;
    Made run(const core::Batch& batch, const std::vector<std::size_t>& numbers, const std::string& context);

  private:
    pg::Statement<std::vector<std::string>, pg::Json> statement_;
};

}  // namespace upstream::worker
