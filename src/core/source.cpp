// A source as a whole: its own keys, its defaults and its streams.
#include "core/source.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core {

namespace {

using namespace parts;

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
            problems.add(element.where, "a host must not hold a placeholder", "A setting of format \"host\" or \"url\" allows its own host.");
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
    object.allow({"connect", "first_byte", "total"});
    source.connect_timeout = interval(object, "connect", problems);
    source.first_byte_timeout = interval(object, "first_byte", problems);
    source.total_timeout = interval(object, "total", problems);
}

void read_identity(const ObjectReader& object, Source& source, Problems& problems) {
    if (const std::optional<Node> version = object.require("spec_version"); version && integer_of(version->value) != 1)
        problems.add(version->where, "must be 1", "This is the only version of the grammar.");
    if (const std::optional<Node> name = object.require("source")) {
        source.name = read_string(*name, problems).value_or("");
        if (name->value.is_string()) (void)check_name(name->where, source.name, problems);
    }
    (void)object.string("description");
}

void read_connection(const ObjectReader& object, Source& source, std::vector<TextUse>& texts, Reader& reader) {
    Problems& problems = reader.problems;
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
    if (const std::optional<Node> auth = object.require("auth"); auth && expect_object(*auth, problems))
        read_ways(*auth, source, texts, reader);
    if (const std::optional<Node> check = object.find("check")) source.check = read_check(*check, texts, problems);
}

void read_limits(const ObjectReader& object, Source& source, std::vector<TextUse>& texts, Problems& problems) {
    if (const std::optional<Node> retry = object.find("retry")) source.retry = read_retry(*retry, problems);
    if (const std::optional<Node> limit = object.find("rate_limit")) source.rate_limit = read_rate_limit(*limit, texts, problems);
    if (const std::optional<Node> concurrency = object.find("concurrency")) source.concurrency = read_concurrency(*concurrency, problems);
    if (const std::optional<Node> breaker = object.find("breaker")) source.breaker = read_breaker(*breaker, problems);
    if (const std::optional<Node> batch = object.find("batch")) source.batch = read_batch(*batch, problems);
    if (const std::optional<Node> responses = object.find("responses")) source.responses = read_responses(*responses, problems);
}

std::vector<StreamDraft> read_streams(const Node& node, const ObjectReader* defaults, Reader& reader) {
    Problems& problems = reader.problems;
    std::vector<StreamDraft> drafts;
    if (!expect_object(node, problems)) return drafts;
    if (node.value.size() == 0) problems.add(node.where, "must not be empty", "A source has at least one stream.");
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        (void)check_name(member.where, name, problems);
        if (expect_object(member, problems)) drafts.push_back(read_stream(member, name, defaults, reader));
    }
    return drafts;
}

constexpr auto kSourceKeys = std::to_array<std::string_view>({"spec_version", "source",      "description", "base_url",  "allowed_hosts", "headers", "timeouts",
                               "account",      "auth",        "formats",     "check",     "rate_limit",    "retry",   "concurrency",
                               "responses",    "breaker",     "batch",       "webhook",   "defaults",      "streams"});

Source read_object(const Node& root, Reader& reader) {
    Problems& problems = reader.problems;
    const ObjectReader object(root, problems);
    object.allow(kSourceKeys);
    Source source;
    std::vector<TextUse> texts;
    read_identity(object, source, problems);
    if (const std::optional<Node> formats = object.find("formats")) read_formats(*formats, source, reader);
    const std::optional<Node> account = object.find("account");
    if (account) source.settings = read_account(*account, reader);
    read_connection(object, source, texts, reader);
    read_limits(object, source, texts, problems);
    std::optional<WebhookDraft> webhook;
    if (const std::optional<Node> node = object.find("webhook")) webhook = read_webhook(*node, texts, reader);

    // The defaults are read once by themselves, so that what no stream takes is judged too. What a stream takes is read again as
    // the stream's own; its problems are the same ones and are told once.
    std::optional<ObjectReader> defaults;
    if (const std::optional<Node> node = object.find("defaults"); node && expect_object(*node, problems)) {
        defaults.emplace(*node, problems);
        const StreamDraft draft = read_stream(*node, {}, nullptr, reader);
        texts.insert(texts.end(), draft.texts.begin(), draft.texts.end());
    }
    std::vector<StreamDraft> drafts;
    if (const std::optional<Node> streams = object.require("streams")) drafts = read_streams(*streams, defaults ? &*defaults : nullptr, reader);

    if (!source.ways.empty() && std::any_of(source.settings.begin(), source.settings.end(), [](const Setting& s) { return s.name == "auth"; }))
        problems.add(account->where, "setting \"auth\" would hide the way to sign in", "An account names its way in the config key \"auth\".");

    // From here on every setting is known, and every stream.
    if (account) source.derived = read_derived(*account, texts, reader);
    for (const TextUse& use : texts) check_text(use, nullptr, reader);
    for (StreamDraft& draft : drafts) check_stream(draft, source, reader);
    check_references(drafts, webhook, reader);
    for (StreamDraft& draft : drafts) source.streams.push_back(std::move(draft.stream));
    if (webhook) source.webhook = std::move(webhook->webhook);
    return source;
}

}  // namespace

AccountCheck parts::read_check(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    AccountCheck check;
    if (!expect_object(node, problems)) return check;
    const ObjectReader object(node, problems);
    object.allow({"path", "method", "params", "body"});
    (void)object.require("path");
    check.path = text(object, "path", Spot::check_path, uses, problems).value_or(Text{});
    if (check.path.source().find("://") != std::string::npos)
        problems.add(object.find("path")->where, "must be a path, not a URL", "It is joined to \"base_url\".");
    check.method = object.choice<std::string>("method", {{"GET", "GET"}, {"POST", "POST"}}).value_or(check.method);
    if (const std::optional<Node> params = object.find("params")) check.params = read_params(*params, Spot::check, uses, problems);
    if (const std::optional<Node> body = object.find("body")) check.body = read_json(*body, Spot::check, uses, problems);
    return check;
}

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
