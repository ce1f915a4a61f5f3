// JSON whose strings may hold placeholders: the body of a request, the claims of a token.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/text.hpp"

namespace upstream::core {

struct JsonText {
    enum class Kind { literal, text, array, object };
    Kind kind = Kind::literal;
    std::string literal = "null";                           // raw JSON of a number, true, false or null
    Text text{};                                            // a string
    std::vector<JsonText> items{};                          // of an array
    std::vector<std::pair<std::string, JsonText>> members{};  // of an object, as written
};

}  // namespace upstream::core
