// The account section: what settings an account may and must state.
#include <algorithm>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

void check_name(const Node& member, Problems& problems) {
    if (shape::is_name(member.value.key())) return;
    problems.add(member.where, "\"" + std::string(member.value.key()) + "\" is not a valid name",
                 "Use a-z, 0-9 and \"_\", not a digit first, at most 63 characters.");
}

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

}  // namespace

std::vector<Setting> read_account(const Node& node, Reader& reader) {
    Problems& problems = reader.problems;
    std::vector<Setting> settings;
    if (!expect_object(node, problems)) {
        reader.settings_known = false;
        return settings;
    }
    const ObjectReader object(node, problems);
    object.allow({"properties", "required"}, {"derived"});
    if (const std::optional<Node> properties = object.find("properties")) {
        reader.settings_known = expect_object(*properties, problems);
        if (reader.settings_known) {
            for (const Node& member : members(*properties)) {
                check_name(member, problems);
                reader.settings.emplace_back(member.value.key());
                settings.push_back(read_setting(member, problems));
            }
        }
    }
    // Derived settings are refused as a whole; their names are known all the same, or each use would be a second problem.
    if (const std::optional<Node> derived = object.find("derived"); derived && derived->value.is_object()) {
        for (const Node& member : members(*derived)) reader.settings.emplace_back(member.value.key());
    }
    if (const std::optional<Node> required = object.find("required")) read_required(*required, settings, reader, problems);
    return settings;
}

}  // namespace upstream::core::parts
