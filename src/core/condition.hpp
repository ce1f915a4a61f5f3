// Conditions: tests on an answer or a record (docs/sources.md).
#pragma once

#include <vector>

#include "core/json.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Whether the test holds for what its path found: with [*] for at least one of the values. No value counts as null.
[[nodiscard]] bool holds(const Condition& condition, const std::vector<json::Value>& found);

// The same for a path into `record`, or into `root` if it begins with "$". Not for header paths.
[[nodiscard]] bool holds(const Condition& condition, json::Value record, json::Value root);

}  // namespace upstream::core
