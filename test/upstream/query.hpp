// What a data request asks for: its query parameters, and the opaque tokens in which a page hands on its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stream.hpp"
#include "text.hpp"

namespace simulator {

enum class Paging : std::uint8_t { none, cursor, page, offset, link, next };

[[nodiscard]] std::optional<Paging> parse_paging(std::string_view name);

struct Query {
    Wanted wanted;
    bool bare = false;      // the answer is the array itself
    bool relative = false;  // next URLs without scheme and host
    std::string token;      // the token this request came with, if it did
};

// What surrounds a query: the model it is for, and which tokens are good.
struct QueryContext {
    std::string_view model;  // "account/stream"; a token is good for its own model only
    Paging paging = Paging::none;
    std::int64_t max_limit = 1000;
    std::uint64_t token_generation = 0;
};

// Fills in `query` and answers 0, or the status to refuse with and why.
int parse_query(const Parameters& parameters, const QueryContext& context, Query& query, std::string& problem);

// A keyset token that continues behind `last`: filters and place, so that rows moving meanwhile do no harm.
[[nodiscard]] std::string make_token(const QueryContext& context, const Wanted& wanted, const Position& last);

// Order, filters and limit as query parameters, for the URL of a first page.
[[nodiscard]] std::string filter_parameters(const Wanted& wanted);

}  // namespace simulator
