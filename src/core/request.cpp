// Looks up headers of an answer; see request.hpp.
#include "core/request.hpp"

#include <algorithm>

namespace upstream::core {
namespace {

// ASCII only, whatever the locale: header names have no other letters.
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, {}, [](char c) { return lower(c); }, [](char c) { return lower(c); });
}

}  // namespace

std::optional<std::string_view> Response::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (same_name(key, name)) return value;
    return std::nullopt;
}

std::vector<std::string> Response::all_headers(std::string_view name) const {
    std::vector<std::string> values;
    for (const auto& [key, value] : headers)
        if (same_name(key, name)) values.push_back(value);
    return values;
}

}  // namespace upstream::core
