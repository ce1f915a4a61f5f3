// Implementation of the reader for JSON that a person wrote.
#include "core/spec_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/text.hpp"

namespace upstream::core {

namespace {

// Longer lists of known keys do not help anybody who has just misspelt one.
constexpr std::size_t kListedKeys = 12;

bool is_plain_name(std::string_view name) {
    if (name.empty()) return false;
    bool first = true;
    for (const char byte : name) {
        const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
                            static_cast<unsigned char>(byte) >= 0x80;
        if (!letter && (first || byte < '0' || byte > '9')) return false;
        first = false;
    }
    return true;
}

// The path of a member, in the grammar's own notation.
std::string member_path(const std::string& object, std::string_view name) {
    if (is_plain_name(name)) return object + "." + std::string(name);
    std::string path = object + "['";
    for (const char byte : name) {
        if (byte == '\'' || byte == '\\') path += '\\';
        path += byte;
    }
    return path + "']";
}

Node member_node(const Where& object, json::Value value, std::string_view name) {
    return {value, {member_path(object.path, name), value.raw().data()}};
}

std::optional<double> number_of(json::Value value) {
    if (value.kind() != json::Kind::number) return std::nullopt;
    const std::string_view text = value.text();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Node root_node(json::Value value) { return {value, {"$", value.raw().data()}}; }

std::vector<Node> members(const Node& object) {
    std::vector<Node> nodes;
    std::unordered_map<std::string_view, std::size_t> places;
    for (const json::Value value : object.value) {
        Node node = member_node(object.where, value, value.key());
        const auto [place, is_new] = places.emplace(value.key(), nodes.size());
        if (is_new) {
            nodes.push_back(std::move(node));
        } else {
            nodes[place->second] = std::move(node);
        }
    }
    return nodes;
}

std::vector<Node> elements(const Node& array) {
    std::vector<Node> nodes;
    for (const json::Value value : array.value)
        nodes.push_back({value, {array.where.path + "[" + std::to_string(nodes.size()) + "]", value.raw().data()}});
    return nodes;
}

void Problems::add(const Where& where, std::string message, std::string hint) {
    entries_.push_back({where.at, {where.path, std::move(message), std::move(hint)}});
    ++errors_;
}

void Problems::add(const Where& where, const Error& error) {
    // A problem has no detail. Where there is no hint, the detail is the best help.
    std::string hint = error.hint.empty() ? error.detail : error.hint;
    if (!hint.empty() && hint[0] >= 'a' && hint[0] <= 'z') hint[0] = static_cast<char>(hint[0] - 'a' + 'A');
    if (!hint.empty() && hint.back() != '.') hint += '.';
    add(where, error.message, std::move(hint));
}

void Problems::warn(const Where& where, std::string message, std::string hint) {
    entries_.push_back({where.at, {where.path, std::move(message), std::move(hint), true}});
}

std::vector<Problem> Problems::in_order() const {
    std::vector<Entry> sorted = entries_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Entry& a, const Entry& b) { return std::less<const char*>{}(a.at, b.at); });
    std::set<std::pair<std::string, std::string>> told;
    std::vector<Problem> problems;
    for (Entry& entry : sorted) {
        if (told.emplace(entry.problem.path, entry.problem.message).second) problems.push_back(std::move(entry.problem));
    }
    return problems;
}

std::string list_words(const std::vector<std::string>& words, std::string_view last_joint) {
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) list += i + 1 == words.size() ? std::string(last_joint) : std::string(", ");
        list += "\"" + words[i] + "\"";
    }
    return list;
}

std::string perhaps(std::string_view word, const std::vector<std::string>& known) {
    const std::optional<std::string> near = nearest(word, known);
    return near ? "Perhaps you meant \"" + *near + "\"." : std::string{};
}

bool Range::holds(double number) const { return (open ? number > least : number >= least) && number <= most; }

std::string Range::demand() const {
    const auto written = [](double number) {
        std::array<char, 32> digits{};
        const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
        return std::string(digits.data(), end);
    };
    const std::string low = (open ? "greater than " : "at least ") + written(least);
    if (most == std::numeric_limits<double>::max()) return "must be " + low;
    return open ? "must be " + low + " and at most " + written(most) : "must be from " + written(least) + " to " + written(most);
}

std::optional<std::int64_t> integer_of(json::Value value) {
    if (value.kind() != json::Kind::number) return std::nullopt;
    const std::string_view text = value.text();
    std::int64_t integer = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
    if (error == std::errc{} && end == text.data() + text.size()) return integer;
    // With a fraction or an exponent: exact in a double, or not an integer anybody meant.
    if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
    const std::optional<double> number = number_of(value);
    constexpr double kExact = 9007199254740992.0;
    if (!number || std::trunc(*number) != *number || std::fabs(*number) > kExact) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

std::optional<std::string> read_string(const Node& node, Problems& problems) {
    if (node.value.is_string()) return std::string(node.value.text());
    problems.add(node.where, "must be a string");
    return std::nullopt;
}

std::optional<bool> read_boolean(const Node& node, Problems& problems) {
    if (node.value.kind() == json::Kind::boolean) return node.value.text() == "true";
    problems.add(node.where, "must be true or false");
    return std::nullopt;
}

std::optional<double> read_number(const Node& node, Problems& problems) {
    const std::optional<double> number = number_of(node.value);
    if (!number) problems.add(node.where, "must be a number");
    return number;
}

std::optional<std::int64_t> read_integer(const Node& node, Problems& problems, std::int64_t least, std::int64_t most) {
    const std::optional<std::int64_t> integer = integer_of(node.value);
    if (!integer) {
        problems.add(node.where, "must be an integer");
    } else if (*integer < least) {
        problems.add(node.where, "must not be less than " + std::to_string(least));
    } else if (*integer > most) {
        problems.add(node.where, "must not be greater than " + std::to_string(most));
    } else {
        return integer;
    }
    return std::nullopt;
}

bool expect_object(const Node& node, Problems& problems) {
    if (node.value.is_object()) return true;
    problems.add(node.where, "must be an object");
    return false;
}

bool expect_array(const Node& node, Problems& problems, std::size_t least_size) {
    if (!node.value.is_array()) {
        problems.add(node.where, "must be an array");
    } else if (node.value.size() < least_size) {
        problems.add(node.where, "must not be empty");
    } else {
        return true;
    }
    return false;
}

std::optional<std::vector<std::string>> read_strings(const Node& node, Problems& problems, std::size_t least_size) {
    if (!expect_array(node, problems, least_size)) return std::nullopt;
    std::vector<std::string> strings;
    bool are_strings = true;
    for (const Node& element : elements(node)) {
        std::optional<std::string> string = read_string(element, problems);
        if (string) {
            strings.push_back(std::move(*string));
        } else {
            are_strings = false;
        }
    }
    return are_strings ? std::optional(std::move(strings)) : std::nullopt;
}

ObjectReader::ObjectReader(Node object, Problems& problems, const ObjectReader* fallback)
    : object_(std::move(object)), problems_(&problems), fallback_(fallback) {}

void ObjectReader::allow(std::span<const std::string_view> known, std::span<const std::string_view> elsewhere, std::string_view type) const {
    std::vector<std::string> keys(known.begin(), known.end());
    for (const Node& member : members(object_)) {
        const std::string key(member.value.key());
        if (contains(known, key)) continue;
        std::string hint;
        if (contains(elsewhere, key)) {
            hint = "Type \"" + std::string(type) + "\" has no such key.";
        } else if (hint = perhaps(key, keys); hint.empty() && keys.size() <= kListedKeys) {
            hint = (keys.size() == 1 ? "The only key is " : "Known keys are ") + list_words(keys, " and ") + ".";
        }
        problems_->add(member.where, "unknown key \"" + key + "\"", std::move(hint));
    }
}

std::optional<Node> ObjectReader::find(std::string_view key) const {
    if (const std::optional<json::Value> value = object_.value.member(key)) return member_node(object_.where, *value, key);
    return fallback_ ? fallback_->find(key) : std::nullopt;
}

std::optional<Node> ObjectReader::require(std::string_view key) const {
    std::optional<Node> node = find(key);
    if (!node) problems_->add(object_.where, "key \"" + std::string(key) + "\" is missing");
    return node;
}

std::optional<std::string> ObjectReader::string(std::string_view key) const {
    const std::optional<Node> node = find(key);
    return node ? read_string(*node, *problems_) : std::nullopt;
}

std::optional<bool> ObjectReader::boolean(std::string_view key) const {
    const std::optional<Node> node = find(key);
    return node ? read_boolean(*node, *problems_) : std::nullopt;
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
    const std::optional<Node> node = find(key);
    return node ? read_integer(*node, *problems_, least, most) : std::nullopt;
}

std::optional<double> ObjectReader::number(std::string_view key, Range range) const {
    const std::optional<Node> node = find(key);
    const std::optional<double> number = node ? read_number(*node, *problems_) : std::nullopt;
    if (!number || range.holds(*number)) return number;
    problems_->add(node->where, range.demand());
    return std::nullopt;
}

void ObjectReader::refuse_word(std::string_view key, const std::string& word, const std::vector<std::string>& words) const {
    problems_->add(find(key)->where, "must be " + std::string(words.size() == 1 ? "" : "one of ") + list_words(words, " or "),
                   perhaps(word, words));
}

}  // namespace upstream::core
