// A batch as text, for pages that wait in the database until what they replace has been read as a whole.
//
// What is kept is rows, not records: columns by name with their values, deletions that records tell of themselves, rows of inner lists. Records
// that made no row were put aside when their page came (but for their keys), and functions of the spec have run.
#pragma once

#include <string>

#include "core/batch.hpp"
#include "core/result.hpp"

namespace upstream::core {

[[nodiscard]] std::string to_json(const Batch& batch, const Layout& layout);

// The batch again. Code::target_busy if its columns are not those of the layout: the target has been altered since.
[[nodiscard]] Result<Batch> batch_from_json(std::string text, const Layout& layout);

}  // namespace upstream::core
