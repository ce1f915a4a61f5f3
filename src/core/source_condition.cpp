// Tests on an answer or a record, and the rules that decide what an answer means.
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

constexpr auto kTests = std::to_array<std::string_view>({"in", "not_in", "equals", "exists", "contains"});

bool is_scalar(json::Value value) { return !value.is_array() && !value.is_object(); }

std::optional<std::vector<std::string>> read_scalars(const Node& node, Problems& problems) {
    if (!expect_array(node, problems, 1)) return std::nullopt;
    std::vector<std::string> scalars;
    for (const Node& element : elements(node)) {
        if (is_scalar(element.value)) {
            scalars.emplace_back(element.value.raw());
        } else {
            problems.add(element.where, "must be a string, a number, true, false or null");
        }
    }
    return scalars;
}

void read_test(const Node& node, Condition& condition, Problems& problems) {
    const std::string_view key = node.value.key();
    if (key == "in") {
        condition.in = read_scalars(node, problems);
    } else if (key == "not_in") {
        condition.not_in = read_scalars(node, problems);
    } else if (key == "exists") {
        condition.exists = read_boolean(node, problems);
    } else if (key == "contains") {
        condition.contains = read_string(node, problems);
    } else if (is_scalar(node.value)) {  // equals
        condition.in = std::vector<std::string>{std::string(node.value.raw())};
    } else {
        problems.add(node.where, "must be a string, a number, true, false or null");
    }
}

// The path and the one test on it.
std::optional<Condition> read_path_test(const ObjectReader& object, PathKind kind, Problems& problems) {
    const std::size_t errors = problems.errors();
    Condition condition;
    if (const std::optional<Node> path = object.require("path")) {
        if (std::optional<Path> read = read_path(*path, kind, Wildcard::allowed, problems)) condition.path = std::move(*read);
    }
    int tests = 0;
    for (const std::string_view key : kTests) {
        const std::optional<Node> test = object.find(key);
        if (!test) continue;
        ++tests;
        read_test(*test, condition, problems);
    }
    if (tests != 1)
        problems.add(object.where(), tests == 0 ? "a condition needs a test" : "a condition has exactly one test",
                     "State one of \"in\", \"not_in\", \"equals\", \"exists\" and \"contains\".");
    return problems.errors() == errors ? std::optional(std::move(condition)) : std::nullopt;
}

std::optional<StatusClass> read_status(const Node& node, Problems& problems) {
    if (node.value.is_string() && shape::is_status_class(node.value.text())) return node.value.text()[0] - '0';
    if (const std::optional<std::int64_t> code = integer_of(node.value); code && *code >= 100 && *code <= 599)
        return static_cast<StatusClass>(*code);
    problems.add(node.where, "must be a status from 100 to 599, or a class such as \"5xx\"");
    return std::nullopt;
}

void read_when(const Node& node, ResponseRule& rule, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"status", "path", "in", "not_in", "equals", "exists", "contains"});
    if (const std::optional<Node> status = object.find("status")) {
        if (status->value.is_array() && !expect_array(*status, problems, 1)) return;
        for (const Node& one : status->value.is_array() ? elements(*status) : std::vector<Node>{*status}) {
            if (const std::optional<StatusClass> read = read_status(one, problems)) rule.status.push_back(*read);
        }
    }
    bool has_test = object.find("path").has_value();
    for (const std::string_view key : kTests) has_test = has_test || object.find(key);
    if (has_test) {
        rule.condition = read_path_test(object, PathKind::answer, problems);
    } else if (!object.find("status")) {
        problems.add(node.where, "must state \"status\" or \"path\"");
    }
}

std::optional<ResponseRule> read_rule(const Node& node, Problems& problems) {
    if (!expect_object(node, problems)) return std::nullopt;
    const ObjectReader object(node, problems);
    object.allow({"when", "do"});
    ResponseRule rule;
    if (const std::optional<Node> when = object.require("when")) read_when(*when, rule, problems);
    (void)object.require("do");
    using Do = ResponseRule::Do;
    rule.action = object
                      .choice<Do>("do", {{"ok", Do::ok},
                                         {"empty", Do::empty},
                                         {"retry", Do::retry},
                                         {"rate_limited", Do::rate_limited},
                                         {"reauth", Do::reauth},
                                         {"refresh_then_retry", Do::refresh_then_retry},
                                         {"reset_pagination", Do::reset_pagination},
                                         {"shrink_page", Do::shrink_page},
                                         {"skip_partition", Do::skip_partition},
                                         {"fail", Do::fail}})
                      .value_or(Do::fail);
    return rule;
}

}  // namespace

std::optional<Condition> read_condition(const Node& node, PathKind kind, Problems& problems) {
    if (!expect_object(node, problems)) return std::nullopt;
    const ObjectReader object(node, problems);
    const std::size_t errors = problems.errors();
    object.allow({"path", "in", "not_in", "equals", "exists", "contains"});
    std::optional<Condition> condition = read_path_test(object, kind, problems);
    return problems.errors() == errors ? condition : std::nullopt;
}

ResponseRules read_responses(const Node& node, Problems& problems) {
    ResponseRules rules;
    if (!expect_array(node, problems, 1)) return rules;
    for (const Node& element : elements(node)) {
        if (std::optional<ResponseRule> rule = read_rule(element, problems)) rules.push_back(std::move(*rule));
    }
    return rules;
}

}  // namespace upstream::core::parts
