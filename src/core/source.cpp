// A source as a whole: its own keys, its defaults and its streams.
#include "core/source.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core {

namespace {

using namespace parts;

constexpr std::string_view kNameHint = "Use a-z, 0-9 and \"_\", not a digit first, at most 63 characters.";

std::string lower(std::string text) {
    for (char& byte : text) {
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
    }
    return text;
}

std::vector<std::string> read_hosts(const Node& node, Problems& problems) {
    std::vector<std::string> hosts;
    if (!expect_array(node, problems, 1)) return hosts;
    for (const Node& element : elements(node)) {
        std::optional<std::string> host = read_string(element, problems);
        if (!host) continue;
        if (host->find_first_of("{}|") != std::string::npos) {
            problems.add(element.where, "placeholders are not supported in a host yet", "Write the host itself.");
        } else if (!shape::is_host(*host)) {
            problems.add(element.where, "must be a host name", "Write it as in \"cdn.example.com\" or \"*.example.com\".");
        } else {
            hosts.push_back(lower(std::move(*host)));
        }
    }
    return hosts;
}

void read_timeouts(const Node& node, Source& source, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"connect", "total"}, {"first_byte"});
    source.connect_timeout = interval(object, "connect", problems);
    source.total_timeout = interval(object, "total", problems);
}

std::optional<std::string> read_status(const Node& node, Problems& problems) {
    if (node.value.is_string() && shape::is_status_class(node.value.text())) return std::string(node.value.text());
    if (const std::optional<std::int64_t> code = integer_of(node.value); code && *code >= 100 && *code <= 599)
        return std::to_string(*code);
    problems.add(node.where, "must be a status from 100 to 599, or a class such as \"5xx\"");
    return std::nullopt;
}

Retry read_retry(const Node& node, Problems& problems) {
    Retry retry;
    if (!expect_object(node, problems)) return retry;
    const ObjectReader object(node, problems);
    object.allow({"max_attempts", "base", "max", "jitter", "on"});
    const auto attempts = object.integer("max_attempts", 1, std::numeric_limits<int>::max());
    retry.max_attempts = static_cast<int>(attempts.value_or(retry.max_attempts));
    retry.base = interval(object, "base", problems).value_or(retry.base);
    const std::optional<Duration> most = interval(object, "max", problems);
    // A base above the usual maximum, without a maximum of its own, is its own maximum.
    retry.max = most.value_or(std::max(retry.max, retry.base));
    if (retry.max < retry.base) problems.add(object.find("max")->where, "must not be shorter than \"base\"");
    if (const std::optional<Node> jitter = object.find("jitter")) {
        const std::optional<double> part = read_number(*jitter, problems);
        if (part && (*part < 0 || *part > 1)) problems.add(jitter->where, "must be from 0 to 1");
        retry.jitter = part.value_or(retry.jitter);
    }
    if (const std::optional<Node> on = object.find("on"); on && expect_array(*on, problems, 1)) {
        for (const Node& element : elements(*on)) {
            if (std::optional<std::string> status = read_status(element, problems)) retry.on.push_back(std::move(*status));
        }
    }
    return retry;
}

void read_identity(const ObjectReader& object, Source& source, Problems& problems) {
    if (const std::optional<Node> version = object.require("spec_version"); version && integer_of(version->value) != 1)
        problems.add(version->where, "must be 1", "This is the only version of the grammar.");
    if (const std::optional<Node> name = object.require("source")) {
        source.name = read_string(*name, problems).value_or("");
        if (name->value.is_string() && !shape::is_name(source.name))
            problems.add(name->where, "\"" + source.name + "\" is not a valid name", std::string(kNameHint));
    }
    (void)object.string("description");
}

void read_connection(const ObjectReader& object, Source& source, std::vector<TextUse>& texts, Problems& problems) {
    if (const std::optional<Node> url = object.require("base_url")) {
        if (std::optional<Text> text = read_text(*url, Spot::base_url, texts, problems)) {
            check_url(url->where, *text, parts::Query::refused, problems);
            source.base_url = std::move(*text);
        }
    }
    if (const std::optional<Node> hosts = object.find("allowed_hosts")) source.allowed_hosts = read_hosts(*hosts, problems);
    if (const std::optional<Node> headers = object.find("headers"))
        source.headers = read_headers(*headers, Spot::source_header, texts, problems);
    if (const std::optional<Node> timeouts = object.find("timeouts")) read_timeouts(*timeouts, source, problems);
    if (const std::optional<Node> auth = object.require("auth")) source.auth = read_auth(*auth, texts, problems);
    if (const std::optional<Node> retry = object.find("retry")) source.retry = read_retry(*retry, problems);
}

void read_streams(const Node& node, const ObjectReader* defaults, Source& source, Reader& reader) {
    Problems& problems = reader.problems;
    if (!expect_object(node, problems)) return;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "A source has at least one stream.");
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (!shape::is_name(name)) problems.add(member.where, "\"" + name + "\" is not a valid name", std::string(kNameHint));
        if (!expect_object(member, problems)) continue;
        StreamDraft draft = read_stream(member, name, defaults, problems);
        check_stream(draft, source, reader);
        source.streams.push_back(std::move(draft.stream));
    }
}

Source read_object(const Node& root, Reader& reader) {
    Problems& problems = reader.problems;
    const ObjectReader object(root, problems);
    object.allow({"spec_version", "source", "description", "base_url", "allowed_hosts", "headers", "timeouts", "account", "auth",
                  "retry", "defaults", "streams"},
                 {"formats", "check", "rate_limit", "concurrency", "responses", "breaker", "batch", "webhook"});
    Source source;
    read_identity(object, source, problems);
    if (const std::optional<Node> account = object.find("account")) source.settings = read_account(*account, reader);
    std::vector<TextUse> texts;
    read_connection(object, source, texts, problems);
    // The defaults are read once by themselves, so that what no stream takes is judged too. What a stream takes is read again as
    // the stream's own; its problems are the same ones and are told once.
    std::optional<ObjectReader> defaults;
    if (const std::optional<Node> node = object.find("defaults"); node && expect_object(*node, problems)) {
        defaults.emplace(*node, problems);
        const StreamDraft draft = read_stream(*node, {}, nullptr, problems);
        texts.insert(texts.end(), draft.texts.begin(), draft.texts.end());
    }
    for (const TextUse& use : texts) check_text(use, nullptr, reader);
    if (const std::optional<Node> streams = object.require("streams"))
        read_streams(*streams, defaults ? &*defaults : nullptr, source, reader);
    return source;
}

}  // namespace

const Stream* Source::stream(std::string_view wanted) const {
    const auto found = std::find_if(streams.begin(), streams.end(), [wanted](const Stream& stream) { return stream.name == wanted; });
    return found == streams.end() ? nullptr : &*found;
}

std::optional<std::string> Source::nearest_stream(std::string_view wanted) const {
    std::vector<std::string> names;
    for (const Stream& stream : streams) names.push_back(stream.name);
    return nearest(wanted, names);
}

std::optional<TimeFormat> Source::time_format(std::string_view wanted) const {
    if (const auto found = formats.find(wanted); found != formats.end()) return found->second;
    return core::time_format(wanted);
}

Reading read_source(json::Value spec) {
    Reader reader;
    Reading reading;
    const Node root = root_node(spec);
    if (expect_object(root, reader.problems)) {
        Source source = read_object(root, reader);
        if (reader.problems.errors() == 0) reading.source = std::move(source);
    }
    reading.problems = reader.problems.in_order();
    return reading;
}

}  // namespace upstream::core
