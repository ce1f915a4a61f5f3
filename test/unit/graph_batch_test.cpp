// Many requests in one, as Meta's Graph API wants them, and their answers taken apart again.
#include "core/graph_batch.hpp"

#include <gtest/gtest.h>

#include "core/json.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

Source graph(const std::string& base = "https://graph.example.com/{account.api_version}") {
    Source source;
    source.name = "messenger";
    source.base_url = *Text::parse(base);
    source.auth.type = Auth::Type::api_key;
    source.auth.place = Auth::Place::query;
    source.auth.name = "access_token";
    source.batch = BatchCalls{};
    return source;
}

Request get(const std::string& url) { return Request{.url = url, .headers = {{"Accept", "application/json"}}}; }

std::string decoded(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::string batch_of(const Request& request) { return decoded(request.body->substr(request.body->find("&batch=") + 7)); }

TEST(GraphBatch, HoldsEachRequestWithItsOwnToken) {
    const Request one = get("https://graph.example.com/v22.0/1/conversations?limit=100&access_token=AAA");
    const Request two = get("https://graph.example.com/v21.0/2/conversations?access_token=B%2FB&limit=100");
    const Request* items[] = {&one, &two};
    const Request batch = encode_batch(graph(), items);
    EXPECT_EQ(batch.method, "POST");
    EXPECT_EQ(batch.url, "https://graph.example.com/");
    EXPECT_TRUE(batch.body->starts_with("access_token=AAA&include_headers=false&batch="));
    EXPECT_EQ(batch_of(batch), R"([{"method":"GET","relative_url":"v22.0/1/conversations?limit=100&access_token=AAA"},)"
                               R"({"method":"GET","relative_url":"v21.0/2/conversations?access_token=B%2FB&limit=100"}])");
}

TEST(GraphBatch, TakesTheTokenFromTheAuthorizationHeaderToo) {
    Source source = graph("https://graph.example.com/v22.0");
    source.auth = Auth{.type = Auth::Type::bearer};
    Request one = get("https://graph.example.com/v22.0/1/feed");
    one.headers.emplace_back("Authorization", "Bearer A+A");
    const Request* items[] = {&one};
    const Request batch = encode_batch(source, items);
    EXPECT_EQ(batch.url, "https://graph.example.com/v22.0/");
    EXPECT_TRUE(batch.body->starts_with("access_token=A%2BA&"));
    EXPECT_EQ(batch_of(batch), R"([{"method":"GET","relative_url":"1/feed?access_token=A%2BA"}])");
    for (const auto& [name, value] : batch.headers) EXPECT_NE(name, "Authorization");
}

TEST(GraphBatch, AsksForHeadersOnlyIfTheSpecReadsSome) {
    Source source = graph();
    source.rate_limit = RateLimit{.usage = RateLimit::Usage{.name = "X-App-Usage"}};
    const Request one = get("https://graph.example.com/v22.0/1");
    const Request* items[] = {&one};
    EXPECT_NE(encode_batch(source, items).body->find("include_headers=true"), std::string::npos);
}

TEST(GraphBatch, KeepsApartWhatCannotShareOne) {
    const Source source = graph();
    const Request plain = get("https://graph.example.com/v22.0/1?access_token=A");
    const auto key = batch_key(source, plain);
    ASSERT_TRUE(key);
    EXPECT_EQ(batch_key(source, get("https://graph.example.com/v25.0/2?access_token=B")), key) << "another account, another version";
    EXPECT_NE(batch_key(source, get("https://other.example.com/v25.0/2")), key);
    Request special = plain;
    special.headers.emplace_back("If-None-Match", "\"x\"");
    EXPECT_NE(batch_key(source, special), key);
    Request post = plain;
    post.method = "POST";
    EXPECT_EQ(batch_key(source, post), std::nullopt);
    Source without = graph();
    without.batch.reset();
    EXPECT_EQ(batch_key(without, plain), std::nullopt);
}

Response answer(std::string body) { return Response{.status = 200, .headers = {}, .body = std::move(body), .wire_bytes = 1000}; }

TEST(GraphBatch, AnswersComeInTheOrderOfTheRequests) {
    const auto results = decode_batch(answer(R"([
        {"code": 200, "headers": [{"name": "X-Usage", "value": "{\"a\": 1}"}], "body": "{\"data\": [{\"id\": \"1\"}]}"},
        null,
        {"code": 400, "body": "{\"error\": {\"code\": 190}}"}])"), 3);
    ASSERT_TRUE(results);
    ASSERT_TRUE((*results)[0]);
    EXPECT_EQ((*results)[0]->body, R"({"data": [{"id": "1"}]})");
    EXPECT_EQ((*results)[0]->header("x-usage"), R"({"a": 1})");
    EXPECT_FALSE((*results)[1]) << "was not done";
    EXPECT_EQ((*results)[2]->status, 400) << "an item's failure is its own";
    EXPECT_LE((*results)[0]->wire_bytes + (*results)[2]->wire_bytes, 1000U);
    EXPECT_GE((*results)[0]->wire_bytes + (*results)[2]->wire_bytes, 990U);
}

TEST(GraphBatch, AnItemWithoutACodeWasNotDone) {
    const auto results = decode_batch(answer(R"([{}, {"code": "x"}, {"code": 200}, 7])"), 4);
    ASSERT_TRUE(results);
    EXPECT_FALSE((*results)[0]);
    EXPECT_FALSE((*results)[1]);
    ASSERT_TRUE((*results)[2]);
    EXPECT_EQ((*results)[2]->body, "");
    EXPECT_FALSE((*results)[3]);
}

TEST(GraphBatch, AnswersThatAreNoListOfAsManyAreRefused) {
    for (const char* body : {"", "{}", "[]", "[null]", "[null,null,null]", "<html>", R"({"error": {"code": 4}})"})
        EXPECT_FALSE(decode_batch(answer(body), 2)) << body;
}

}  // namespace
}  // namespace upstream::core
