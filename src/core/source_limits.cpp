// How hard an upstream is asked: retries, concurrency, the circuit breaker, batches.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"
#include "core/source_shape.hpp"

namespace upstream::core::parts {

namespace {

std::optional<std::string> read_status(const Node& node, Problems& problems) {
    if (node.value.is_string() && shape::is_status_class(node.value.text())) return std::string(node.value.text());
    if (const std::optional<std::int64_t> code = integer_of(node.value); code && *code >= 100 && *code <= 599)
        return std::to_string(*code);
    problems.add(node.where, "must be a status from 100 to 599, or a class such as \"5xx\"");
    return std::nullopt;
}

}  // namespace

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
    retry.jitter = object.number("jitter", {.least = 0, .most = 1}).value_or(retry.jitter);
    if (const std::optional<Node> on = object.find("on"); on && expect_array(*on, problems, 1)) {
        for (const Node& element : elements(*on)) {
            if (std::optional<std::string> status = read_status(element, problems)) retry.on.push_back(std::move(*status));
        }
    }
    return retry;
}

Concurrency read_concurrency(const Node& node, Problems& problems) {
    Concurrency concurrency;
    if (!expect_object(node, problems)) return concurrency;
    const ObjectReader object(node, problems);
    object.allow({"source", "account", "stream"});
    concurrency.source = object.integer("source", 1);
    concurrency.account = object.integer("account", 1);
    concurrency.stream = object.integer("stream", 1);
    return concurrency;
}

Breaker read_breaker(const Node& node, Problems& problems) {
    Breaker breaker;
    if (!expect_object(node, problems)) return breaker;
    const ObjectReader object(node, problems);
    object.allow({"failures", "cooldown", "scope"});
    (void)object.require("failures");
    (void)object.require("cooldown");
    breaker.failures = object.integer("failures", 1).value_or(breaker.failures);
    breaker.cooldown = interval(object, "cooldown", problems).value_or(breaker.cooldown);
    using Scope = Breaker::Scope;
    breaker.scope =
        object.choice<Scope>("scope", {{"source", Scope::source}, {"account", Scope::account}, {"stream", Scope::stream}})
            .value_or(breaker.scope);
    return breaker;
}

BatchCalls read_batch(const Node& node, Problems& problems) {
    BatchCalls batch;
    if (!expect_object(node, problems)) return batch;
    const ObjectReader object(node, problems);
    object.allow({"encoder", "max", "counts_as"});
    for (const std::string_view key : {"encoder", "max", "counts_as"}) (void)object.require(key);
    (void)object.choice<bool>("encoder", {{"meta_graph", true}});
    batch.max = object.integer("max", 2).value_or(batch.max);
    batch.counts_each = object.choice<bool>("counts_as", {{"each", true}, {"one", false}}).value_or(true);
    return batch;
}

}  // namespace upstream::core::parts
