#include "core/backoff.hpp"

#include <algorithm>

#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

constexpr Retry kSlowly{.base = std::chrono::minutes(1), .max = std::chrono::hours(1), .jitter = 0.2};

bool listed(const Retry& retry, int status) {
    const std::string exact = std::to_string(status);
    const std::string group = std::to_string(status / 100) + "xx";
    return std::any_of(retry.on.begin(), retry.on.end(), [&](const std::string& on) { return on == exact || on == group; });
}

std::string beginning(const std::string& body) {
    return body.empty() ? "The answer has no body." : "The answer begins with: " + excerpt(body);
}

Code code_of(int status) {
    switch (status) {
        case 401: return Code::auth_failed;
        case 403: return Code::forbidden;
        case 408: return Code::server_error;
        case 429: return Code::rate_limited;
        default: return status >= 500 ? Code::server_error : Code::http_error;
    }
}

}  // namespace

Duration backoff(const Retry& retry, int failures, double random) {
    Duration wait = std::max(retry.base, Duration{1});
    for (int i = 1; i < failures && wait < retry.max; ++i) wait *= 2;
    wait = std::min(wait, retry.max);
    const auto fixed = static_cast<double>(wait.count()) * std::max(1.0 - retry.jitter, 0.1);
    const auto spread = static_cast<double>(wait.count()) - fixed;
    return Duration{static_cast<Duration::rep>(fixed + spread * random)};
}

bool is_transient(Code code) {
    switch (code) {
        case Code::net_dns:
        case Code::net_connect:
        case Code::net_tls:
        case Code::net_timeout:
        case Code::net_partial:
        case Code::rate_limited:
        case Code::server_error:
        case Code::page_token_expired:
        case Code::target_busy:
        case Code::fenced: return true;
        default: return false;
    }
}

Retry retry_rule(const Retry& retry, Code code) { return is_transient(code) ? retry : kSlowly; }

std::optional<Error> failure_of(const Response& response, const Retry& retry) {
    const int status = response.status;
    if (status >= 200 && status < 300) return std::nullopt;
    Error error{.code = code_of(status), .message = "upstream answered " + std::to_string(status), .detail = beginning(response.body)};
    if (status >= 300 && status < 400) error.hint = "Redirects are not followed: write the final URL into the source spec.";
    if (error.code == Code::auth_failed) error.hint = "Check the account's credentials.";
    if (!is_transient(error.code) && listed(retry, status)) error.code = Code::server_error;
    return error;
}

}  // namespace upstream::core
