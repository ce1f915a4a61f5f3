// Reading and filling in text with placeholders.
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace upstream::core {

namespace {

const std::vector<std::string>& known_roots() {
    static const std::vector<std::string> kRoots{"account", "secret",    "cursor", "parent",
                                                 "parents", "partition", "page",   "run"};
    return kRoots;
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_word(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_word(std::string_view text) {
    return !text.empty() && starts_word(text[0]) &&
           std::all_of(text.begin(), text.end(), [](char c) { return starts_word(c) || is_digit(c); });
}

bool is_format(std::string_view text) {
    return !text.empty() && is_lower(text[0]) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

Error invalid(std::string_view placeholder, std::string detail, std::string hint) {
    return {.code = Code::invalid_spec,
            .message = "placeholder {" + std::string(placeholder) + "} is not valid",
            .detail = std::move(detail),
            .hint = std::move(hint)};
}

Error unknown_root(std::string_view placeholder, std::string_view root) {
    std::string hint;
    if (const auto known = nearest(root, known_roots())) {
        hint = "Perhaps you meant \"" + *known + "\".";
    } else {
        hint = "Known are ";
        for (const std::string& name : known_roots()) hint += name + (name == known_roots().back() ? "" : ", ");
        hint += ". Write {{ if the brace is text.";
    }
    return invalid(placeholder, "There is no \"" + std::string(root) + "\" to take a value from.", std::move(hint));
}

// What stands between two braces, if it has the form of a placeholder; nothing if the braces are text.
Result<std::optional<Placeholder>> read_placeholder(std::string_view inside) {
    const std::size_t dot = inside.find('.');
    if (dot == std::string_view::npos) return std::optional<Placeholder>{};
    const std::size_t bar = std::min(inside.find('|'), inside.size());
    if (bar < dot) return std::optional<Placeholder>{};
    const std::string_view root = inside.substr(0, dot);
    const std::string_view word = inside.substr(dot + 1, bar - dot - 1);
    if (!is_word(root) || !is_word(word)) return std::optional<Placeholder>{};

    const auto& roots = known_roots();
    const bool known = std::find(roots.begin(), roots.end(), root) != roots.end();
    if (bar == inside.size()) {
        if (!known) return unknown_root(inside, root);
        return std::optional(Placeholder{std::string(root), std::string(word), {}});
    }
    const std::string_view format = inside.substr(bar + 1);
    if (is_format(format)) {
        if (!known) return unknown_root(inside, root);
        return std::optional(Placeholder{std::string(root), std::string(word), std::string(format)});
    }
    if (!known) return std::optional<Placeholder>{};
    return invalid(inside, "\"" + std::string(format) + "\" is not the name of a format.",
                   "A placeholder has one format at most, in lower case, such as {cursor.start|iso}.");
}

// Damerau-Levenshtein distance: insertions, deletions, replacements and swaps of two neighbours.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::array<std::vector<std::size_t>, 3> rows;  // of the last two characters of `a`, and of this one
    for (auto& row : rows) row.resize(b.size() + 1);
    auto& [before, previous, current] = rows;
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = std::min(current[j], before[j - 2] + 1);
        }
        std::swap(before, previous);
        std::swap(previous, current);
    }
    return previous[b.size()];
}

std::string encode_nothing(std::string_view text) { return std::string(text); }

}  // namespace

Result<Text> Text::parse(std::string_view text) {
    Text result;
    result.source_ = text;
    std::string literal;
    while (!text.empty()) {
        const std::size_t brace = std::min(text.find('{'), text.size());
        literal.append(text.substr(0, brace));
        text.remove_prefix(brace);
        if (text.empty()) break;
        if (text.starts_with("{{")) {
            literal += '{';
            text.remove_prefix(2);
            continue;
        }
        const std::size_t end = text.find_first_of("{}", 1);
        if (end != std::string_view::npos && text[end] == '}') {
            Result<std::optional<Placeholder>> placeholder = read_placeholder(text.substr(1, end - 1));
            if (!placeholder) return placeholder.error();
            if (*placeholder) {
                if (!literal.empty()) result.parts_.emplace_back(std::exchange(literal, {}));
                result.parts_.emplace_back(std::move(**placeholder));
                text.remove_prefix(end + 1);
                continue;
            }
        }
        literal += '{';
        text.remove_prefix(1);
    }
    if (!literal.empty()) result.parts_.emplace_back(std::move(literal));
    return result;
}

Text Text::constant(std::string text) {
    Text result;
    result.source_ = text;
    if (!text.empty()) result.parts_.emplace_back(std::move(text));
    return result;
}

std::optional<std::string> Text::render(const Lookup& lookup) const { return render(lookup, encode_nothing); }

std::optional<std::string> Text::render(const Lookup& lookup, std::string (*encode)(std::string_view)) const {
    std::string out;
    for (const auto& part : parts_) {
        if (const auto* literal = std::get_if<std::string>(&part)) {
            out += *literal;
            continue;
        }
        const std::optional<std::string> value = lookup(std::get<Placeholder>(part));
        if (!value) return std::nullopt;
        out += encode(*value);
    }
    return out;
}

std::vector<Placeholder> Text::placeholders() const {
    std::vector<Placeholder> found;
    for (const auto& part : parts_)
        if (const auto* placeholder = std::get_if<Placeholder>(&part)) found.push_back(*placeholder);
    return found;
}

const Placeholder* Text::only_placeholder() const { return parts_.size() == 1 ? std::get_if<Placeholder>(&parts_.front()) : nullptr; }

bool Text::mentions(std::string_view root, std::string_view word) const {
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) {
        const auto* placeholder = std::get_if<Placeholder>(&part);
        return placeholder != nullptr && placeholder->root == root && placeholder->word == word;
    });
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
    const std::size_t limit = std::clamp<std::size_t>(word.size() / 3, 1, 3);
    std::size_t best = limit + 1;
    std::optional<std::string> found;
    for (const std::string& candidate : known) {
        const std::size_t length_gap =
            std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
        if (length_gap >= best) continue;  // also keeps a long word cheap
        const std::size_t apart = edits_between(word, candidate);
        if (apart >= best) continue;
        best = apart;
        found = candidate;
    }
    return found;
}

}  // namespace upstream::core
