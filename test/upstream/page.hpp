// The answer to a data request: the rows of one page with everything that leads to the next one.
#pragma once

#include <string>
#include <string_view>

#include "http.hpp"
#include "query.hpp"
#include "stream.hpp"

namespace simulator {

struct Page {
    Reply reply;
    std::size_t rows = 0;
};

// `origin` is "http://127.0.0.1:port", `path` the path of the request. `repeat` answers with the token the request
// came with, which sends a trusting client round in circles.
[[nodiscard]] Page make_page(const Stream& stream, const Query& query, const QueryContext& context,
                             std::string_view origin, std::string_view path, bool repeat);

}  // namespace simulator
