// Values that stand in many places of a spec: intervals, texts with placeholders, paths, URLs.
#include <algorithm>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"
#include "core/url.hpp"

namespace upstream::core::parts {

namespace {

// A function, not a constant: a static with a destructor would run it inside a backend that is exiting.
std::vector<std::string> time_formats() { return {"iso", "iso_ms", "date", "epoch", "epoch_ms"}; }

// Whether the text is one placeholder and nothing else.
bool is_placeholder(std::string_view text) {
    if (!text.starts_with('{') || !text.ends_with('}')) return false;
    const Result<Text> parsed = Text::parse(text);
    return parsed && parsed->placeholders().size() == 1;
}

bool has_space_or_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) <= ' ' || byte == '\x7f'; });
}

// A problem has no detail. Where there is no hint, the detail is the best help.
void add_error(const Where& where, const Error& error, Problems& problems) {
    std::string hint = error.hint.empty() ? error.detail : error.hint;
    if (!hint.empty() && hint[0] >= 'a' && hint[0] <= 'z') hint[0] = static_cast<char>(hint[0] - 'a' + 'A');
    if (!hint.empty() && hint.back() != '.') hint += '.';
    problems.add(where, error.message, std::move(hint));
}

std::string lower(std::string_view text) {
    std::string lower(text);
    for (char& byte : lower) {
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
    }
    return lower;
}

}  // namespace

std::optional<Duration> read_interval(const Node& node, Problems& problems, Zero zero) {
    const std::string example = "Write it as in \"5 minutes\" or \"1.5 hours\".";
    const std::optional<std::string> text = read_string(node, problems);
    if (!text) return std::nullopt;
    if (is_placeholder(*text)) {
        problems.add(node.where, "placeholders are not supported in an interval yet", "Write the interval itself.");
        return std::nullopt;
    }
    if (!shape::is_interval(*text)) {
        problems.add(node.where, "must be an interval", example);
        return std::nullopt;
    }
    const std::optional<Duration> span = parse_interval(*text);
    if (!span) {
        problems.add(node.where, "interval is out of range");
    } else if (zero == Zero::refused && *span <= Duration::zero()) {
        problems.add(node.where, "must be longer than zero");
    } else {
        return span;
    }
    return std::nullopt;
}

std::optional<Duration> interval(const ObjectReader& object, std::string_view key, Problems& problems, Zero zero) {
    const std::optional<Node> node = object.find(key);
    return node ? read_interval(*node, problems, zero) : std::nullopt;
}

std::optional<Text> read_text(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<std::string> string = read_string(node, problems);
    if (!string) return std::nullopt;
    Result<Text> text = Text::parse(*string);
    if (!text) {
        add_error(node.where, text.error(), problems);
        return std::nullopt;
    }
    uses.push_back({spot, node.where, *text});
    return *text;
}

std::optional<Text> read_scalar(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    switch (node.value.kind()) {
        case json::Kind::string: return read_text(node, spot, uses, problems);
        case json::Kind::number:
        case json::Kind::boolean: return Text::constant(std::string(node.value.text()));
        case json::Kind::null:
        case json::Kind::array:
        case json::Kind::object: break;
    }
    problems.add(node.where, "must be a string, a number, true or false");
    return std::nullopt;
}

HeaderTexts read_headers(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    HeaderTexts headers;
    if (!expect_object(node, problems)) return headers;
    std::vector<std::string> seen;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (!shape::is_token(name)) problems.add(member.where, "\"" + name + "\" is not a valid header name");
        if (std::find(seen.begin(), seen.end(), lower(name)) != seen.end())
            problems.add(member.where, "header \"" + name + "\" is stated twice", "Case does not matter in names of headers.");
        seen.push_back(lower(name));
        std::optional<Text> text = read_scalar(member, spot, uses, problems);
        if (!text) continue;
        if (shape::breaks_header(text->source())) problems.add(member.where, "a header must not hold line breaks or NUL");
        headers.emplace_back(name, std::move(*text));
    }
    return headers;
}

Params read_params(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Params params;
    if (!expect_object(node, problems)) return params;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (name.empty()) problems.add(member.where, "a parameter needs a name");
        if (const Result<Text> text = Text::parse(name); text && !text->placeholders().empty())
            problems.add(member.where, "placeholders have no meaning in a parameter's name");
        std::vector<Text> texts;
        for (const Node& value : member.value.is_array() ? elements(member) : std::vector<Node>{member}) {
            if (std::optional<Text> text = read_scalar(value, Spot::param, uses, problems)) texts.push_back(std::move(*text));
        }
        params.emplace_back(name, std::move(texts));
    }
    return params;
}

std::optional<Path> read_path(const Node& node, PathKind kind, Wildcard wildcard, Problems& problems) {
    const std::optional<std::string> string = read_string(node, problems);
    if (!string) return std::nullopt;
    const Result<Path> path = Path::parse(*string);
    if (!path) {
        add_error(node.where, path.error(), problems);
        return std::nullopt;
    }
    const Path::Root root = path->root();
    if (kind == PathKind::document && root != Path::Root::document) {
        problems.add(node.where, "must be a path from the whole answer", "Begin it with \"$\".");
    } else if (kind == PathKind::record && root != Path::Root::record) {
        problems.add(node.where, "must be a path from the record", "Begin it with a member's name or \"@\".");
    } else if (kind == PathKind::answer && root == Path::Root::record) {
        problems.add(node.where, "must be a path from the whole answer, or a header", "Begin it with \"$\" or \"header:\".");
    } else if (wildcard == Wildcard::refused && path->has_wildcard()) {
        problems.add(node.where, "\"[*]\" is not allowed here", "This path must lead to one value.");
    } else {
        return *path;
    }
    return std::nullopt;
}

std::optional<TimeFormat> read_time_format(const Node& node, Problems& problems) {
    const std::optional<std::string> name = read_string(node, problems);
    if (!name) return std::nullopt;
    const std::optional<TimeFormat> format = time_format(*name);
    if (format) return format;
    std::string hint = perhaps(*name, time_formats());
    if (hint.empty()) hint = "Known formats are " + list_words(time_formats(), " and ") + "; formats of your own are not supported yet.";
    problems.add(node.where, "unknown time format \"" + *name + "\"", std::move(hint));
    return std::nullopt;
}

bool check_column_name(const Where& where, std::string_view name, Problems& problems) {
    if (!shape::is_column(name)) {
        problems.add(where, "\"" + std::string(name) + "\" is not a valid column name",
                     "Use letters, digits, \"_\" and \"$\", a letter or \"_\" first, at most 63 characters.");
    } else if (shape::is_reserved_column(name)) {
        problems.add(where, "column \"" + std::string(name) + "\" is reserved", "The extension fills this column itself.");
    } else {
        return true;
    }
    return false;
}

std::optional<std::string> read_column_name(const Node& node, Problems& problems) {
    std::optional<std::string> name = read_string(node, problems);
    if (!name || !check_column_name(node.where, *name, problems)) return std::nullopt;
    return name;
}

void check_url(const Where& where, const Text& text, Query query, Problems& problems) {
    // A placeholder can stand for anything, but "1" fits as host, port and path.
    const std::optional<std::string> url = text.render([](const Placeholder&) { return std::optional<std::string>("1"); });
    const std::optional<std::string> marked = text.render([](const Placeholder&) { return std::optional<std::string>("\x01"); });
    if (!url || !marked) return;
    const bool begins_unknown = marked->starts_with('\x01');
    if (has_space_or_control(*url)) {
        problems.add(where, "a URL must not hold spaces or control characters");
    } else if (!begins_unknown && !origin(*url)) {
        problems.add(where, "must be an http or https URL without user and password", "Write it as in \"https://api.example.com\".");
    } else if (query == Query::refused && url->find_first_of("?#") != std::string::npos) {
        problems.add(where, "must not have a query or a fragment", "Put the query into \"params\".");
    }
}

std::optional<std::string> read_header_part(const ObjectReader& object, std::string_view key, Problems& problems) {
    std::optional<std::string> text = object.string(key);
    if (!text || !shape::breaks_header(*text)) return text;
    problems.add(object.find(key)->where, "a header must not hold line breaks or NUL");
    return std::nullopt;
}

}  // namespace upstream::core::parts
