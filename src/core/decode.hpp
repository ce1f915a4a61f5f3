// From the body of an answer to a batch of rows, and to what the cursor may learn from them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/batch.hpp"
#include "core/cursor.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

struct Decoded {
    Batch batch{};
    std::shared_ptr<const json::Document> document{};
    std::size_t records = 0;

    // Positions of the records that have one, in page order.
    std::optional<Position> first{}, last{}, lowest{}, highest{};
    bool ascending = true;   // no record is lower than the one before it
    bool descending = true;  // no record is higher than the one before it
    std::size_t beyond = 0;  // how many lie beyond `insane`, of
    std::size_t placed = 0;  // those that have a position
    std::optional<std::string> first_opaque{}, last_opaque{};  // for a cursor of type opaque
};

// What positions are measured by: above `ceiling` they do not count as highest, because the cursor never passes the run's start (I3); beyond `insane` no
// honest clock can be.
struct Measure {
    std::optional<Position> ceiling{}, insane{};
};

// Reads the records of an answer. Code::shape if `records` leads nowhere or to something that is not a list. A record without its key, or with a time
// or a cursor value that cannot be read, is rejected (Batch::rejects). `lookup` gives the values of placeholders in columns.
Result<Decoded> decode(const Stream& stream, const Layout& layout, std::shared_ptr<const json::Document> document, const Measure& measure, const Lookup& lookup);

// The same from the body. Code::not_json with the first bytes if it is not JSON.
Result<Decoded> decode(const Stream& stream, const Layout& layout, std::string body, std::optional<Position> ceiling, const Lookup& lookup);

}  // namespace upstream::core
