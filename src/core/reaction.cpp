#include "core/reaction.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/backoff.hpp"
#include "core/excerpt.hpp"
#include "core/paginate.hpp"

namespace upstream::core {
namespace {

using Do = ResponseRule::Do;

bool status_matches(const ResponseRule& rule, int status) {
    return rule.status.empty() ||
           std::any_of(rule.status.begin(), rule.status.end(), [&](StatusClass listed) { return listed == status || listed == status / 100; });
}

const ResponseRule* first_rule(const Source& source, const Stream& stream, const Response& response, json::Value root) {
    for (const ResponseRules* rules : {&stream.responses, &source.responses})
        for (const ResponseRule& rule : *rules)
            if (status_matches(rule, response.status) && (!rule.condition || holds(*rule.condition, response, root))) return &rule;
    return nullptr;
}

Code code_of(Do action, Code otherwise) {
    switch (action) {
        case Do::retry: return Code::server_error;
        case Do::rate_limited: return Code::rate_limited;
        case Do::reauth: return Code::needs_reauth;
        case Do::refresh_then_retry: return Code::auth_failed;
        case Do::reset_pagination: return Code::page_token_expired;
        case Do::shrink_page: return Code::server_error;
        default: return otherwise;
    }
}

Reaction ruled(const ResponseRule& rule, const Response& response, Error error) {
    error.code = code_of(rule.action, error.code == Code::internal ? Code::http_error : error.code);
    error.message = "upstream answered " + std::to_string(response.status) + ", to which a response rule reacts";
    if (rule.action == Do::reauth) error.hint = "Sign in again, and store the credentials with upstream.update_token() or upstream.set_secret().";
    return {.action = rule.action, .error = std::move(error), .by_rule = true};
}

Do built_in(int status, Code code) {
    if (status == 401) return Do::refresh_then_retry;
    if (code == Code::rate_limited) return Do::rate_limited;
    return code == Code::server_error ? Do::retry : Do::fail;
}

}  // namespace

Result<std::shared_ptr<const json::Document>> read_body(const Stream& stream, std::string body) {
    const std::string beginning = body.substr(0, 480);  // bytes; enough for what is shown if it is no JSON
    if (stream.jsonl) {
        std::string list = "[";
        for (std::size_t at = 0; at < body.size();) {
            const std::size_t end = std::min(body.find('\n', at), body.size());
            const std::string_view line = std::string_view{body}.substr(at, end - at);
            if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
                if (list.size() > 1) list += ',';
                list += line;
            }
            at = end + 1;
        }
        body = std::move(list) + "]";
    }
    Result<json::Document> parsed = json::Document::parse(std::move(body));
    if (parsed) return std::make_shared<const json::Document>(std::move(*parsed));
    Error error = parsed.error();
    error.detail += (error.detail.empty() ? "The answer begins with: " : "; the answer begins with: ") + excerpt(beginning, 120);
    return error;
}

Reaction react(const Source& source, const Stream& stream, const Response& response, const json::Document* body, const std::string& beginning) {
    const std::optional<Error> failure = failure_of(response, source.retry);
    if (!stream.responses.empty() || !source.responses.empty()) {
        std::optional<json::Document> text;
        if (body == nullptr)
            if (auto quoted = json::Document::parse(json::quote(beginning))) text = std::move(*quoted);
        const json::Value root = body != nullptr ? body->root() : text->root();
        if (const ResponseRule* rule = first_rule(source, stream, response, root)) {
            Error error = failure.value_or(Error{.code = Code::http_error, .message = "", .detail = "The answer begins with: " + excerpt(beginning)});
            return ruled(*rule, response, std::move(error));
        }
    }
    if (response.status == 304 && stream.conditional != Stream::Conditional::off) return {.action = Do::empty, .not_modified = true};
    if (!failure) return {};
    return {.action = built_in(response.status, failure->code), .error = *failure};
}

}  // namespace upstream::core
