#include "core/graph_batch.hpp"

#include <algorithm>
#include <charconv>

#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

// Headers that say how to read an answer, or are the credential: no reason to keep requests apart.
bool is_of_item(const std::string& name) { return same_name(name, "Accept") || same_name(name, "Authorization"); }

// Where batches of that base URL go: its text up to the first placeholder, so that what differs between accounts (the version) stays in the items.
std::string root_of(const Source& source, const std::string& url) {
    std::string root = source.base_url.source();
    root.resize(std::min(root.find('{'), root.size()));
    if (const std::size_t slash = root.rfind('/'); root.size() != source.base_url.source().size() && slash != std::string::npos) root.resize(slash + 1);
    if (!root.ends_with('/')) root += '/';
    if (origin(root) && url.starts_with(root)) return root;
    const std::size_t host = url.find("://");
    const std::size_t path = url.find_first_of("/?#", host == std::string::npos ? 0 : host + 3);
    return url.substr(0, path) + "/";
}

struct Credential {
    std::string name = "access_token";
    std::string value{};  // percent-encoded
    bool in_url = false;
};

Credential credential_of(const Source& source, const Request& request) {
    Credential token;
    if (source.auth.type == Auth::Type::api_key && source.auth.place == Place::query) token.name = source.auth.name;
    for (const auto& [name, value] : request.headers)
        if (same_name(name, "Authorization")) token.value = percent_encode(value.substr(value.find(' ') + 1));
    const std::string mark = token.name + "=";
    for (std::size_t at = request.url.find('?'); at != std::string::npos; at = request.url.find('&', at + 1)) {
        if (request.url.compare(at + 1, mark.size(), mark) != 0) continue;
        const std::size_t begin = at + 1 + mark.size();
        token.value = request.url.substr(begin, request.url.find_first_of("&#", begin) - begin);
        token.in_url = true;
    }
    return token;
}

bool reads_headers(const Source& source) {
    const auto conditional = [](const Stream& stream) { return stream.conditional != Stream::Conditional::off; };
    return source.rate_limit.has_value() || std::ranges::any_of(source.streams, conditional);
}

std::optional<int> integer(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<Response> item(json::Value value) {
    const auto code = value.member("code");
    const auto status = code ? integer(code->text()) : std::nullopt;
    if (!status) return std::nullopt;
    Response response{.status = *status};
    if (const auto headers = value.member("headers"); headers && headers->is_array())
        for (const json::Value header : *headers) {
            const auto name = header.member("name");
            const auto text = header.member("value");
            if (name && text) response.headers.emplace_back(std::string{name->text()}, std::string{text->text()});
        }
    if (const auto body = value.member("body"); body && !body->is_null()) response.body = std::string{body->text()};
    return response;
}

}  // namespace

std::optional<std::string> batch_key(const Source& source, const Request& request) {
    if (!source.batch || request.method != "GET" || request.body || request.basic) return std::nullopt;
    std::string key = root_of(source, request.url);
    for (const auto& [name, value] : request.headers)
        if (!is_of_item(name)) key += "\n" + name + ": " + value;
    return key;
}

Request encode_batch(const Source& source, std::span<const Request* const> items) {
    const Request& first = *items.front();
    Request batch{.method = "POST", .url = root_of(source, first.url), .headers = {}};
    std::string list;
    for (const Request* request : items) {
        const Credential token = credential_of(source, *request);
        std::string relative = request->url.substr(std::min(root_of(source, request->url).size(), request->url.size()));
        if (!token.in_url && !token.value.empty())
            relative += (relative.find('?') == std::string::npos ? "?" : "&") + token.name + "=" + token.value;
        list += std::string{list.empty() ? "" : ","} + R"({"method":"GET","relative_url":)" + json::quote(relative) + "}";
        batch.connect_timeout = std::max(batch.connect_timeout, request->connect_timeout);
        if (request->first_byte_timeout) batch.first_byte_timeout = std::max(batch.first_byte_timeout.value_or(Duration{0}), *request->first_byte_timeout);
        batch.total_timeout = std::max(request == &first ? Duration{0} : batch.total_timeout, request->total_timeout);
    }
    for (const auto& [name, value] : first.headers)
        if (!same_name(name, "Authorization")) batch.headers.emplace_back(name, value);
    batch.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    const Credential outer = credential_of(source, first);
    batch.body = (outer.value.empty() ? "" : outer.name + "=" + outer.value + "&") +
                 "include_headers=" + (reads_headers(source) ? "true" : "false") + "&batch=" + percent_encode("[" + list + "]");
    return batch;
}

Result<std::vector<std::optional<Response>>> decode_batch(const Response& answer, std::size_t count) {
    const auto document = json::Document::parse(answer.body);
    if (!document) {
        Error error = document.error();
        error.detail += (error.detail.empty() ? "" : " ") + ("The batch's answer begins with: " + excerpt(answer.body));
        return error;
    }
    const json::Value list = document->root();
    if (!list.is_array() || list.size() != count)
        return Error{.code = Code::shape,
                     .message = "the answer to a batch of " + std::to_string(count) + " requests is no list of as many",
                     .detail = "It begins with: " + excerpt(answer.body)};
    std::vector<std::optional<Response>> results;
    std::size_t bytes = 0;
    for (const json::Value value : list) {
        results.push_back(item(value));
        if (results.back()) bytes += results.back()->body.size();
    }
    // The bytes on the wire are shared out by size, so that sums over models stay true.
    for (auto& result : results)
        if (result && bytes > 0) result->wire_bytes = answer.wire_bytes * result->body.size() / bytes;
    return results;
}

}  // namespace upstream::core
