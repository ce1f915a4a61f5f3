// A batch: the rows of one page as columns of text, ready for the types of their table.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/json.hpp"
#include "core/path.hpp"
#include "core/time.hpp"

namespace upstream::core {

// How one column of the target is filled. Made from the spec and the table by worker/target.
struct Field {
    std::string column;
    std::vector<Path> paths{};               // the first with a value counts
    std::optional<std::string> constant{};   // instead of paths
    std::optional<TimeFormat> format{};      // epoch and epoch_ms become ISO text
    bool json = false;                       // the column holds JSON: strings keep their quotes
    bool whole = false;                      // the column takes the whole record
    bool key = false;                        // part of the primary key: must have a value
};

using Values = std::vector<std::optional<std::string_view>>;

struct Batch {
    std::vector<Values> columns{};  // one per Field, each with `rows` values
    std::size_t rows = 0;

    // What the views point into, besides the constants of the Fields.
    std::shared_ptr<const json::Document> document{};
    std::list<std::string> made{};  // they stay where they are when a batch is moved, and a list is moved without a copy even by a vector that grows
};
static_assert(std::is_nothrow_move_constructible_v<Batch>, "a vector that grows would copy batches, whose views would point into what it frees");

}  // namespace upstream::core
