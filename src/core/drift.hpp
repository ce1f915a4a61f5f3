// Drift: rows that change their place while a list is read by number, so that some of them slip past us (pagination.drift).
//
//   offset, overlap        each page begins with the last record of the one before. If none of that one's last records comes again, rows have moved up:
//                          one page back, at most three times in a row, then the slice begins anew.
//                          Pages of a single record cannot overlap.
//   page, overlap          after a page the one before it is read once more, because rows that moved up lie there now; where the answers state a total, only
//                          when it has changed. If none of its last records is there any more, rows have moved further: the slice begins anew.
//   restart_slice          the slice begins anew when the total or the overlap shows that rows have moved.
//
// What is read twice is written once. How often a slice may begin anew is for the caller to bound.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/batch.hpp"
#include "core/build_request.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Marks by which the records of a page are known again: hashes of their keys, or of all that they hold if they have none.
[[nodiscard]] std::vector<std::uint64_t> record_marks(const Batch& batch, std::span<const Field> fields);

struct Turn {
    std::optional<Page> next{};  // nothing: the slice is complete
    bool restart = false;        // or it has to begin anew
};

// Whether a stream's lists are watched for drift.
[[nodiscard]] bool minds_drift(const Pagination& pagination);

// What follows page `here`, whose records are `marks`, where pagination alone says `next`.
[[nodiscard]] Turn mind_drift(const Pagination& pagination, const Page& here, std::optional<Page> next, const std::vector<std::uint64_t>& marks,
                              std::optional<std::int64_t> total);

}  // namespace upstream::core
