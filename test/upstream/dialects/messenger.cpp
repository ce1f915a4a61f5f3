// The Graph API's paths, pages, limits and errors. The status of an error says little; its code says what it is.
#include "dialects/messenger.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

Reply graph_error(std::int64_t code, std::string_view message, bool transient = false, std::int64_t subcode = 0) {
    Json json;
    json.open().open("error").text("message", message).text("type", "OAuthException").number("code", code);
    if (subcode != 0) json.number("error_subcode", subcode);
    json.flag("is_transient", transient).text("fbtrace_id", "A" + hex_of(mix(static_cast<std::uint64_t>(code)), 12)).close().close();
    return json_answer(code == 1 || code == 2 ? 500 : 400, json);
}

// Without "/v22.0".
std::string_view without_version(std::string_view path) {
    if (path.size() < 3 || path[1] != 'v' || path[2] < '0' || path[2] > '9') return path;
    const auto slash = path.find('/', 1);
    return slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
}

std::string token_of(const Call& call) {
    if (const auto token = call.query.find("access_token")) return std::string(*token);
    return std::string(bearer_token(call.request));
}

// The parts of a field list, nested ones whole: "id,messages.limit(25){id,from}".
std::vector<std::string_view> fields_of(std::string_view text) {
    std::vector<std::string_view> fields;
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i == text.size() || (text[i] == ',' && depth == 0)) {
            if (i > begin) fields.push_back(text.substr(begin, i - begin));
            begin = i + 1;
        } else if (text[i] == '{' || text[i] == '(') {
            ++depth;
        } else if (text[i] == '}' || text[i] == ')') {
            --depth;
        }
    }
    return fields;
}

std::size_t limit_of(std::string_view field) {
    const auto at = field.find(".limit(");
    if (at == std::string_view::npos) return 25;
    const auto limit = parse_integer(field.substr(at + 7, field.find(')', at) - at - 7));
    return limit && *limit > 0 ? static_cast<std::size_t>(*limit) : 25;
}

void write_paging(Json& json, std::string_view before, std::string_view after, std::string_view next) {
    json.open("paging").open("cursors").text("before", before).text("after", after).close();
    if (!next.empty()) json.text("next", next);
    json.close();
}

void write_person(Json& json, std::string_view id, std::string_view name) {
    json.open().text("id", id).text("name", name).text("email", std::string(id) + "@facebook.invalid").close();
}

}  // namespace

std::optional<Reply> Messenger::route(const Call& call, Subject& subject) {
    const std::string_view path = without_version(call.request.path);
    if (call.request.method == "POST" && (path == "/" || path == "/me" || path == "/me/")) return batch(call);
    const auto parts = split(path.substr(1), '/');
    const std::string account = account_of_token(call.world, token_of(call));
    if (account.empty()) return graph_error(190, "Invalid OAuth access token - Cannot parse access token");
    if (parts.size() != 2 || (parts[1] != "conversations" && parts[1] != "messages")) return graph_error(100, "Unknown path components", false, 33);
    subject = {account, std::string(parts[1])};
    return std::nullopt;
}

// Two calls a second and page; what comes while throttled counts, too.
std::optional<Reply> Messenger::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return graph_error(100, "Unsupported post request", false, 33);
    Page& page = pages_.find(subject.account)->second;
    ++page.calls;
    if (limits_.ask(subject.account, monotonic_us()).admitted) return std::nullopt;
    Reply reply = graph_error(613, "(#613) Calls to this api have exceeded the rate limit.", true);
    add_usage(reply, page);
    return reply;
}

Answer Messenger::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    Page& page = pages_.find(subject.account)->second;
    const std::string_view id = *(split(call.request.path, '/').end() - 2);
    Answer answer = subject.stream == "conversations"
                        ? (id == page.id ? conversations(call, page) : Answer{graph_error(100, "Unsupported get request", false, 33)})
                        : messages(call, page, id);
    answer.reply.headers.emplace_back("facebook-api-version", "v22.0");
    add_usage(answer.reply, page);
    return answer;
}

// The share of the quota in percent; no header at all while little is used.
void Messenger::add_usage(Reply& reply, Page& page) const {
    if (quota_ == 0 || page.calls * 10 < quota_) return;
    Json json;
    const std::int64_t percent = page.calls * 100 / quota_;
    json.open().open_list(page.id).open().text("type", "messenger").number("call_count", percent).number("total_cputime", 1);
    json.number("total_time", 1).number("estimated_time_to_regain_access", percent >= 100 ? 1 : 0).close().close_list().close();
    reply.headers.emplace_back("X-Business-Use-Case-Usage", json.take());
}

std::vector<const Messenger::Conversation*> Messenger::newest_first(const Page& page) {
    std::vector<const Conversation*> sorted;
    for (const auto& [id, conversation] : page.conversations) sorted.push_back(&conversation);
    std::sort(sorted.begin(), sorted.end(), [](const Conversation* a, const Conversation* b) {
        return a->updated_us() != b->updated_us() ? a->updated_us() > b->updated_us() : a->id > b->id;
    });
    return sorted;
}

// A cursor is the place of the conversation that a page ended with: it dies with it. Unknown parameters, `since` among
// them, do nothing.
Answer Messenger::conversations(const Call& call, const Page& page) {
    const auto limit = integer_parameter(call.query, "limit", 25, 1, 1'000'000);
    if (!limit) return {graph_error(100, "(#100) param limit must be a positive integer")};
    if (*limit > 100) return {graph_error(100, "(#100) limit should not exceed 100")};
    const auto sorted = newest_first(page);
    std::size_t begin = 0;
    bool was_empty = false;
    if (const auto after = call.query.find("after")) {
        const auto parts = read_page_token(call.world, *after);
        if (!parts || parts->size() != 3 || !page.conversations.contains((*parts)[1]))
            return {graph_error(100, "(#100) Invalid parameter: invalid after cursor")};
        const std::int64_t updated_us = *parse_integer((*parts)[0]);
        begin = static_cast<std::size_t>(std::partition_point(sorted.begin(), sorted.end(),
                                                              [&](const Conversation* c) {
                                                                  return c->updated_us() != updated_us ? c->updated_us() > updated_us
                                                                                                       : c->id >= (*parts)[1];
                                                              }) -
                                         sorted.begin());
        was_empty = (*parts)[2] == "e";
    }
    const bool empty = empty_every_ > 0 && begin > 0 && !was_empty && ++served_ % empty_every_ == 0 && begin < sorted.size();
    const std::size_t end = empty ? begin : std::min(sorted.size(), begin + static_cast<std::size_t>(*limit));
    Json json;
    json.open().open_list("data");
    for (std::size_t i = begin; i < end; ++i) write_conversation(json, page, *sorted[i], call.query.find("fields").value_or("id,updated_time"));
    json.close_list();
    if (end > 0) {
        const auto token = [&](const Conversation& c, const char* kind) {
            return make_page_token(call.world, {std::to_string(c.updated_us()), c.id, kind});
        };
        const std::string last = token(*sorted[end - 1], empty ? "e" : "-");
        std::string next;
        if (end < sorted.size()) {
            next = std::string(call.origin) + std::string(call.request.path) + "?limit=" + std::to_string(*limit) + "&after=" + percent_encode(last) +
                   "&access_token=" + token_of(call);
        }
        write_paging(json, token(*sorted[std::min(begin, end - 1)], "-"), last, next);
    }
    json.close();
    return {json_answer(200, json), end - begin};
}

void Messenger::write_conversation(Json& json, const Page& page, const Conversation& conversation, std::string_view fields) {
    json.open();
    for (const std::string_view field : fields_of(fields)) {
        const std::string_view name = field.substr(0, field.find_first_of(".{("));
        if (name == "updated_time") json.text(name, iso_seconds(conversation.updated_us(), "+0000"));
        if (name == "snippet") json.text(name, conversation.messages.back().text);
        if (name == "message_count") json.number(name, static_cast<std::int64_t>(conversation.messages.size()));
        if (name == "unread_count") json.number(name, conversation.messages.back().from_user ? 1 : 0);
        if (name == "participants" || name == "senders") {
            json.open(name).open_list("data");
            write_person(json, conversation.user, conversation.user_name);
            write_person(json, page.id, "Page " + page.id);
            json.close_list().close();
        }
        if (name == "messages") write_messages(json.key(name), page, conversation, limit_of(field));
    }
    json.text("id", conversation.id).close();
}

void Messenger::write_message(Json& json, const Page& page, const Conversation& conversation, const Message& message) {
    const std::string page_name = "Page " + page.id;
    json.open().text("id", message.id).text("created_time", iso_seconds(message.created_us, "+0000")).key("from");
    message.from_user ? write_person(json, conversation.user, conversation.user_name) : write_person(json, page.id, page_name);
    json.open("to").open_list("data");
    message.from_user ? write_person(json, page.id, page_name) : write_person(json, conversation.user, conversation.user_name);
    json.close_list().close().text("message", message.text).close();
}

// The newest ones; the rest has pages of its own.
void Messenger::write_messages(Json& json, const Page& page, const Conversation& conversation, std::size_t limit) {
    const auto& all = conversation.messages;
    const std::size_t count = std::min(limit, all.size());
    json.open().open_list("data");
    for (std::size_t i = 0; i < count; ++i) write_message(json, page, conversation, all[all.size() - 1 - i]);
    const std::string after = base64url(all[all.size() - count].id);
    json.close_list();
    write_paging(
        json, base64url(all.back().id), after,
        count < all.size() ? "https://graph.facebook.com/v22.0/" + conversation.id + "/messages?after=" + after + "&access_token=REDACTED" : "");
    json.close();
}

Answer Messenger::messages(const Call& call, const Page& page, std::string_view id) const {
    const auto at = page.conversations.find(std::string(id));
    if (at == page.conversations.end()) return {graph_error(100, "Unsupported get request. Object does not exist", false, 33)};
    const auto limit = integer_parameter(call.query, "limit", 25, 1, 100);
    if (!limit) return {graph_error(100, "(#100) limit should not exceed 100")};
    const auto& all = at->second.messages;
    std::size_t left = all.size();  // those from here on have been served
    if (const auto after = call.query.find("after")) {
        const auto last = base64_decode(*after);
        const auto found = std::find_if(all.begin(), all.end(), [&](const Message& m) { return last && m.id == *last; });
        if (found == all.end()) return {graph_error(100, "(#100) Invalid parameter: invalid after cursor")};
        left = static_cast<std::size_t>(found - all.begin());
    }
    const std::size_t count = std::min(left, static_cast<std::size_t>(*limit));
    Json json;
    json.open().open_list("data");
    for (std::size_t i = 0; i < count; ++i) write_message(json, page, at->second, all[left - 1 - i]);
    json.close_list();
    if (count > 0) {
        const std::string after = base64url(all[left - count].id);
        const std::string next = std::string(call.origin) + std::string(call.request.path) + "?limit=" + std::to_string(*limit) + "&after=" + after +
                                 "&access_token=" + token_of(call);
        write_paging(json, base64url(all[left - 1].id), after, count < left ? next : "");
    }
    json.close();
    return {json_answer(200, json), count};
}

void Messenger::write_stats(Json& json) const {
    json.open("batch").number("outer", batches_).number("inner", inner_).number("nulls", nulls_).number("largest", largest_).close();
    limits_.write_stats(json);
}

std::size_t Messenger::rows(std::string_view account, std::string_view stream) const {
    const auto at = pages_.find(account);
    return at == pages_.end() || stream != "conversations" ? 0 : at->second.conversations.size();
}

void Messenger::reset_stats() {
    batches_ = inner_ = nulls_ = largest_ = 0;
    limits_.reset_stats();
}

}  // namespace simulator
