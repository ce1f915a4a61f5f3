#include "core/condition.hpp"

#include <algorithm>
#include <cstdlib>

namespace upstream::core {
namespace {

// Whether a value is the same as a scalar that a spec states as JSON.
bool same(json::Value value, const std::string& stated) {
    switch (value.kind()) {
        case json::Kind::null: return stated == "null";
        case json::Kind::boolean: return stated == value.text();
        case json::Kind::number: {
            const std::string text{value.text()};
            if (text == stated) return true;
            char* end = nullptr;
            const double number = std::strtod(stated.c_str(), &end);
            return end != stated.c_str() && *end == '\0' && number == std::strtod(text.c_str(), nullptr);
        }
        case json::Kind::string: {
            if (stated.empty() || stated.front() != '"') return false;
            if (stated == value.raw()) return true;
            const auto document = json::Document::parse(stated);
            return document && document->root().text() == value.text();
        }
        default: return false;
    }
}

bool is_one_of(json::Value value, const std::vector<std::string>& stated) {
    return std::any_of(stated.begin(), stated.end(), [&](const std::string& each) { return same(value, each); });
}

// A string with this part, or a list with this member.
bool contains(json::Value value, const std::string& part) {
    if (value.is_array())
        return std::any_of(value.begin(), json::Value::end(), [&](json::Value member) { return member.text() == part; });
    return value.is_string() && value.text().find(part) != std::string_view::npos;
}

}  // namespace

bool holds(const Condition& condition, const std::vector<json::Value>& found) {
    const auto any = [&](auto&& test) { return std::any_of(found.begin(), found.end(), test); };
    if (condition.exists) return any([](json::Value value) { return !value.is_null(); }) == *condition.exists;
    if (condition.contains) return any([&](json::Value value) { return contains(value, *condition.contains); });
    const auto lists_null = [](const std::vector<std::string>& stated) { return std::find(stated.begin(), stated.end(), "null") != stated.end(); };
    if (condition.in) return found.empty() ? lists_null(*condition.in) : any([&](json::Value value) { return is_one_of(value, *condition.in); });
    if (condition.not_in)
        return found.empty() ? !lists_null(*condition.not_in) : any([&](json::Value value) { return !is_one_of(value, *condition.not_in); });
    return false;
}

bool holds(const Condition& condition, json::Value record, json::Value root) {
    const json::Value from = condition.path.root() == Path::Root::document ? root : record;
    if (condition.path.has_wildcard()) return holds(condition, condition.path.find_all(from));
    const auto value = condition.path.find(from);
    return holds(condition, value ? std::vector<json::Value>{*value} : std::vector<json::Value>{});
}

}  // namespace upstream::core
