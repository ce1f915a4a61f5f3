#include "core/loop_guard.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string>
#include <utility>

namespace upstream::core {
namespace {

constexpr int kMostEmptyPages = 100;

Error loop_error(std::string message) {
    return Error{.code = Code::cursor_loop,
                 .message = std::move(message),
                 .hint = "The read was stopped, because it would never end; the cursor has not moved."};
}

}  // namespace

std::uint64_t mark_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

void LoopGuard::clear() {
    tokens_.clear();
    last_mark_ = 0;
    empty_pages_ = 0;
}

void LoopGuard::asked(const Page& page) {
    if (!page.first()) tokens_.insert(mark_of(page.token));
}

std::optional<Error> LoopGuard::check(const Pagination& pagination, const Page& next, std::uint64_t mark, std::size_t records, bool expected) {
    if (next.pages_before >= pagination.max_pages)
        return Error{.code = Code::page_limit,
                     .message = "the read has more than " + std::to_string(pagination.max_pages) + " pages",
                     .hint = "If the list is that long, raise pagination.max_pages."};
    if (!expected && tokens_.contains(mark_of(next.token))) return loop_error("the upstream gave the same page token twice");
    if (!expected && records > 0 && mark == last_mark_) return loop_error("the upstream answered two pages in a row with the same records");
    last_mark_ = mark;
    empty_pages_ = records > 0 ? 0 : empty_pages_ + 1;
    if (empty_pages_ >= kMostEmptyPages) return loop_error("the upstream answered " + std::to_string(kMostEmptyPages) + " empty pages in a row");
    return std::nullopt;
}

}  // namespace upstream::core
