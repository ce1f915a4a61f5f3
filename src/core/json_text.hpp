// JSON whose strings may hold placeholders: the body of a request, the claims of a token.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "core/text.hpp"

namespace upstream::core {

struct JsonText {
    enum class Kind { literal, text, array, object };
    Kind kind = Kind::literal;
    std::string literal = "null";                           // raw JSON of a number, true, false or null; any JSON once filled in
    Text text{};                                            // a string
    std::vector<JsonText> items{};                          // of an array
    std::vector<std::pair<std::string, JsonText>> members{};  // of an object, as written
};

// The value of a placeholder with the type that it has in JSON. The text of anything but a string is JSON itself.
struct TypedText {
    std::string text;
    json::Kind kind = json::Kind::string;

    [[nodiscard]] std::string as_json() const { return kind == json::Kind::string ? json::quote(text) : text; }
};

// Gives a placeholder's value, or nothing if it has none.
using TypedLookup = std::function<std::optional<TypedText>(const Placeholder&)>;

// The same with each placeholder replaced. A string that is one placeholder takes its value with its type; a member or element whose placeholder has
// no value is left out. Nothing if the whole of it has no value.
[[nodiscard]] std::optional<JsonText> fill_in(const JsonText& json, const TypedLookup& lookup);

// Puts raw JSON at a dotted name ("variables.after"), in place of what is there. Members that are missing on the way are made, and a value on the way
// that is no object gives way to one. Or at the end of a list of names, which may have dots in them.
void set_member(JsonText& object, std::string_view dotted, const std::string& raw);
void set_member(JsonText& object, const std::vector<std::string>& names, const std::string& raw);

// Of what has been filled in: as JSON; as a form, where a list repeats its name.
[[nodiscard]] std::string to_json(const JsonText& filled);
[[nodiscard]] std::string to_form(const JsonText& filled);

}  // namespace upstream::core
