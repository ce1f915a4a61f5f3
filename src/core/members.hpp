// Finds, of each record, the members that a set of paths begins with: in one walk over the record, however many paths there are.
//
// The records of a list have mostly the same members in the same order, so where a name stood in the record before is looked at first. Of members that
// come twice the last one counts, as everywhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.hpp"
#include "core/path.hpp"

namespace upstream::core {

class Members {
  public:
    // From now on members of that name are found; the number they are asked for by. The name must outlive the object.
    std::size_t number_of(std::string_view name);

    // Looks at a record, an object, whose document must outlive the object.
    void look_at(json::Value record);

    // What a path that begins with this member leads to, of the record looked at last; the path has no wildcard.
    [[nodiscard]] std::optional<json::Value> find(std::size_t number, const Path& path) const {
        return found_[number] ? path.find_below(*found_[number]) : found_[number];
    }

  private:
    struct Place {
        std::string_view name;
        std::optional<std::size_t> number;  // none: nobody asks for it
    };
    [[nodiscard]] Place place_of(std::string_view name) const;

    std::unordered_map<std::string_view, std::size_t> numbers_{};
    std::vector<std::optional<json::Value>> found_{};
    std::vector<Place> places_{};  // of the members, as they stood in the records before
};

}  // namespace upstream::core
