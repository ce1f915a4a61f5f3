#include "core/members.hpp"

#include <algorithm>

namespace upstream::core {

std::size_t Members::number_of(std::string_view name) {
    const auto [known, is_new] = numbers_.try_emplace(name, found_.size());
    if (is_new) found_.emplace_back();
    return known->second;
}

Members::Place Members::place_of(std::string_view name) const {
    const auto known = numbers_.find(name);
    return {.name = name, .number = known == numbers_.end() ? std::nullopt : std::optional(known->second)};
}

void Members::look_at(json::Value record) {
    std::fill(found_.begin(), found_.end(), std::nullopt);
    std::size_t at = 0;
    for (const json::Value member : record) {
        if (at == places_.size()) {
            places_.push_back(place_of(member.key()));
        } else if (places_[at].name != member.key()) {
            places_[at] = place_of(member.key());
        }
        if (const auto number = places_[at].number) found_[*number] = member;
        ++at;
    }
}

}  // namespace upstream::core
