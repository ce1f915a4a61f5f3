// The reasons to stop a slice that would not end by itself: a page token that comes again, a page that repeats, a hundred empty pages, too many pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "core/build_request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

class LoopGuard {
  public:
    // For a new slice.
    void clear();

    // A page is asked for.
    void asked(const Page& page);

    // A page of `records` records with the body's `mark` was answered, and `next` follows. Numbered pages that are read again because of drift are `expected` to
    // repeat. Code::page_limit or cursor_loop if it is time to stop.
    [[nodiscard]] std::optional<Error> check(const Pagination& pagination, const Page& next, std::uint64_t mark, std::size_t records, bool expected);

  private:
    std::unordered_set<std::uint64_t> tokens_;  // hashes
    std::uint64_t last_mark_ = 0;
    int empty_pages_ = 0;
};

// A hash by which the same bytes are recognised (XXH3).
[[nodiscard]] std::uint64_t mark_of(std::string_view bytes);

}  // namespace upstream::core
