// Values that stand in many places of a spec: intervals, paths, formats, names, URLs.
#include <algorithm>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"
#include "core/url.hpp"

namespace upstream::core::parts {

namespace {

constexpr std::string_view kColumnHint = "Use letters, digits, \"_\" and \"$\", a letter or \"_\" first, at most 63 characters.";

// A function, not a constant: a static with a destructor would run it inside a backend that is exiting.
std::vector<std::string> time_formats() { return {"iso", "iso_ms", "date", "epoch", "epoch_ms"}; }

bool is_placeholder(std::string_view text) {
    const Result<Text> parsed = Text::parse(text);
    return parsed && is_one_placeholder(*parsed);
}

bool has_space_or_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) <= ' ' || byte == '\x7f'; });
}

}  // namespace

std::optional<Duration> read_interval(const Node& node, Problems& problems, Zero zero) {
    const std::string example = "Write it as in \"5 minutes\" or \"1.5 hours\".";
    const std::optional<std::string> text = read_string(node, problems);
    if (!text) return std::nullopt;
    if (is_placeholder(*text)) {
        problems.add(node.where, "must be an interval without a placeholder", "Write it as in \"5 minutes\".");
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

std::optional<Interval> read_span(const Node& node, Zero zero, std::vector<TextUse>& uses, Problems& problems) {
    if (node.value.is_string() && is_placeholder(node.value.text())) {
        std::optional<Text> text = read_text(node, Spot::interval, uses, problems);
        return text ? std::optional(Interval{Duration{0}, std::move(*text)}) : std::nullopt;
    }
    const std::optional<Duration> span = read_interval(node, problems, zero);
    return span ? std::optional(Interval{*span, {}}) : std::nullopt;
}

std::optional<Path> read_path(const Node& node, PathKind kind, Wildcard wildcard, Problems& problems) {
    const std::optional<std::string> string = read_string(node, problems);
    if (!string) return std::nullopt;
    const Result<Path> path = Path::parse(*string);
    if (!path) {
        problems.add(node.where, path.error());
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

std::optional<Path> path(const ObjectReader& object, std::string_view key, PathKind kind, Problems& problems) {
    const std::optional<Node> node = object.find(key);
    return node ? read_path(*node, kind, Wildcard::refused, problems) : std::nullopt;
}

std::optional<TimeFormat> read_time_format(const Node& node, Reader& reader) {
    const std::optional<std::string> name = read_string(node, reader.problems);
    if (!name) return std::nullopt;
    if (const auto own = reader.formats.find(*name); own != reader.formats.end()) return own->second;
    const std::optional<TimeFormat> format = time_format(*name);
    if (format || !reader.formats_known) return format;
    std::vector<std::string> known = time_formats();
    for (const auto& [own, unused] : reader.formats) known.push_back(own);
    std::string hint = perhaps(*name, known);
    if (hint.empty()) hint = "Known formats are " + list_words(known, " and ") + "; declare others in \"formats\".";
    reader.problems.add(node.where, "unknown time format \"" + *name + "\"", std::move(hint));
    return std::nullopt;
}

bool check_name(const Where& where, std::string_view name, Problems& problems) {
    if (shape::is_name(name)) return true;
    problems.add(where, "\"" + std::string(name) + "\" is not a valid name",
                 "Use a-z, 0-9 and \"_\", not a digit first, at most 63 characters.");
    return false;
}

bool check_column_name(const Where& where, std::string_view name, Problems& problems) {
    if (!shape::is_column(name)) {
        problems.add(where, "\"" + std::string(name) + "\" is not a valid column name",
                     std::string(kColumnHint));
    } else if (shape::is_reserved_column(name)) {
        problems.add(where, "column \"" + std::string(name) + "\" is reserved", "The extension fills this column itself.");
    } else {
        return true;
    }
    return false;
}

std::optional<std::string> read_any_column(const Node& node, Problems& problems) {
    std::optional<std::string> name = read_string(node, problems);
    if (!name || shape::is_column(*name)) return name;
    problems.add(node.where, "\"" + *name + "\" is not a valid column name", std::string(kColumnHint));
    return std::nullopt;
}

std::optional<std::string> read_relation(const Node& node, Problems& problems) {
    std::optional<std::string> name = read_string(node, problems);
    if (!name || shape::is_relation(*name)) return name;
    problems.add(node.where, "must be the name of a table, with or without its schema",
                 "Use a-z, 0-9, \"_\" and \"$\", a letter or \"_\" first.");
    return std::nullopt;
}

std::optional<std::string> read_function(const Node& node, Problems& problems) {
    std::optional<std::string> name = read_string(node, problems);
    if (!name || (shape::is_relation(*name) && name->find('.') != std::string::npos)) return name;
    problems.add(node.where, "must be the name of a function with its schema", "Write it as in \"app.clean_order\".");
    return std::nullopt;
}

std::vector<std::string> read_key_columns(const Node& node, Problems& problems) {
    std::vector<std::string> key;
    if (!expect_array(node, problems, 1)) return key;
    for (const Node& element : elements(node)) {
        std::optional<std::string> column = read_column_name(element, problems);
        if (!column) continue;
        if (std::find(key.begin(), key.end(), *column) != key.end()) {
            problems.add(element.where, "column \"" + *column + "\" is stated twice");
        } else {
            key.push_back(std::move(*column));
        }
    }
    return key;
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

}  // namespace upstream::core::parts
