// POST / or /me with `batch`: up to fifty requests in one, each answered, charged and failing by itself.
#include <algorithm>

#include <rapidjson/document.h>

#include "dialects/messenger.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr rapidjson::SizeType kMax = 50;

Reply batch_error(std::string_view message) {
    Json json;
    json.open().open("error").text("message", message).text("type", "GraphBatchException").number("code", 100).close().close();
    return json_answer(400, json);
}

std::string member_text(const rapidjson::Value& object, const char* name) {
    const auto at = object.FindMember(name);
    return at != object.MemberEnd() && at->value.IsString() ? text_of(at->value) : std::string{};
}

void write_result(Json& json, const std::optional<Reply>& reply, bool with_headers) {
    if (!reply) {
        json.null_item();
        return;
    }
    json.open().number("code", reply->status);
    if (with_headers) {
        json.open_list("headers");
        json.open().text("name", "Content-Type").text("value", "application/json; charset=UTF-8").close();
        for (const auto& [name, value] : reply->headers) json.open().text("name", name).text("value", value).close();
        json.close_list();
    }
    json.text("body", reply->body).close();
}

}  // namespace

// The batch comes as a form, as the documentation shows it, or as a JSON body.
Reply Messenger::batch(const Call& call) {
    const Parameters form(call.request.body);
    const std::string_view type = call.request.header("content-type");
    const bool is_json = type.starts_with("application/json");
    rapidjson::Document whole, list;
    if (is_json) whole.Parse(call.request.body.data(), call.request.body.size());
    const auto member = [&](const char* name) -> std::string {
        if (is_json) return whole.IsObject() ? member_text(whole, name) : std::string{};
        const auto value = form.find(name);
        return std::string(value ? *value : call.query.find(name).value_or(""));
    };
    if (is_json && whole.IsObject() && whole.HasMember("batch") && whole["batch"].IsArray()) {
        list.CopyFrom(whole["batch"], list.GetAllocator());
    } else {
        const std::string text = member("batch");
        list.Parse(text.data(), text.size());
    }
    if (list.HasParseError() || !list.IsArray() || list.Empty()) return batch_error("batch parameter must be a JSON array");
    if (list.Size() > kMax) return batch_error("Too many requests in batch message. Maximum batch size is 50");
    const std::string token = member("access_token");

    ++batches_;
    largest_ = std::max<std::int64_t>(largest_, list.Size());
    Json json;
    json.open_list();
    std::vector<std::optional<Reply>> replies;  // in flight till the whole is answered
    for (const auto& item : list.GetArray()) replies.push_back(one_of_batch(call, item, token));
    for (const auto& reply : replies) write_result(json, reply, member("include_headers") != "false");
    json.close_list();
    Reply answer = json_answer(200, json);
    return answer;
}

// nullopt: it did not finish.
std::optional<Reply> Messenger::one_of_batch(const Call& call, const rapidjson::Value& item, std::string_view token) {
    ++inner_;
    if (null_every_ > 0 && inner_ % null_every_ == 0) {
        ++nulls_;
        return std::nullopt;
    }
    if (!item.IsObject()) return batch_error("each item must be an object");
    const std::string method = member_text(item, "method");
    std::string target = member_text(item, "relative_url");
    if (!target.starts_with('/')) target.insert(0, 1, '/');
    const std::string own = member_text(item, "access_token");
    const std::string secret = "Bearer " + (own.empty() ? std::string(token) : own);
    const auto question = target.find('?');
    Request request;
    request.method = method;
    request.target = target;
    request.path = std::string_view(target).substr(0, question);
    request.query = question == std::string::npos ? std::string_view{} : std::string_view(target).substr(question + 1);
    request.headers.emplace_back("authorization", secret);
    Reply reply = call.serve(request);
    call.world.stats.log.add("BATCH " + method, target, reply.hang || reply.reset ? 0 : reply.status);
    // A connection of its own it has not: what breaks one leaves it unfinished.
    if (reply.hang || reply.reset || reply.truncate) {
        ++nulls_;
        return std::nullopt;
    }
    return reply;
}

}  // namespace simulator
