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

std::optional<Pagination::Inject> read_inject(const Node& node, Problems& problems) {
    if (!expect_object(node, problems)) return std::nullopt;
    const ObjectReader object(node, problems);
    object.allow({"in", "name"});
    (void)object.require("in");
    const std::optional<Node> name = object.require("name");
    using Place = Pagination::Place;
    const std::optional<Place> place = object.choice<Place>("in", {{"query", Place::query}, {"header", Place::header}, {"body", Place::body}});
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
    const auto allow = [&](WordList known, std::string_view name) { object.allow(known, kPaginationKeys, name); };
    switch (type) {
        case Type::none: allow({"type", "max_pages", "done", "drift"}, "none"); break;
        case Type::cursor:
            allow({"type", "max_pages", "done", "drift", "path", "inject", "has_more", "size", "first_request_only"}, "cursor");
            break;
        case Type::page:
        case Type::offset:
            allow({"type", "max_pages", "done", "drift", "start", "inject", "total", "has_more", "size", "first_request_only"},
                  type == Type::page ? "page" : "offset");
            break;
        case Type::link_header: allow({"type", "max_pages", "done", "drift", "rel"}, "link_header"); break;
        case Type::next_url: allow({"type", "max_pages", "done", "drift", "path", "has_more"}, "next_url"); break;
    }
}

void read_first_request_only(const Node& node, StreamDraft& draft, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"params", "body"});
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "State \"params\" or \"body\".");
    Pagination& pagination = draft.stream.pagination;
    if (const std::optional<Node> params = object.find("params"))
        pagination.first_params = read_strings(*params, problems, 1).value_or(pagination.first_params);
    if (const std::optional<Node> body = object.find("body")) {
        pagination.first_body = read_boolean(*body, problems).value_or(false);
        if (body->value.kind() == json::Kind::boolean && !pagination.first_body) problems.add(body->where, "must be true", "Leave it out.");
    }
}

// The keys of types whose page token is sent with the request.
void read_token(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Pagination& pagination = draft.stream.pagination;
    if (const std::optional<Node> inject = object.find("inject")) pagination.inject = read_inject(*inject, problems);
    if (const std::optional<Node> first = object.find("first_request_only")) read_first_request_only(*first, draft, problems);
    pagination.size = object.integer("size", 1);
    if (pagination.type == Pagination::Type::cursor) return;
    const std::int64_t first = pagination.type == Pagination::Type::page ? 1 : 0;
    pagination.start = object.integer("start", 0).value_or(first);
    pagination.total = path(object, "total", PathKind::answer, problems);
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
    if (const std::optional<Node> done = object.find("done")) pagination.done = read_condition(*done, PathKind::answer, problems);
    using Drift = Pagination::Drift;
    pagination.drift = object
                           .choice<Drift>("drift", {{"ignore", Drift::ignore},
                                                    {"overlap", Drift::overlap},
                                                    {"restart_slice", Drift::restart_slice}})
                           .value_or(Drift::ignore);
    for (const char* key : {"inject", "size", "drift", "first_request_only"}) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys[std::string("pagination.") + key] = stated->where;
    }
    if (*type == Type::none) return;
    if (*type == Type::link_header) {
        pagination.rel = object.string("rel").value_or(pagination.rel);
        return;
    }
    pagination.has_more = path(object, "has_more", PathKind::answer, problems);
    if (*type == Type::cursor || *type == Type::next_url) {
        (void)object.require("path");
        pagination.path = path(object, "path", PathKind::answer, problems);
    }
    if (*type != Type::next_url) read_token(object, draft, problems);
}

}  // namespace upstream::core::parts
