// Paths: where in an answer a value sits (docs/sources.md, "Paths").
//
//   "$..."        from the whole answer          $.data   $.items[0]['odd name']   $.data[-1].id   $.list[*].id
//   "name..."     from the current record        user.uuid   @   @['odd name']
//   "header:Name" a header of the answer
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.hpp"
#include "core/result.hpp"

namespace upstream::core {

class Path {
  public:
    enum class Root { document, record, header };

    static Result<Path> parse(std::string_view text);

    [[nodiscard]] Root root() const { return root_; }
    [[nodiscard]] bool has_wildcard() const { return has_wildcard_; }
    [[nodiscard]] const std::string& text() const { return text_; }          // as written
    [[nodiscard]] const std::string& header() const { return header_; }      // name, if root() is header
    [[nodiscard]] std::string_view member() const;                           // that a record path begins with; "" for "@", lists and other roots

    // The names that lead from the record to a member, one inside the other; nothing for any other path.
    [[nodiscard]] std::optional<std::vector<std::string>> names() const;

    // Follows the steps from `from`: the first value, if any. A missing member, an index outside and a step into a
    // scalar are no value, never an error. Not for header paths.
    [[nodiscard]] std::optional<json::Value> find(json::Value from) const;

    // The same for who has the first member, member(), already; without wildcards.
    [[nodiscard]] std::optional<json::Value> find_below(json::Value member) const {
        return steps_.size() == 1 ? std::optional(member) : follow(member, 1);
    }

    // All values in document order, for paths with [*]; of an object's repeated members the last.
    [[nodiscard]] std::vector<json::Value> find_all(json::Value from) const;

  private:
    struct Wildcard {};
    using Step = std::variant<std::string, std::ptrdiff_t, Wildcard>;
    [[nodiscard]] std::optional<json::Value> follow(json::Value from, std::size_t first_step) const;

    Root root_ = Root::document;
    std::string text_;
    std::string header_;
    std::vector<Step> steps_;
    bool has_wildcard_ = false;
};

}  // namespace upstream::core
