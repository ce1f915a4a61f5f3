// Keys of the grammar that read_source() understands and that nothing carries out yet.
//
// A spec that uses one is valid, but no source is made of it: a key that is ignored would lose rows in silence.
#pragma once

#include <vector>

#include "core/json.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Each such key that the spec states, in document order.
[[nodiscard]] std::vector<Problem> pending_keys(json::Value spec);

}  // namespace upstream::core
