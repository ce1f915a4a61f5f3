// The account section: what settings an account may and must state.
#include <algorithm>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

std::vector<std::string> read_allowed(const Node& node, Problems& problems) {
    std::vector<std::string> allowed;
    // An empty list would allow nothing, which nobody means.
    if (!expect_array(node, problems, 1)) return allowed;
    for (const Node& element : elements(node)) {
        if (element.value.is_array() || element.value.is_object() || element.value.is_null()) {
            problems.add(element.where, "must be a string, a number, true or false");
        } else {
            allowed.emplace_back(element.value.text());
        }
    }
    return allowed;
}

Setting read_setting(const Node& node, Problems& problems) {
    const std::size_t errors = problems.errors();
    Setting setting;
    setting.name = std::string(node.value.key());
    if (!expect_object(node, problems)) return setting;
    const ObjectReader object(node, problems);
    object.allow({"type", "description", "default", "enum", "pattern", "format"});
    (void)object.string("description");
    setting.type = object
                       .choice<std::string>("type", {{"string", "string"},
                                                     {"integer", "integer"},
                                                     {"number", "number"},
                                                     {"boolean", "boolean"},
                                                     {"array", "array"}})
                       .value_or(setting.type);
    setting.format = object
                         .choice<std::string>("format", {{"host", "host"},
                                                         {"url", "url"},
                                                         {"date", "date"},
                                                         {"timestamp", "timestamp"},
                                                         {"interval", "interval"},
                                                         {"uuid", "uuid"}})
                         .value_or("");
    if (const std::optional<Node> allowed = object.find("enum")) setting.allowed = read_allowed(*allowed, problems);
    if (const std::optional<std::string> pattern = object.string("pattern")) {
        if (std::optional<Complaint> complaint = check_pattern(*pattern)) {
            problems.add(object.find("pattern")->where, std::move(complaint->message), std::move(complaint->hint));
        } else {
            setting.pattern = *pattern;
        }
    }
    // null: no default. Otherwise the default has to be a value that an account could state.
    const std::optional<Node> fallback = object.find("default");
    if (!fallback || fallback->value.is_null() || problems.errors() != errors) return setting;
    if (std::optional<Complaint> complaint = check_setting(setting, fallback->value)) {
        problems.add(fallback->where, std::move(complaint->message), std::move(complaint->hint));
    } else {
        setting.fallback = std::string(fallback->value.text());
    }
    return setting;
}

void read_required(const Node& node, std::vector<Setting>& settings, const Reader& reader, Problems& problems) {
    if (!expect_array(node, problems, 0)) return;
    for (const Node& element : elements(node)) {
        const std::optional<std::string> name = read_string(element, problems);
        if (!name) continue;
        const auto found = std::find_if(settings.begin(), settings.end(), [&](const Setting& s) { return s.name == *name; });
        if (found != settings.end()) {
            found->required = true;
        } else if (reader.settings_known &&
                   std::find(reader.settings.begin(), reader.settings.end(), *name) == reader.settings.end()) {
            const std::string hint = perhaps(*name, reader.settings);
            problems.add(element.where, "no account setting \"" + *name + "\"",
                         hint.empty() ? "Declare it in account.properties." : hint);
        }
    }
}

// Texts may name the settings that an account states, not other derived ones: a table has no order.
void read_map(const Node& node, Derived& derived, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    if (!expect_object(node, problems)) return;
    for (const Node& member : members(node)) {
        std::optional<Text> text = read_text(member, Spot::derived, uses, problems);
        if (!text) continue;
        check_text(uses.back(), nullptr, reader);
        uses.pop_back();
        derived.map.emplace_back(member.value.key(), std::move(*text));
    }
}

Derived read_one_derived(const Node& node, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    Derived derived;
    derived.name = std::string(node.value.key());
    if (!expect_object(node, problems)) return derived;
    const ObjectReader object(node, problems);
    object.allow({"from", "map"});
    if (const std::optional<Node> from = object.require("from")) {
        derived.from = read_string(*from, problems).value_or("");
        if (from->value.is_string() && reader.settings_known &&
            std::find(reader.settings.begin(), reader.settings.end(), derived.from) == reader.settings.end()) {
            const std::string hint = perhaps(derived.from, reader.settings);
            problems.add(from->where, "no account setting \"" + derived.from + "\"", hint.empty() ? "Declare it in account.properties." : hint);
        }
    }
    if (const std::optional<Node> map = object.require("map")) read_map(*map, derived, uses, reader);
    return derived;
}

}  // namespace

std::vector<Setting> read_account(const Node& node, Reader& reader) {
    Problems& problems = reader.problems;
    std::vector<Setting> settings;
    if (!expect_object(node, problems)) {
        reader.settings_known = false;
        return settings;
    }
    const ObjectReader object(node, problems);
    object.allow({"properties", "required", "derived"});
    if (const std::optional<Node> properties = object.find("properties")) {
        reader.settings_known = expect_object(*properties, problems);
        if (reader.settings_known) {
            for (const Node& member : members(*properties)) {
                (void)check_name(member.where, member.value.key(), problems);
                reader.settings.emplace_back(member.value.key());
                settings.push_back(read_setting(member, problems));
            }
        }
    }
    if (const std::optional<Node> required = object.find("required")) read_required(*required, settings, reader, problems);
    return settings;
}

// Read once all other settings are known, those that a token's answer gives included.
std::vector<Derived> read_derived(const Node& account, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    std::vector<Derived> settings;
    if (!account.value.is_object()) return settings;
    const std::optional<Node> node = ObjectReader(account, problems).find("derived");
    if (!node || !expect_object(*node, problems)) return settings;
    std::vector<std::string> names;
    for (const Node& member : members(*node)) {
        const std::string name(member.value.key());
        (void)check_name(member.where, name, problems);
        if (std::find(reader.settings.begin(), reader.settings.end(), name) != reader.settings.end())
            problems.add(member.where, "setting \"" + name + "\" stands in \"properties\" too");
        settings.push_back(read_one_derived(member, uses, reader));
        names.push_back(name);
    }
    reader.settings.insert(reader.settings.end(), names.begin(), names.end());
    return settings;
}

}  // namespace upstream::core::parts
