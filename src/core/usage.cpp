#include "core/usage.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/json.hpp"

namespace upstream::core {
namespace {

using WaitFormat = RateLimit::WaitFormat;
using ResetFormat = RateLimit::ResetFormat;
using UsageFormat = RateLimit::UsageFormat;

constexpr Duration kLongestWait = std::chrono::hours(24);
constexpr Duration kWhenUsedUp = std::chrono::minutes(5);  // all is used, and nobody says for how long

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view{} : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// A whole decimal number; what is too large for one is very large.
std::optional<double> number(std::string_view text) {
    text = trimmed(text);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || end != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return text.front() == '-' ? std::nullopt : std::optional<double>{1e18};
    if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<Duration> span(std::optional<double> count, double microseconds) {
    if (!count || *count < 0) return std::nullopt;
    return Duration{static_cast<Duration::rep>(std::min(*count * microseconds, static_cast<double>(kLongestWait.count())))};
}

std::optional<Duration> until(std::optional<Timestamp> time, Timestamp now) {
    if (!time || *time <= now) return std::nullopt;
    return std::min<Duration>(*time - now, kLongestWait);
}

std::optional<Duration> until_epoch(std::optional<double> count, double microseconds, Timestamp now) {
    if (!count || *count < 0) return std::nullopt;
    const double left = *count * microseconds - static_cast<double>(now.time_since_epoch().count());
    return left <= 0 ? std::nullopt : span(left, 1);
}

std::optional<Duration> wait_in(std::string_view text, WaitFormat format, Timestamp now) {
    switch (format) {
        case WaitFormat::automatic:
            if (const auto seconds = number(text)) return span(seconds, 1e6);
            return until(parse_http_date(text), now);
        case WaitFormat::seconds: return span(number(text), 1e6);
        case WaitFormat::ms: return span(number(text), 1e3);
        case WaitFormat::epoch: return until_epoch(number(text), 1e6, now);
        case WaitFormat::iso: return until(parse_time(text, TimeFormat::iso), now);
    }
    return std::nullopt;
}

std::optional<Duration> reset_in(std::string_view text, ResetFormat format, Timestamp now) {
    switch (format) {
        case ResetFormat::epoch: return until_epoch(number(text), 1e6, now);
        case ResetFormat::epoch_ms: return until_epoch(number(text), 1e3, now);
        case ResetFormat::seconds: return span(number(text), 1e6);
        case ResetFormat::ms: return span(number(text), 1e3);
        case ResetFormat::iso: return until(parse_time(text, TimeFormat::iso), now);
    }
    return std::nullopt;
}

// The longest of what all headers of these names say.
template <class Read>
std::optional<Duration> longest(const Response& answer, const std::vector<std::string>& names, Read&& read) {
    std::optional<Duration> most;
    for (const std::string& name : names)
        for (const std::string& value : answer.all_headers(name))
            if (const std::optional<Duration> wait = read(value); wait && (!most || *wait > *most)) most = wait;
    return most;
}

// The first number that one of these headers holds. Some write "100, 100;w=60": what comes first counts.
std::optional<double> first_number(const Response& answer, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        if (const auto value = answer.header(name))
            if (const auto found = number(value->substr(0, value->find_first_of(",;")))) return found;
    return std::nullopt;
}

struct Usage {
    std::optional<double> percent{};
    std::optional<Duration> regain{};
};

// One object of counters in percent: call_count, total_time, total_cputime; estimated_time_to_regain_access is in minutes.
void add_counters(json::Value counters, Usage& usage) {
    for (const json::Value member : counters) {
        const auto value = number(member.text());
        if (!value || *value < 0) continue;
        if (member.key() == "estimated_time_to_regain_access") {
            if (*value > 0) usage.regain = std::max(usage.regain.value_or(Duration{0}), *span(value, 60e6));
        } else if (member.key() == "call_count" || member.key() == "total_time" || member.key() == "total_cputime") {
            usage.percent = std::max(usage.percent.value_or(0), *value);
        }
    }
}

// {"<id>": [{counters}, ...], ...} or, as in X-App-Usage, the counters alone.
Usage of_meta(const std::string& text) {
    Usage usage;
    const auto document = json::Document::parse(text);
    if (!document || !document->root().is_object()) return usage;
    const json::Value root = document->root();
    add_counters(root, usage);
    for (const json::Value member : root)
        if (member.is_array())
            for (const json::Value counters : member)
                if (counters.is_object()) add_counters(counters, usage);
    return usage;
}

std::optional<double> of_fraction(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto used = number(text.substr(0, slash));
    const auto limit = number(text.substr(slash + 1));
    if (!used || !limit || *used < 0 || *limit <= 0) return std::nullopt;
    return *used / *limit * 100;
}

std::optional<double> of_percent(std::string_view text) {
    text = trimmed(text);
    if (text.ends_with('%')) text.remove_suffix(1);
    const auto percent = number(text);
    return percent && *percent >= 0 ? percent : std::nullopt;
}

Usage usage_in(const RateLimit::Usage& rule, const Response& answer) {
    Usage most;
    for (const std::string& value : answer.all_headers(rule.name)) {
        Usage usage;
        if (rule.format == UsageFormat::meta_buc) usage = of_meta(value);
        if (rule.format == UsageFormat::used_over_limit) usage.percent = of_fraction(value);
        if (rule.format == UsageFormat::percent) usage.percent = of_percent(value);
        if (usage.percent) most.percent = std::max(most.percent.value_or(0), *usage.percent);
        if (usage.regain) most.regain = std::max(most.regain.value_or(Duration{0}), *usage.regain);
    }
    return most;
}

// From the threshold to 100 % the spacing grows by the same factor per percent: with Meta, whose hour-long windows drain slowly, from a second to a minute;
// elsewhere, where a bucket drains in seconds, from half a second to five.
Duration spacing_at(const RateLimit::Usage& rule, double percent) {
    if (percent < rule.slow_down_at_percent) return Duration{0};
    const bool slow = rule.format == UsageFormat::meta_buc;
    const double least = slow ? 1e6 : 0.5e6;
    const double growth = slow ? 60 : 10;
    const double room = std::max(100 - rule.slow_down_at_percent, 1.0);
    const double part = std::min((percent - rule.slow_down_at_percent) / room, 1.0);
    return Duration{static_cast<Duration::rep>(least * std::pow(growth, part))};
}

void at_least(std::optional<Duration>& wait, std::optional<Duration> other) {
    if (other && (!wait || *other > *wait)) wait = other;
}

}  // namespace

Told read_limits(const RateLimit& rules, const Response& answer, Timestamp now, bool limit_was_hit) {
    Told told;
    const bool failed = limit_was_hit || answer.status < 200 || answer.status >= 400;
    if (failed) told.hold = longest(answer, rules.retry_after, [&](const std::string& text) { return wait_in(text, rules.retry_after_format, now); });
    told.remaining = first_number(answer, rules.remaining);
    if (told.remaining && *told.remaining < 0) told.remaining = 0;
    told.limit = first_number(answer, rules.limit);
    if ((told.remaining && *told.remaining < 1) || ((limit_was_hit || answer.status == 429) && !told.hold))
        at_least(told.hold, longest(answer, rules.reset, [&](const std::string& text) { return reset_in(text, rules.reset_format, now); }));
    if (rules.usage) {
        const Usage usage = usage_in(*rules.usage, answer);
        told.percent = usage.percent;
        if (usage.percent) told.spacing = spacing_at(*rules.usage, *usage.percent);
        at_least(told.hold, usage.regain);
        if (usage.percent && *usage.percent >= 100 && !usage.regain && rules.usage->format == UsageFormat::meta_buc) at_least(told.hold, kWhenUsedUp);
    }
    return told;
}

std::optional<Duration> asked_wait(const Source& source, const Response& answer, Timestamp now, bool limit_was_hit) {
    return read_limits(source.rate_limit.value_or(RateLimit{}), answer, now, limit_was_hit).hold;
}

}  // namespace upstream::core
