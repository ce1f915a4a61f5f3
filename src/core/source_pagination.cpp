// Pagination: how further pages are had, and what ends the list.
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

constexpr auto kPaginationKeys = std::to_array<std::string_view>(
    {"type", "path", "inject", "has_more", "total", "done", "size", "start", "max_pages", "first_request_only", "rel", "drift"});

std::optional<Path> answer_path(const ObjectReader& object, std::string_view key, Problems& problems) {
    const std::optional<Node> node = object.find(key);
    return node ? read_path(*node, PathKind::answer, Wildcard::refused, problems) : std::nullopt;
}

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

std::optional<Condition> read_condition(const Node& node, Problems& problems) {
    if (!expect_object(node, problems)) return std::nullopt;
    const std::size_t errors = problems.errors();
    const ObjectReader object(node, problems);
    object.allow({"path", "in", "not_in", "equals", "exists", "contains"});
    Condition condition;
    if (const std::optional<Node> path = object.require("path")) {
        if (std::optional<Path> read = read_path(*path, PathKind::answer, Wildcard::allowed, problems)) condition.path = std::move(*read);
    }
    int tests = 0;
    for (const std::string_view key : {"in", "not_in", "equals", "exists", "contains"}) {
        const std::optional<Node> test = object.find(key);
        if (!test) continue;
        ++tests;
        read_test(*test, condition, problems);
    }
    if (tests != 1)
        problems.add(node.where, tests == 0 ? "a condition needs a test" : "a condition has exactly one test",
                     "State one of \"in\", \"not_in\", \"equals\", \"exists\" and \"contains\".");
    return problems.errors() == errors ? std::optional(std::move(condition)) : std::nullopt;
}

std::optional<Pagination::Inject> read_inject(const Node& node, Problems& problems) {
    if (!expect_object(node, problems)) return std::nullopt;
    const ObjectReader object(node, problems);
    object.allow({"in", "name"});
    (void)object.require("in");
    const std::optional<Node> name = object.require("name");
    using Place = Pagination::Place;
    const std::optional<Place> place = object.choice<Place>("in", {{"query", Place::query}, {"header", Place::header}}, {"body"});
    const std::optional<std::string> text = name ? read_string(*name, problems) : std::nullopt;
    if (!place || !text) return std::nullopt;
    if (text->empty()) {
        problems.add(name->where, "must not be empty");
    } else if (*place == Place::header && !shape::is_token(*text)) {
        problems.add(name->where, "\"" + *text + "\" is not a valid header name");
    } else {
        return Pagination::Inject{*place, *text};
    }
    return std::nullopt;
}

// Which keys each type has.
void allow_keys(const ObjectReader& object, Pagination::Type type) {
    using Type = Pagination::Type;
    switch (type) {
        case Type::none: object.allow({"type", "max_pages", "done"}, {"drift"}, kPaginationKeys, "none"); break;
        case Type::cursor:
            object.allow({"type", "max_pages", "done", "path", "inject", "has_more", "size"}, {"drift", "first_request_only"},
                         kPaginationKeys, "cursor");
            break;
        case Type::page:
        case Type::offset:
            object.allow({"type", "max_pages", "done", "start", "inject", "total", "has_more", "size"}, {"drift", "first_request_only"},
                         kPaginationKeys, type == Type::page ? "page" : "offset");
            break;
        case Type::link_header: object.allow({"type", "max_pages", "done", "rel"}, {"drift"}, kPaginationKeys, "link_header"); break;
        case Type::next_url:
            object.allow({"type", "max_pages", "done", "path", "has_more"}, {"drift"}, kPaginationKeys, "next_url");
            break;
    }
}

// The keys of types whose page token is sent with the request.
void read_token(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Pagination& pagination = draft.stream.pagination;
    if (const std::optional<Node> inject = object.find("inject")) {
        draft.inject = inject->where;
        pagination.inject = read_inject(*inject, problems);
    }
    if (const std::optional<Node> size = object.find("size")) draft.size = size->where;
    pagination.size = object.integer("size", 1);
    if (pagination.type == Pagination::Type::cursor) return;
    const std::int64_t first = pagination.type == Pagination::Type::page ? 1 : 0;
    pagination.start = object.integer("start", 0).value_or(first);
    pagination.total = answer_path(object, "total", problems);
}

}  // namespace

void read_pagination(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    using Type = Pagination::Type;
    if (!object.require("type")) return;
    const std::optional<Type> type = object.choice<Type>("type", {{"none", Type::none},
                                                                  {"cursor", Type::cursor},
                                                                  {"page", Type::page},
                                                                  {"offset", Type::offset},
                                                                  {"link_header", Type::link_header},
                                                                  {"next_url", Type::next_url}});
    if (!type) return;
    Pagination& pagination = draft.stream.pagination;
    pagination.type = *type;
    allow_keys(object, *type);
    pagination.max_pages = object.integer("max_pages", 1).value_or(pagination.max_pages);
    if (const std::optional<Node> done = object.find("done")) pagination.done = read_condition(*done, problems);
    if (*type == Type::none) return;
    if (*type == Type::link_header) {
        pagination.rel = object.string("rel").value_or(pagination.rel);
        return;
    }
    pagination.has_more = answer_path(object, "has_more", problems);
    if (*type == Type::cursor || *type == Type::next_url) {
        (void)object.require("path");
        pagination.path = answer_path(object, "path", problems);
    }
    if (*type != Type::next_url) read_token(object, draft, problems);
}

}  // namespace upstream::core::parts
