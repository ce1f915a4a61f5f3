// One stream: its own keys, and which part reads which of its objects.
#include <array>
#include <limits>
#include <utility>

#include "core/schedule.hpp"
#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

void read_stream_path(const Node& node, StreamDraft& draft, Problems& problems) {
    std::optional<Text> text = read_text(node, Spot::path, draft.texts, problems);
    if (!text) return;
    const std::string& written = text->source();
    if (written.starts_with("http://") || written.starts_with("https://"))
        problems.add(node.where, "must be a path, not a URL", "It is joined to \"base_url\".");
    if (written.find('#') != std::string::npos) problems.add(node.where, "must not have a fragment");
    draft.stream.path = std::move(*text);
}

void read_request(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Stream& stream = draft.stream;
    stream.method = object.choice<std::string>("method", {{"GET", "GET"}, {"POST", "POST"}, {"PUT", "PUT"}, {"PATCH", "PATCH"}})
                        .value_or(stream.method);
    const std::size_t errors = problems.errors();
    if (const std::optional<Node> path = object.find("path")) read_stream_path(*path, draft, problems);
    if (const std::optional<Node> params = object.find("params")) stream.params = read_params(*params, Spot::param, draft.texts, problems);
    if (const std::optional<Node> headers = object.find("headers")) stream.headers = read_headers(*headers, Spot::header, draft.texts, problems);
    if (const std::optional<Node> body = object.find("body")) stream.body = read_json(*body, Spot::body, draft.texts, problems);
    stream.body_format = body_format(object);
    if (stream.body) check_body(object.find("body")->where, stream.body, stream.body_format, problems);
    draft.request_ok = problems.errors() == errors;
}

// Where else this stream lives, and how else it signs in: a way of its own, or one of the source's by name.
void read_elsewhere(const ObjectReader& object, StreamDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    if (const std::optional<Node> url = object.find("base_url")) {
        draft.stream.base_url = read_text(*url, Spot::base_url, draft.texts, problems);
        if (draft.stream.base_url) check_url(url->where, *draft.stream.base_url, Query::refused, problems);
    }
    const std::optional<Node> auth = object.find("auth");
    if (!auth) return;
    if (!auth->value.is_string()) {
        draft.stream.auth = read_auth(*auth, draft.texts, reader);
        return;
    }
    std::vector<std::string> names;
    for (const auto& [name, way] : reader.ways) {
        if (name == auth->value.text()) draft.stream.auth = way;
        names.push_back(name);
    }
    if (draft.stream.auth) return;
    const std::string hint = perhaps(auth->value.text(), names);
    problems.add(auth->where, "no way to sign in is named \"" + std::string(auth->value.text()) + "\"",
                 names.empty() ? "Name them in the source's \"auth\" with \"one_of\"." : hint);
}

void read_answer(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Stream& stream = draft.stream;
    stream.jsonl = object.choice<bool>("response", {{"json", false}, {"jsonl", true}}).value_or(false);
    if (const std::optional<Node> records = object.find("records")) {
        if (std::optional<Path> path = read_path(*records, PathKind::document, Wildcard::allowed, problems)) stream.records = std::move(*path);
    }
    stream.records_missing_is_empty = object.choice<bool>("records_missing", {{"error", false}, {"empty", true}}).value_or(false);
    if (const std::optional<Node> responses = object.find("responses")) stream.responses = read_responses(*responses, problems);
    using Conditional = Stream::Conditional;
    stream.conditional = object
                             .choice<Conditional>("conditional", {{"off", Conditional::off},
                                                                  {"etag", Conditional::etag},
                                                                  {"last_modified", Conditional::last_modified}})
                             .value_or(Conditional::off);
}

std::vector<Rescan> read_rescan(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    std::vector<Rescan> tiers;
    if (!expect_array(node, problems, 1)) return tiers;
    for (const Node& element : elements(node)) {
        if (!expect_object(element, problems)) continue;
        const ObjectReader object(element, problems);
        object.allow({"every", "lookback"});
        Rescan tier;
        if (const std::optional<Node> every = object.require("every")) tier.every = read_span(*every, Zero::refused, uses, problems).value_or(Interval{});
        if (const std::optional<Node> lookback = object.require("lookback"))
            tier.lookback = read_span(*lookback, Zero::refused, uses, problems).value_or(Interval{});
        tiers.push_back(std::move(tier));
    }
    return tiers;
}

void read_schedule(const ObjectReader& object, StreamDraft& draft, Problems& problems) {
    Stream& stream = draft.stream;
    if (const std::optional<Node> every = object.find("every")) {
        if (std::optional<Interval> span = read_span(*every, Zero::refused, draft.texts, problems)) {
            if (span->from) stream.every_from = std::move(span->from);
            else stream.every = span->span;
        }
    }
    stream.at = object.string("at").value_or("");
    if (const std::optional<Node> at = object.find("at"); at && at->value.is_string()) {
        if (const Result<Schedule> schedule = Schedule::parse(stream.at); !schedule) problems.add(at->where, schedule.error());
    }
    stream.jitter = interval(object, "jitter", problems, Zero::allowed).value_or(stream.jitter);
    using Limits = std::numeric_limits<int>;
    stream.priority = static_cast<int>(object.integer("priority", Limits::min(), Limits::max()).value_or(0));
    if (const std::optional<Node> rescan = object.find("rescan")) stream.rescan = read_rescan(*rescan, draft.texts, problems);
}

void read_parts(const ObjectReader& object, StreamDraft& draft, Reader& reader) {
    Problems& problems = reader.problems;
    if (const std::optional<Node> pagination = object.find("pagination")) {
        const std::size_t errors = problems.errors();
        read_pagination(*pagination, draft, problems);
        draft.pagination_ok = problems.errors() == errors;
    }
    if (const std::optional<Node> cursor = object.find("cursor")) read_cursor(*cursor, draft, reader);
    draft.stream.incremental =
        object.choice<bool>("sync_mode", {{"incremental", true}, {"full_refresh", false}}).value_or(draft.states("cursor"));
    const std::size_t errors = problems.errors();
    if (const std::optional<Node> parent = object.find("parent")) read_parent(*parent, draft, problems);
    if (const std::optional<Node> partitions = object.find("partitions")) read_partitions(*partitions, draft, problems);
    draft.parent_ok = problems.errors() == errors;
}

constexpr auto kStreamKeys = std::to_array<std::string_view>({
    "base_url",   "auth",       "method",      "path",    "params",     "headers",  "body",      "body_format",  "response",
    "records",    "responses",  "pagination",  "cursor",  "sync_mode",  "rescan",   "write",     "primary_key",  "records_missing",
    "newer_by",   "absent",     "deletes",     "parent",  "partitions", "expand",   "transform", "after_page",   "target",
    "columns",    "raw",        "every",       "at",      "priority",   "jitter",   "conditional", "on_new_field"});

}  // namespace

StreamDraft read_stream(const Node& node, std::string_view name, const ObjectReader* defaults, Reader& reader) {
    Problems& problems = reader.problems;
    StreamDraft draft;
    draft.stream.name = std::string(name);
    draft.where = node.where;
    const ObjectReader object(node, problems, defaults);
    object.allow(kStreamKeys);
    for (const std::string_view key : kStreamKeys) {
        if (const std::optional<Node> stated = object.find(key)) draft.keys.emplace(key, stated->where);
    }
    if (!name.empty()) {
        (void)object.require("path");
        (void)object.require("target");
    }
    read_elsewhere(object, draft, reader);
    read_request(object, draft, problems);
    read_answer(object, draft, problems);
    read_parts(object, draft, reader);
    read_writing(object, draft, reader);
    read_schedule(object, draft, problems);
    return draft;
}

}  // namespace upstream::core::parts
