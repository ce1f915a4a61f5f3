// What an answer means: the first response rule that holds, the stream's before the source's, then the built-in ones.
#pragma once

#include <memory>

#include "core/json.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

struct Reaction {
    ResponseRule::Do action = ResponseRule::Do::ok;
    Error error{};              // for every action that is not a success
    bool by_rule = false;       // the spec said so
    bool not_modified = false;  // 304: nothing is new
};

// Reads an answer's body. With `response: "jsonl"` the records of all lines form one list. Code::not_json with the first bytes if it is neither.
Result<std::shared_ptr<const json::Document>> read_body(const Stream& stream, std::string body);

// `body` is null where the body is no JSON; then the text `beginning` of it is what "$" stands for.
[[nodiscard]] Reaction react(const Source& source, const Stream& stream, const Response& response, const json::Document* body,
                             const std::string& beginning);

}  // namespace upstream::core
