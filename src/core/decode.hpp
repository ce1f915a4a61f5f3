// From the body of an answer to a batch of rows, and to what the cursor may learn from them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
};

// Reads the body. Code::not_json with the first bytes if it is not JSON; Code::shape if `records` leads nowhere or to something that is not a list;
// Code::decode for a record without its key or with a cursor value that cannot be read. Positions above `ceiling` do not count as highest: the cursor
// never passes the run's start (I3). `fields` must outlive the batch: their constants are not copied.
Result<Decoded> decode(const Stream& stream, std::span<const Field> fields, std::string body, std::optional<Position> ceiling);

}  // namespace upstream::core
