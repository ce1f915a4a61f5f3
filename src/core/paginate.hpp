// The next page of a read, or its end. To add a pagination: its type in source.hpp, its keys in source_stream.cpp, its rule here, and a row in
// test/unit/paginate_test.cpp.
//
// When a read ends (docs/sources.md, "The end of a read"): `done` ends it. cursor, next_url: no token, or has_more is false. link_header: no such
// link. page and offset: has_more or total decide where stated, even if a page is short or empty; else a page shorter than size;
// without a size, an empty page.
#pragma once

#include <optional>
#include <string>

#include "core/build_request.hpp"
#include "core/json.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

// The page after `page`, whose answer is `response` (parsed: `root`) to `url` and held `records` records. Nothing at the end. A next URL that leaves the
// origin of `url` and the source's allowed hosts is an error (Code::shape).
Result<std::optional<Page>> next_page(const Source& source, const Stream& stream, const Page& page, const std::string& url,
                                      const Response& response, json::Value root, std::size_t records);

// The number that a page or offset read sends for a page.
[[nodiscard]] std::int64_t page_number(const Pagination& pagination, const Page& page);

// pagination.total of an answer, if it is stated and a number.
[[nodiscard]] std::optional<std::int64_t> stated_total(const Pagination& pagination, const Response& response, json::Value root);

// The same page with about half the records; numbered pages are counted anew. Nothing if the request has no size that could be halved.
[[nodiscard]] std::optional<Page> shrunk(const Pagination& pagination, const Page& page);

// Whether a condition holds for an answer.
[[nodiscard]] bool holds(const Condition& condition, const Response& response, json::Value root);

}  // namespace upstream::core
