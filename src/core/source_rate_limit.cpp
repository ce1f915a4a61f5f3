// What an upstream allows: budgets, and the headers that tell how much is left.
#include <optional>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

using Budget = RateLimit::Budget;

void read_match(const Node& node, Budget& budget, Problems& problems) {
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"method", "path"});
    budget.match_method = object.string("method").value_or("");
    budget.match_path = object.string("path").value_or("");
    const std::size_t rest = budget.match_path.find("**");
    if (rest != std::string::npos && rest + 2 != budget.match_path.size())
        problems.add(object.find("path")->where, "\"**\" stands for the rest, so it must come last");
}

Budget read_budget(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Budget budget;
    if (!expect_object(node, problems)) return budget;
    const ObjectReader object(node, problems);
    object.allow({"scope", "limit", "per", "algorithm", "match", "cost"});
    for (const std::string_view key : {"scope", "limit", "per"}) (void)object.require(key);
    using Scope = RateLimit::Scope;
    budget.scope = object.choice<Scope>("scope", {{"source", Scope::source}, {"app", Scope::app}, {"account", Scope::account}})
                       .value_or(budget.scope);
    budget.limit = object.number("limit", {.least = 0, .open = true}).value_or(budget.limit);
    if (const std::optional<Node> per = object.find("per")) budget.per = read_span(*per, Zero::refused, uses, problems).value_or(Interval{});
    using Algorithm = RateLimit::Algorithm;
    budget.algorithm = object
                           .choice<Algorithm>("algorithm", {{"fixed_window", Algorithm::fixed_window},
                                                            {"sliding_window", Algorithm::sliding_window},
                                                            {"token_bucket", Algorithm::token_bucket}})
                           .value_or(budget.algorithm);
    if (const std::optional<Node> match = object.find("match")) read_match(*match, budget, problems);
    budget.cost = object.number("cost", {.least = 0, .open = true}).value_or(budget.cost);
    if (budget.limit > 0 && budget.cost > budget.limit) problems.add(object.find("cost")->where, "must not be greater than \"limit\"");
    return budget;
}

// One header, or several of which the longest wait counts.
std::vector<std::string> read_names(const ObjectReader& object, std::string_view key, std::vector<std::string> absent, Problems& problems) {
    const std::optional<Node> node = object.find(key);
    if (!node) return absent;
    std::vector<std::string> names;
    if (node->value.is_array() && !expect_array(*node, problems, 1)) return names;
    for (const Node& name : node->value.is_array() ? elements(*node) : std::vector<Node>{*node}) {
        if (std::optional<std::string> read = read_header_name(name, problems)) names.push_back(std::move(*read));
    }
    return names;
}

void read_headers_told(const ObjectReader& object, RateLimit& limit, Problems& problems) {
    limit.remaining = read_names(object, "remaining", {}, problems);
    limit.limit = read_names(object, "limit", {}, problems);
    limit.reset = read_names(object, "reset", {}, problems);
    limit.retry_after = read_names(object, "retry_after", std::move(limit.retry_after), problems);
    using Reset = RateLimit::ResetFormat;
    limit.reset_format = object
                             .choice<Reset>("reset_format", {{"epoch", Reset::epoch},
                                                             {"epoch_ms", Reset::epoch_ms},
                                                             {"seconds", Reset::seconds},
                                                             {"ms", Reset::ms},
                                                             {"iso", Reset::iso}})
                             .value_or(limit.reset_format);
    if (const std::optional<Node> format = object.find("reset_format"); format && !object.find("reset"))
        problems.warn(format->where, "has no effect without \"reset\"");
    using Wait = RateLimit::WaitFormat;
    limit.retry_after_format = object
                                   .choice<Wait>("retry_after_format", {{"auto", Wait::automatic},
                                                                        {"seconds", Wait::seconds},
                                                                        {"ms", Wait::ms},
                                                                        {"epoch", Wait::epoch},
                                                                        {"iso", Wait::iso}})
                                   .value_or(limit.retry_after_format);
}

RateLimit::Usage read_usage(const Node& node, Problems& problems) {
    RateLimit::Usage usage;
    if (!expect_object(node, problems)) return usage;
    const ObjectReader object(node, problems);
    object.allow({"name", "format", "slow_down_at_percent"});
    if (const std::optional<Node> name = object.require("name")) usage.name = read_header_name(*name, problems).value_or("");
    (void)object.require("format");
    using Format = RateLimit::UsageFormat;
    usage.format = object
                       .choice<Format>("format", {{"meta_buc", Format::meta_buc},
                                                  {"used_over_limit", Format::used_over_limit},
                                                  {"percent", Format::percent}})
                       .value_or(usage.format);
    usage.slow_down_at_percent =
        object.number("slow_down_at_percent", {.least = 1, .most = 100}).value_or(usage.slow_down_at_percent);
    return usage;
}

}  // namespace

RateLimit read_rate_limit(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    RateLimit limit;
    if (!expect_object(node, problems)) return limit;
    const ObjectReader object(node, problems);
    object.allow({"budgets", "remaining", "limit", "reset", "reset_format", "retry_after", "retry_after_format", "usage_header", "reserve"});
    if (const std::optional<Node> budgets = object.find("budgets"); budgets && expect_array(*budgets, problems, 1)) {
        for (const Node& element : elements(*budgets)) limit.budgets.push_back(read_budget(element, uses, problems));
    }
    read_headers_told(object, limit, problems);
    if (const std::optional<Node> usage = object.find("usage_header")) limit.usage = read_usage(*usage, problems);
    constexpr double kLargestReserve = 0.9;
    limit.reserve = object.number("reserve", {.least = 0, .most = kLargestReserve}).value_or(limit.reserve);
    return limit;
}

}  // namespace upstream::core::parts
