// Partitions: the reads that one run of a stream consists of, one for each parent row and each combination of the stream's lists.
//
// A plain stream has a single read whose values are empty. A read's values fill {parent.x}, {parents.x} and {partition.x} of its requests and rows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/account.hpp"
#include "core/json.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "core/text.hpp"

namespace upstream::core {

struct PartitionValues {
    Words lists{};                 // {partition.x}
    std::vector<Words> parents{};  // {parent.x} of the only one; {parents.x} of all, as a JSON list of texts; a missing word is null
    std::map<std::string, json::Kind, std::less<>> kinds{};  // how the parents' words are written in a JSON body; as texts if not stated

    [[nodiscard]] bool empty() const { return lists.empty() && parents.empty(); }

    // The value of {partition.x}, {parent.x} or {parents.x}; nothing for other roots.
    [[nodiscard]] std::optional<std::string> find(const Placeholder& placeholder) const;
};

// Every combination of the stream's lists, in the order of the spec; one empty combination if it has none. Code::invalid_spec if an account's setting
// is not a list.
Result<std::vector<Words>> combinations(const Stream& stream, const Account& account);

// By what partition_state knows the partition of one parent (empty if there is none) and one combination: JSON, its members in order.
[[nodiscard]] std::string partition_id(const Words& parent, const Words& lists);

}  // namespace upstream::core
