// These functions recurse as deep as a spec is nested, which its reader limits.
#include "core/json_text.hpp"

#include <algorithm>

#include "core/url.hpp"

namespace upstream::core {
namespace {

using Kind = JsonText::Kind;

JsonText literal(std::string raw) { return JsonText{.kind = Kind::literal, .literal = std::move(raw)}; }

std::optional<JsonText> fill_in_text(const Text& text, const TypedLookup& lookup) {
    if (const Placeholder* only = text.only_placeholder()) {
        const std::optional<TypedText> value = lookup(*only);
        if (!value) return std::nullopt;
        return literal(value->as_json());
    }
    const auto rendered = text.render([&](const Placeholder& p) -> std::optional<std::string> {
        std::optional<TypedText> value = lookup(p);
        if (!value) return std::nullopt;
        return std::move(value->text);
    });
    if (!rendered) return std::nullopt;
    return literal(json::quote(*rendered));
}

// A raw JSON scalar as a form shows it.
std::string form_text(const std::string& raw) {
    const auto document = json::Document::parse(raw);
    return document ? std::string{document->root().text()} : raw;
}

void append_field(std::string& form, const std::string& name, const std::string& raw) {
    if (!form.empty()) form += '&';
    form += percent_encode(name) + "=" + percent_encode(form_text(raw));
}

void append_fields(std::string& form, const std::string& name, const JsonText& value) {
    if (value.kind == Kind::array) {
        for (const JsonText& item : value.items) append_field(form, name, to_json(item));
        return;
    }
    const std::string raw = to_json(value);
    const auto document = json::Document::parse(raw);
    if (document && document->root().is_array()) {
        for (const json::Value item : document->root()) append_field(form, name, std::string{item.raw()});
    } else {
        append_field(form, name, raw);
    }
}

}  // namespace

std::optional<JsonText> fill_in(const JsonText& json, const TypedLookup& lookup) {
    JsonText filled{.kind = json.kind, .literal = json.literal};
    switch (json.kind) {
        case Kind::literal: break;
        case Kind::text: return fill_in_text(json.text, lookup);
        case Kind::array:
            for (const JsonText& item : json.items)
                if (auto value = fill_in(item, lookup)) filled.items.push_back(std::move(*value));
            break;
        case Kind::object:
            for (const auto& [name, member] : json.members)
                if (auto value = fill_in(member, lookup)) filled.members.emplace_back(name, std::move(*value));
            break;
    }
    return filled;
}

void set_member(JsonText& object, std::string_view dotted, const std::string& raw) {
    std::vector<std::string> names;
    for (std::size_t dot = dotted.find('.'); dot != std::string_view::npos; dot = dotted.find('.')) {
        names.emplace_back(dotted.substr(0, dot));
        dotted.remove_prefix(dot + 1);
    }
    names.emplace_back(dotted);
    set_member(object, names, raw);
}

void set_member(JsonText& object, const std::vector<std::string>& names, const std::string& raw) {
    JsonText* here = &object;
    for (const std::string& name : names) {
        if (here->kind != Kind::object) *here = JsonText{.kind = Kind::object};
        auto member = std::find_if(here->members.begin(), here->members.end(), [&](const auto& known) { return known.first == name; });
        if (member == here->members.end()) member = here->members.insert(member, {name, JsonText{}});
        here = &member->second;
    }
    *here = literal(raw);
}

std::string to_json(const JsonText& filled) {
    std::string out;
    switch (filled.kind) {
        case Kind::literal: return filled.literal;
        case Kind::text: return json::quote(filled.text.source());
        case Kind::array:
            for (const JsonText& item : filled.items) out += (out.empty() ? "" : ",") + to_json(item);
            return "[" + out + "]";
        case Kind::object:
            for (const auto& [name, member] : filled.members) out += (out.empty() ? "" : ",") + json::quote(name) + ":" + to_json(member);
            return "{" + out + "}";
    }
    return out;
}

std::string to_form(const JsonText& filled) {
    std::string form;
    for (const auto& [name, member] : filled.members) append_fields(form, name, member);
    return form;
}

}  // namespace upstream::core
