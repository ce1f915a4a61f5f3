// Batches in the form of Meta's Graph API: several GET requests in one POST, their answers in one list in the same order.
//
//   POST <root>   access_token=...&include_headers=false&batch=[{"method": "GET", "relative_url": "v22.0/1/conversations?...&access_token=..."}, ...]
//   200           [{"code": 200, "headers": [...], "body": "<JSON as a string>"}, null, ...]
//
// Each item carries its own access token, so that requests of many accounts travel together; the first one's is the outer one, which Graph demands but
// does not use for the others. An item that is null was not done: it may be sent again. Everything else in the list is one request's answer, and that request's alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Requests of a source with the same key may share a batch; nothing for one that has to travel alone (a body, another method than GET, HTTP basic).
[[nodiscard]] std::optional<std::string> batch_key(const Source& source, const Request& request);

// One request for all of these, which have the same key. Answers' headers are asked for only if the spec reads some.
[[nodiscard]] Request encode_batch(const Source& source, std::span<const Request* const> items);

// The items' answers, in order; nothing for those that were not done. An Error if that is not an answer to `count` items.
[[nodiscard]] Result<std::vector<std::optional<Response>>> decode_batch(const Response& answer, std::size_t count);

}  // namespace upstream::core
