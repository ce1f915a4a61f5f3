#include "core/backoff.hpp"

#include <algorithm>
#include <charconv>

#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

constexpr Duration kLongestWait = std::chrono::hours(24);
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

std::optional<Duration> wait_of(std::string_view value, RateLimit::WaitFormat format, Timestamp now) {
    using Format = RateLimit::WaitFormat;
    const auto until = [&](std::optional<Timestamp> time) -> std::optional<Duration> {
        if (!time || *time <= now) return std::nullopt;
        return std::min(*time - now, kLongestWait);
    };
    if (format == Format::epoch) return until(parse_time(value, TimeFormat::epoch));
    if (format == Format::iso) return until(parse_time(value, TimeFormat::iso));
    std::int64_t number = 0;
    const char* const stop = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), stop, number);
    if (end == stop && error == std::errc::result_out_of_range) return kLongestWait;
    if (end == stop && error == std::errc{}) {
        if (number < 0) return std::nullopt;
        const std::int64_t unit = format == Format::ms ? 1'000 : 1'000'000;
        return std::min(Duration{std::min(number, kLongestWait.count() / unit) * unit}, kLongestWait);
    }
    return format == Format::automatic ? until(parse_http_date(value)) : std::nullopt;
}

namespace {

RateLimit::WaitFormat wait_format(RateLimit::ResetFormat format) {
    using Reset = RateLimit::ResetFormat;
    switch (format) {
        case Reset::epoch:
        case Reset::epoch_ms: return RateLimit::WaitFormat::epoch;
        case Reset::seconds: return RateLimit::WaitFormat::seconds;
        case Reset::ms: return RateLimit::WaitFormat::ms;
        case Reset::iso: return RateLimit::WaitFormat::iso;
    }
    return RateLimit::WaitFormat::epoch;
}

// The longest of the resets that are named: with several budgets at once we do not know which one was hit.
std::optional<Duration> until_reset(const Response& response, const RateLimit& limits, Timestamp now) {
    std::optional<Duration> longest;
    for (const std::string& name : limits.reset) {
        const auto header = response.header(name);
        if (!header) continue;
        std::optional<Duration> wait;
        if (limits.reset_format == RateLimit::ResetFormat::epoch_ms) {
            const auto time = parse_time(*header, TimeFormat::epoch_ms);
            if (time && *time > now) wait = std::min(*time - now, kLongestWait);
        } else {
            wait = wait_of(*header, wait_format(limits.reset_format), now);
        }
        if (wait) longest = std::max(longest.value_or(*wait), *wait);
    }
    return longest;
}

}  // namespace

std::optional<Duration> asked_wait(const Response& response, const std::optional<RateLimit>& limits, bool limit_was_hit, Timestamp now) {
    if (!limits) {
        const auto header = response.header("retry-after");
        return header ? wait_of(*header, RateLimit::WaitFormat::automatic, now) : std::nullopt;
    }
    for (const std::string& name : limits->retry_after)
        if (const auto header = response.header(name))
            if (auto wait = wait_of(*header, limits->retry_after_format, now)) return wait;
    return limit_was_hit ? until_reset(response, *limits, now) : std::nullopt;
}

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
