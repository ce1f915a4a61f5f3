// Walks a JSON object that a person wrote, and collects everything that is wrong with it.
//
// An unknown key is a problem, never ignored: a misspelt key would otherwise lose rows in silence. A getter reports what it does not
// like and then returns nothing, so that reading goes on and a person sees all problems at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Where something stands.
struct Where {
    std::string path;          // "$.streams.orders"
    const char* at = nullptr;  // in the document's text, for sorting
};

// A value and where it stands.
struct Node {
    json::Value value;
    Where where;
};

[[nodiscard]] Node root_node(json::Value value);

// Members in document order; of a repeated member only the last, which is the one that counts.
[[nodiscard]] std::vector<Node> members(const Node& object);

[[nodiscard]] std::vector<Node> elements(const Node& array);

// The problems found so far.
class Problems {
  public:
    void add(const Where& where, std::string message, std::string hint = {});
    void add(const Where& where, const Error& error);  // with its detail where it has no hint
    void warn(const Where& where, std::string message, std::string hint = {});

    // How many are not just warnings. A part is fit for cross checks if this did not grow while it was read.
    [[nodiscard]] std::size_t errors() const { return errors_; }

    // All of them in document order. What was found twice, because streams share their defaults, is told once.
    [[nodiscard]] std::vector<Problem> in_order() const;

  private:
    struct Entry {
        const char* at;
        Problem problem;
    };
    std::vector<Entry> entries_;
    std::size_t errors_ = 0;
};

// "\"a\", \"b\" or \"c\""
[[nodiscard]] std::string list_words(const std::vector<std::string>& words, std::string_view last_joint);

// "Perhaps you meant \"pagination\"." or "".
[[nodiscard]] std::string perhaps(std::string_view word, const std::vector<std::string>& known);

// A JSON number's value if it is an integer (1, 1.0 and 1e2 are) that fits.
[[nodiscard]] std::optional<std::int64_t> integer_of(json::Value value);

// What a number may be.
struct Range {
    double least = 0;
    double most = std::numeric_limits<double>::max();
    bool open = false;  // `least` itself is not in it

    [[nodiscard]] bool holds(double number) const;
    [[nodiscard]] std::string demand() const;  // "must be from 0 to 1"
};

// Getters for a value that may stand anywhere. Nothing, and a problem, if it is not of the kind asked for.
[[nodiscard]] std::optional<std::string> read_string(const Node& node, Problems& problems);
[[nodiscard]] std::optional<bool> read_boolean(const Node& node, Problems& problems);
[[nodiscard]] std::optional<double> read_number(const Node& node, Problems& problems);
[[nodiscard]] std::optional<std::int64_t> read_integer(const Node& node, Problems& problems, std::int64_t least,
                                                       std::int64_t most = std::numeric_limits<std::int64_t>::max());
[[nodiscard]] bool expect_object(const Node& node, Problems& problems);
[[nodiscard]] bool expect_array(const Node& node, Problems& problems, std::size_t least_size);

// A list of strings.
[[nodiscard]] std::optional<std::vector<std::string>> read_strings(const Node& node, Problems& problems, std::size_t least_size);

using WordList = std::initializer_list<std::string_view>;

class ObjectReader {
  public:
    // `object` must be an object. A member that it lacks is looked for in `fallback`.
    ObjectReader(Node object, Problems& problems, const ObjectReader* fallback = nullptr);

    // Reports every member that is not in `known`. `elsewhere` are keys that like objects of another type have, and `type` says what
    // this one is.
    void allow(std::span<const std::string_view> known, std::span<const std::string_view> elsewhere = {}, std::string_view type = {}) const;
    void allow(WordList known, std::span<const std::string_view> elsewhere = {}, std::string_view type = {}) const {
        allow(std::span<const std::string_view>{known.begin(), known.size()}, elsewhere, type);
    }

    [[nodiscard]] const Where& where() const { return object_.where; }

    [[nodiscard]] std::optional<Node> find(std::string_view key) const;

    // The same, and a problem if there is none.
    [[nodiscard]] std::optional<Node> require(std::string_view key) const;

    [[nodiscard]] std::optional<std::string> string(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                                      std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;

    [[nodiscard]] std::optional<double> number(std::string_view key, Range range) const;

    template <class Value>
    struct Choice {
        std::string_view word;
        Value value;
    };

    // What the member's word stands for.
    template <class Value>
    [[nodiscard]] std::optional<Value> choice(std::string_view key, std::initializer_list<Choice<Value>> choices) const {
        const std::optional<std::string> word = string(key);
        if (!word) return std::nullopt;
        std::vector<std::string> words;
        for (const Choice<Value>& choice : choices) {
            if (choice.word == *word) return choice.value;
            words.emplace_back(choice.word);
        }
        refuse_word(key, *word, words);
        return std::nullopt;
    }

  private:
    void refuse_word(std::string_view key, const std::string& word, const std::vector<std::string>& words) const;

    Node object_;
    Problems* problems_;
    const ObjectReader* fallback_;
};

}  // namespace upstream::core
