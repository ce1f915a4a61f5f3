// Text with placeholders: "/repos/{account.owner}/issues", "{cursor.start|iso}" (docs/sources.md, "Placeholders").
//
// No template language: a closed set of roots, one optional format, no arithmetic, no default, no nesting. Braces that do
// not have the form of a placeholder are text, "{{" is one brace. Braces around word.word with an unknown root are an error that
// names the nearest root; so is a known root with a format that is no name ([a-z][a-z0-9_]*).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.hpp"

namespace upstream::core {

struct Placeholder {
    std::string root;    // account secret cursor parent parents partition page run
    std::string word;    // "start" in {cursor.start|iso}
    std::string format;  // "iso", or "" if none
};

// Gives a placeholder's value, or nothing if it has none.
using Lookup = std::function<std::optional<std::string>(const Placeholder&)>;

class Text {
  public:
    static Result<Text> parse(std::string_view text);

    // A text without placeholders.
    static Text constant(std::string text);

    // The text with every placeholder replaced; nothing if one of them has no value.
    [[nodiscard]] std::optional<std::string> render(const Lookup& lookup) const;

    // The same, with each value passed through `encode` first (constants are not).
    [[nodiscard]] std::optional<std::string> render(const Lookup& lookup,
                                                    std::string (*encode)(std::string_view)) const;

    [[nodiscard]] std::vector<Placeholder> placeholders() const;

    // The placeholder that the text consists of, if it is one and nothing else.
    [[nodiscard]] const Placeholder* only_placeholder() const;

    [[nodiscard]] bool mentions(std::string_view root, std::string_view word) const;
    [[nodiscard]] const std::string& source() const { return source_; }  // as written

  private:
    std::string source_;
    std::vector<std::variant<std::string, Placeholder>> parts_;
};

// The word of `known` that is nearest to `word` by edit distance, if it is near enough to be a slip of the pen.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace upstream::core
