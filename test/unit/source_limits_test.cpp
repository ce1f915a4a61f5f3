// How hard an upstream is asked, and what its answers mean.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/spec_support.hpp"

namespace upstream::core {
namespace {

using namespace std::chrono_literals;
using test::one;
using test::problems_of;

Source source_with(const std::string& members) { return test::source_of("", R"("auth": {"type": "none"}, )" + members); }

TEST(SourceLimits, BudgetsSayWhoSharesWhatAndHowItIsCounted) {
    const RateLimit limit = *source_with(R"("account": {"properties": {"window": {}}}, "rate_limit": {"budgets": [
        {"scope": "app", "limit": 1.5, "per": "1 second", "algorithm": "token_bucket", "match": {"method": "GET", "path": "/orders/**"}, "cost": 0.5},
        {"scope": "source", "limit": 100, "per": "{account.window}"}]})").rate_limit;
    ASSERT_EQ(limit.budgets.size(), 2U);
    EXPECT_EQ(limit.budgets[0].scope, RateLimit::Scope::app);
    EXPECT_EQ(limit.budgets[0].limit, 1.5);
    EXPECT_EQ(limit.budgets[0].per.span, 1s);
    EXPECT_EQ(limit.budgets[0].algorithm, RateLimit::Algorithm::token_bucket);
    EXPECT_EQ(limit.budgets[0].match_method, "GET");
    EXPECT_EQ(limit.budgets[0].match_path, "/orders/**");
    EXPECT_EQ(limit.budgets[0].cost, 0.5);
    EXPECT_EQ(limit.budgets[1].per.from->source(), "{account.window}");
    EXPECT_EQ(limit.budgets[1].algorithm, RateLimit::Algorithm::sliding_window);
    EXPECT_EQ(limit.budgets[1].cost, 1);
}

TEST(SourceLimits, HeadersTellWhatIsLeft) {
    const RateLimit limit = *source_with(R"("rate_limit": {"remaining": "X-Left", "limit": "X-Limit", "reset": ["X-Reset", "X-Other"], "reset_format": "ms",
        "retry_after": "X-Wait", "retry_after_format": "iso", "reserve": 0.2,
        "usage_header": {"name": "X-Used", "format": "used_over_limit", "slow_down_at_percent": 50}})").rate_limit;
    EXPECT_EQ(limit.remaining, (std::vector<std::string>{"X-Left"}));
    EXPECT_EQ(limit.limit, (std::vector<std::string>{"X-Limit"}));
    EXPECT_EQ(limit.reset, (std::vector<std::string>{"X-Reset", "X-Other"}));
    EXPECT_EQ(limit.reset_format, RateLimit::ResetFormat::ms);
    EXPECT_EQ(limit.retry_after, (std::vector<std::string>{"X-Wait"}));
    EXPECT_EQ(limit.retry_after_format, RateLimit::WaitFormat::iso);
    EXPECT_EQ(limit.reserve, 0.2);
    EXPECT_EQ(limit.usage->format, RateLimit::UsageFormat::used_over_limit);
    EXPECT_EQ(limit.usage->slow_down_at_percent, 50);
    EXPECT_EQ(source_with(R"("rate_limit": {})").rate_limit->retry_after, (std::vector<std::string>{"Retry-After"}));
}

TEST(SourceLimits, MistakesInBudgetsAreTold) {
    EXPECT_EQ(problems_of("", R"("rate_limit": {"budgets": [{"scope": "app", "limit": 5, "per": "1 second", "cost": 6}]})"),
              one(R"($.rate_limit.budgets[0].cost: must not be greater than "limit")"));
    EXPECT_EQ(problems_of("", R"("rate_limit": {"budgets": [{"scope": "app", "limit": 5, "per": "1 second", "match": {"path": "/**/x"}}]})"),
              one(R"($.rate_limit.budgets[0].match.path: "**" stands for the rest, so it must come last)"));
    EXPECT_EQ(problems_of("", R"("rate_limit": {"reserve": 0.95})"), one("$.rate_limit.reserve: must be from 0 to 0.9"));
    EXPECT_EQ(problems_of("", R"("rate_limit": {"reset_format": "ms"})"), one(R"(~$.rate_limit.reset_format: has no effect without "reset")"));
    EXPECT_EQ(problems_of("", R"("rate_limit": {"usage_header": {"name": "X Used", "format": "percent"}})"),
              one(R"($.rate_limit.usage_header.name: "X Used" is not a valid header name)"));
}

TEST(SourceLimits, ConcurrencyBreakerAndBatch) {
    const Source source = source_with(R"("concurrency": {"source": 8, "account": 2, "stream": 1}, "breaker": {"failures": 3, "cooldown": "2 minutes", "scope": "account"},
        "batch": {"encoder": "meta_graph", "max": 20, "counts_as": "one"}, "timeouts": {"connect": "1 second", "first_byte": "2 seconds", "total": "3 seconds"})");
    EXPECT_EQ(source.concurrency.source, 8);
    EXPECT_EQ(source.concurrency.account, 2);
    EXPECT_EQ(source.concurrency.stream, 1);
    EXPECT_EQ(source.breaker->failures, 3);
    EXPECT_EQ(source.breaker->cooldown, 2min);
    EXPECT_EQ(source.breaker->scope, Breaker::Scope::account);
    EXPECT_EQ(source.batch->max, 20);
    EXPECT_FALSE(source.batch->counts_each);
    EXPECT_EQ(source.first_byte_timeout, 2s);
}

TEST(SourceLimits, BreakerAndBatchStateWhatTheyNeed) {
    EXPECT_EQ(problems_of("", R"("breaker": {"failures": 3})"), one(R"($.breaker: key "cooldown" is missing)"));
    EXPECT_EQ(problems_of("", R"("batch": {"encoder": "odata", "max": 2, "counts_as": "one"})"), one(R"($.batch.encoder: must be "meta_graph")"));
}

TEST(SourceResponses, RulesHaveStatusesAndOneTest) {
    const ResponseRules rules = source_with(R"("responses": [{"when": {"status": 404}, "do": "empty"}, {"when": {"status": [500, "4xx"], "path": "$.code", "equals": "x"}, "do": "retry"},
        {"when": {"path": "header:X-Error", "exists": true}, "do": "reauth"}, {"when": {"path": "$.e", "not_in": [0, null]}, "do": "reset_pagination"},
        {"when": {"path": "$", "contains": "busy"}, "do": "rate_limited"}])").responses;
    ASSERT_EQ(rules.size(), 5U);
    EXPECT_EQ(rules[0].status, (std::vector<StatusClass>{404}));
    EXPECT_FALSE(rules[0].condition);
    EXPECT_EQ(rules[1].status, (std::vector<StatusClass>{500, 4}));
    EXPECT_EQ(rules[1].condition->in, (std::vector<std::string>{"\"x\""}));
    EXPECT_EQ(rules[1].action, ResponseRule::Do::retry);
    EXPECT_EQ(rules[2].condition->path.header(), "X-Error");
    EXPECT_EQ(rules[3].condition->not_in, (std::vector<std::string>{"0", "null"}));
    EXPECT_EQ(rules[4].condition->contains, "busy");
}

TEST(SourceResponses, AStreamsRulesAreItsOwn) {
    EXPECT_EQ(test::source_of(R"("responses": [{"when": {"status": 403}, "do": "empty"}])").streams[0].responses.size(), 1U);
}

TEST(SourceResponses, ActionsNeedWhatTheyActOn) {
    EXPECT_EQ(problems_of(R"("responses": [{"when": {"status": 404}, "do": "skip_partition"}])"),
              one(R"($.streams.items.responses: "skip_partition" needs "parent" or "partitions")"));
    EXPECT_EQ(problems_of(R"("responses": [{"when": {"status": 413}, "do": "shrink_page"}])"),
              one(R"($.streams.items.responses: "shrink_page" needs a page size that is sent)"));
    EXPECT_EQ(problems_of("", R"("responses": [{"when": {}, "do": "ok"}])"), one(R"($.responses[0].when: must state "status" or "path")"));
    EXPECT_EQ(problems_of("", R"("responses": [{"when": {"equals": 1}, "do": "ok"}])"), one(R"($.responses[0].when: key "path" is missing)"));
}

}  // namespace
}  // namespace upstream::core
