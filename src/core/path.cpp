// Reading and following paths. The grammar is a subset of JSONPath (RFC 9535); what people write instead, out of habit
// with JSON Pointer or the rest of JSONPath, is recognised and answered with the form to use.
#include "core/path.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

namespace upstream::core {

namespace {

constexpr std::string_view kHeaderPrefix = "header:";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool starts_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool continues_name(char c) { return starts_name(c) || is_digit(c); }

bool is_name(std::string_view text) {
    return !text.empty() && starts_name(text[0]) && std::all_of(text.begin(), text.end(), continues_name);
}

bool is_header_name(std::string_view text) {
    static constexpr std::string_view kSpecial = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kSpecial.find(c) != kSpecial.npos;
    });
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// One step as the grammar writes it.
std::string as_step(const std::string& name) {
    const bool is_index = name == "0" || (!name.empty() && name[0] != '0' && std::all_of(name.begin(), name.end(), is_digit));
    if (is_index) return "[" + name + "]";
    if (is_name(name)) return "." + name;
    return "['" + replace_all(replace_all(name, "\\", "\\\\"), "'", "\\'") + "']";
}

// A JSON Pointer (RFC 6901) in our form: "/data/0/a~1b" is $.data[0]['a/b'].
std::string from_pointer(std::string_view pointer) {
    std::string path = "$";
    while (!pointer.empty()) {
        pointer.remove_prefix(1);
        const std::string_view token = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(token.size());
        if (!token.empty()) path += as_step(replace_all(replace_all(std::string(token), "~1", "/"), "~0", "~"));
    }
    return path;
}

// What was meant by a path that breaks at `at`, if that can be told.
std::string hint_for(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (text.starts_with('/')) return "A JSON Pointer is not a path; write " + from_pointer(text) + ".";
    if (text.starts_with("@.")) return "The record is where such a path begins; write " + std::string(text.substr(2)) + ".";
    if (at == 0 && rest.starts_with('[')) return "Write @" + std::string(text) + " for a step into the record.";
    if (rest.starts_with('?')) return "Filter expressions are not supported; read all elements and sort them out later.";
    if (text.find("..") != std::string_view::npos) return "Recursive descent (..) is not supported; name every step.";
    if (rest.starts_with('*')) return "Write [*] for every element.";
    if (rest.starts_with(':') || rest.starts_with(',')) return "Slices and unions are not supported; only one index or [*].";
    if (rest.starts_with('"')) return "Write names in brackets in single quotes.";
    if (rest.starts_with('|')) return "A path has no format; state it in the key \"format\".";
    if (rest.starts_with('-') || rest.starts_with(' ')) return "Write an unusual name in brackets: ['odd name'].";
    if (at > 0 && text[at - 1] == '$' && is_name(rest.substr(0, 1))) return "Write a dot after $.";
    return {};
}

// A position in the text of a path.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
    [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
    [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
    void skip(std::size_t count) { at_ += count; }

    bool take(char c) {
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    // The longest name here; "" if there is none.
    std::string take_name() {
        const std::size_t begin = at_;
        if (!at_end() && starts_name(text_[at_]))
            while (!at_end() && continues_name(text_[at_])) ++at_;
        return std::string(text_.substr(begin, at_ - begin));
    }

    [[nodiscard]] Error expected(std::string_view what) const {
        std::string detail = "position " + std::to_string(at_ + 1) + ": expected ";
        detail.append(what);
        if (at_end()) detail.append(", but the path ends");
        return {.code = Code::invalid_spec,
                .message = "path \"" + std::string(text_) + "\" is not valid",
                .detail = std::move(detail),
                .hint = hint_for(text_, at_)};
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

// The rest of a name in quotes, after the opening one.
Result<std::string> take_quoted(Scanner& in) {
    std::string name;
    while (!in.at_end() && in.peek() != '\'') {
        if (in.take('\\') && in.peek() != '\'' && in.peek() != '\\') return in.expected("\\' or \\\\");
        if (in.at_end()) break;
        name += in.peek();
        in.skip(1);
    }
    if (name.empty() && !in.at_end()) return in.expected("a name");
    if (!in.take('\'')) return in.expected("'");
    return name;
}

Result<std::ptrdiff_t> take_index(Scanner& in) {
    constexpr std::string_view kWhat = "an index, such as 0 or -1";
    const std::string_view rest = in.rest();
    const std::size_t sign = rest.starts_with('-') ? 1 : 0;
    const std::string_view digits = rest.substr(sign, std::find_if_not(rest.begin() + sign, rest.end(), is_digit) -
                                                          (rest.begin() + sign));
    std::ptrdiff_t index = 0;
    const std::string_view number = rest.substr(0, sign + digits.size());
    const bool canonical = digits == "0" ? sign == 0 : !digits.starts_with('0');
    if (digits.empty() || !canonical) return in.expected(kWhat);
    if (std::from_chars(number.data(), number.data() + number.size(), index).ec != std::errc{}) return in.expected(kWhat);
    in.skip(number.size());
    return index;
}

// The values of the elements or members of `value`; of members that come twice the last, as everywhere.
void append_children(json::Value value, std::vector<json::Value>& out) {
    if (value.is_array()) {
        for (const json::Value element : value) out.push_back(element);
        return;
    }
    if (!value.is_object()) return;
    std::vector<json::Value> members;
    for (const json::Value member : value) members.push_back(member);
    std::unordered_set<std::string_view> seen;
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (auto member = members.rbegin(); member != members.rend(); ++member)
        if (seen.insert(member->key()).second) out.push_back(*member);
    std::reverse(out.begin() + first, out.end());
}

}  // namespace

Result<Path> Path::parse(std::string_view text) {
    Path path;
    path.text_ = text;
    Scanner in(text);

    if (text.starts_with(kHeaderPrefix)) {
        in.skip(kHeaderPrefix.size());
        path.root_ = Root::header;
        path.header_ = in.rest();
        if (!is_header_name(path.header_)) return in.expected("the name of a header");
        return path;
    }

    bool bracket_only = false;  // after "@", where a dot would be a second way to write a name
    if (in.take('$')) {
        path.root_ = Root::document;
    } else if (in.take('@')) {
        path.root_ = Root::record;
        bracket_only = true;
    } else {
        path.root_ = Root::record;
        std::string name = in.take_name();
        if (name.empty()) return in.expected("$, @, header: or a name");
        path.steps_.emplace_back(std::move(name));
    }

    for (; !in.at_end(); bracket_only = false) {
        if (!bracket_only && in.take('.')) {
            std::string name = in.take_name();
            if (name.empty()) return in.expected("a name");
            path.steps_.emplace_back(std::move(name));
            continue;
        }
        if (!in.take('[')) return in.expected(bracket_only ? "[" : ". or [");
        if (in.take('*')) {
            path.steps_.emplace_back(Wildcard{});
            path.has_wildcard_ = true;
        } else if (in.take('\'')) {
            Result<std::string> name = take_quoted(in);
            if (!name) return name.error();
            path.steps_.emplace_back(std::move(*name));
        } else if (is_digit(in.peek()) || in.peek() == '-') {
            const Result<std::ptrdiff_t> index = take_index(in);
            if (!index) return index.error();
            path.steps_.emplace_back(*index);
        } else {
            return in.expected("*, an index or a name in single quotes");
        }
        if (!in.take(']')) return in.expected("]");
    }
    return path;
}

std::string_view Path::member() const {
    const auto* const name = root_ == Root::record && !steps_.empty() ? std::get_if<std::string>(&steps_.front()) : nullptr;
    return name == nullptr ? std::string_view{} : std::string_view{*name};
}

std::optional<std::vector<std::string>> Path::names() const {
    if (root_ != Root::record || steps_.empty()) return std::nullopt;
    std::vector<std::string> names;
    for (const Step& step : steps_) {
        const auto* const name = std::get_if<std::string>(&step);
        if (name == nullptr) return std::nullopt;
        names.push_back(*name);
    }
    return names;
}

std::optional<json::Value> Path::find(json::Value from) const {
    if (has_wildcard()) {
        const std::vector<json::Value> all = find_all(from);
        return all.empty() ? std::nullopt : std::optional(all.front());
    }
    return follow(from, 0);
}

std::optional<json::Value> Path::follow(json::Value from, std::size_t first_step) const {
    std::optional<json::Value> value = from;
    for (std::size_t step = first_step; step < steps_.size() && value; ++step) {
        if (const auto* name = std::get_if<std::string>(&steps_[step]))
            value = value->member(*name);
        else
            value = value->at(std::get<std::ptrdiff_t>(steps_[step]));
    }
    return value;
}

std::vector<json::Value> Path::find_all(json::Value from) const {
    std::vector<json::Value> values{from};
    for (const Step& step : steps_) {
        std::vector<json::Value> next;
        for (const json::Value value : values) {
            if (const auto* name = std::get_if<std::string>(&step)) {
                if (const auto member = value.member(*name)) next.push_back(*member);
            } else if (const auto* index = std::get_if<std::ptrdiff_t>(&step)) {
                if (const auto element = value.at(*index)) next.push_back(*element);
            } else {
                append_children(value, next);
            }
        }
        values = std::move(next);
    }
    return values;
}

}  // namespace upstream::core
