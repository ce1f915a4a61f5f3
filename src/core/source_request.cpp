// What goes into a request: texts with placeholders, headers, parameters, bodies.
#include <algorithm>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

std::string lower(std::string_view text) {
    std::string lower(text);
    for (char& byte : lower) {
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
    }
    return lower;
}

void refuse_placeholders(const Node& member, const std::string& what, Problems& problems) {
    const Result<Text> text = Text::parse(member.value.key());
    if (text && !text->placeholders().empty()) problems.add(member.where, "placeholders have no meaning in " + what);
}

// What a form may hold under one name.
bool is_form_value(const JsonText& value) {
    const auto is_scalar = [](const JsonText& item) {
        return item.kind == JsonText::Kind::text || (item.kind == JsonText::Kind::literal && item.literal != "null");
    };
    return value.kind == JsonText::Kind::array ? std::all_of(value.items.begin(), value.items.end(), is_scalar) : is_scalar(value);
}

}  // namespace

bool is_one_placeholder(const Text& text) {
    const std::string& written = text.source();
    return text.placeholders().size() == 1 && written.starts_with('{') && written.find('}') + 1 == written.size();
}

std::optional<Text> read_text(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<std::string> string = read_string(node, problems);
    if (!string) return std::nullopt;
    Result<Text> text = Text::parse(*string);
    if (!text) {
        problems.add(node.where, text.error());
        return std::nullopt;
    }
    uses.push_back({spot, node.where, *text, false});
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

std::optional<Text> text(const ObjectReader& object, std::string_view key, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> node = object.find(key);
    return node ? read_text(*node, spot, uses, problems) : std::nullopt;
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

Params read_params(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    Params params;
    if (!expect_object(node, problems)) return params;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (name.empty()) problems.add(member.where, "a parameter needs a name");
        refuse_placeholders(member, "a parameter's name", problems);
        std::vector<Text> texts;
        for (const Node& value : member.value.is_array() ? elements(member) : std::vector<Node>{member}) {
            if (std::optional<Text> text = read_scalar(value, spot, uses, problems)) texts.push_back(std::move(*text));
        }
        params.emplace_back(name, std::move(texts));
    }
    return params;
}

// The depth of a spec is limited where it is parsed, so this may recurse.
std::optional<JsonText> read_json(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems) {
    JsonText json;
    if (node.value.is_string()) {
        std::optional<Text> text = read_text(node, spot, uses, problems);
        if (!text) return std::nullopt;
        uses.back().whole_json = is_one_placeholder(*text);
        json.kind = JsonText::Kind::text;
        json.text = std::move(*text);
        return json;
    }
    bool is_good = true;
    if (node.value.is_array()) {
        json.kind = JsonText::Kind::array;
        for (const Node& element : elements(node)) {
            std::optional<JsonText> item = read_json(element, spot, uses, problems);
            is_good = is_good && item;
            if (item) json.items.push_back(std::move(*item));
        }
    } else if (node.value.is_object()) {
        json.kind = JsonText::Kind::object;
        for (const Node& member : members(node)) {
            refuse_placeholders(member, "a member's name", problems);
            std::optional<JsonText> item = read_json(member, spot, uses, problems);
            is_good = is_good && item;
            if (item) json.members.emplace_back(member.value.key(), std::move(*item));
        }
    } else {
        json.literal = std::string(node.value.raw());
    }
    return is_good ? std::optional(std::move(json)) : std::nullopt;
}

BodyFormat body_format(const ObjectReader& object) {
    return object
        .choice<BodyFormat>("body_format", {{"json", BodyFormat::json}, {"form", BodyFormat::form}, {"text", BodyFormat::text}})
        .value_or(BodyFormat::json);
}

void check_body(const Where& where, const std::optional<JsonText>& body, BodyFormat format, Problems& problems) {
    if (!body || format == BodyFormat::json) return;
    if (format == BodyFormat::text) {
        if (body->kind != JsonText::Kind::text) problems.add(where, "a body in format \"text\" must be a string");
    } else if (body->kind != JsonText::Kind::object) {
        problems.add(where, "a body in format \"form\" must be an object");
    } else if (!std::all_of(body->members.begin(), body->members.end(), [](const auto& member) { return is_form_value(member.second); })) {
        problems.add(where, "members of a body in format \"form\" must be strings, numbers, true, false, or arrays of these");
    }
}

std::optional<std::string> read_header_part(const ObjectReader& object, std::string_view key, Problems& problems) {
    std::optional<std::string> text = object.string(key);
    if (!text || !shape::breaks_header(*text)) return text;
    problems.add(object.find(key)->where, "a header must not hold line breaks or NUL");
    return std::nullopt;
}

std::optional<std::string> read_header_name(const Node& node, Problems& problems) {
    std::optional<std::string> name = read_string(node, problems);
    if (!name || shape::is_token(*name)) return name;
    problems.add(node.where, "\"" + *name + "\" is not a valid header name");
    return std::nullopt;
}

}  // namespace upstream::core::parts
