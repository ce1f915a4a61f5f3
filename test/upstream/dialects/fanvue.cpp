// Fanvue's paths, pages, limits and errors.
#include "dialects/fanvue.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::string_view kVersion = "2025-06-26";
const std::string kSelf = uuid_of(0);  // the creator as messages name her

Reply refusal(int status, std::string_view error, std::string_view message) {
    Json json;
    json.open().text("error", error).text("message", message).close();
    return json_answer(status, json);
}

Reply bad_request(std::string_view problem) {
    Json json;
    json.open().open_list("errors").item(problem).close_list().close();
    return json_answer(400, json);
}

// The page and size of lists with numbered pages.
struct Numbered {
    std::size_t page = 1;
    std::size_t size = 15;
};

std::optional<Numbered> read_numbered(const Parameters& query) {
    const auto page = integer_parameter(query, "page", 1, 1, 1'000'000);
    const auto size = integer_parameter(query, "size", 15, 1, 50);
    if (!page || !size) return std::nullopt;
    return Numbered{static_cast<std::size_t>(*page), static_cast<std::size_t>(*size)};
}

// {"data": [...], "pagination": {"page", "size", "hasMore"}}
template <class Row, class Write>
Answer numbered_page(const Call& call, const std::vector<Row>& rows, Write&& write) {
    const auto wanted = read_numbered(call.query);
    if (!wanted) return {bad_request("page must be at least 1, and size from 1 to 50")};
    const std::size_t begin = std::min(rows.size(), (wanted->page - 1) * wanted->size);
    const std::size_t end = std::min(rows.size(), begin + wanted->size);
    Json json;
    json.open().open_list("data");
    for (std::size_t i = begin; i < end; ++i) write(json, rows[i]);
    json.close_list().open("pagination").number("page", static_cast<std::int64_t>(wanted->page));
    json.number("size", static_cast<std::int64_t>(wanted->size)).flag("hasMore", end < rows.size()).close().close();
    return {json_answer(200, json), end - begin};
}

void write_user(Json& json, std::string_view name, std::string_view uuid, std::uint64_t fan) {
    json.open(name).text("uuid", uuid).text("handle", "fan" + hex_of(fan, 6)).text("displayName", name_of(fan));
    json.null("nickname").flag("isTopSpender", fan % 10 == 0).close();
}

}  // namespace

void Fanvue::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::bucket, 200};
    read_limit(options, rule);
    limits_ = Limits(rule);
    const auto count = [&](const char* name, std::int64_t fallback) { return options.integer(name, fallback, 0, 1'000'000); };
    sales_ = count("transactions", 100);
    chats_ = count("chats", 10);
    messages_ = std::max<std::int64_t>(1, count("messages", 5));
    subscribers_ = count("subscribers", 20);
    days_ = options.integer("days", 60, 1, 3650);
    day_bounds_ = options.flag("day_bounds", false);
    retired_ = options.flag("retired", false);
    if (!options.problem().empty()) return;
    for (const std::string& name : settings.accounts) {
        Creator& creator = creators_[name];
        creator.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("fanvue/" + name));
        make_rows(creator);
    }
}

std::optional<Reply> Fanvue::route(const Call& call, Subject& subject) {
    std::string_view path = call.request.path;
    if (path.starts_with("/v1/")) path.remove_prefix(3);
    const auto parts = split(path.substr(1), '/');
    const auto stream = path == "/insights/earnings"                                         ? "transactions"
                        : path == "/chats"                                                   ? "chats"
                        : path == "/subscribers"                                             ? "subscribers"
                        : parts.size() == 3 && parts[0] == "chats" && parts[2] == "messages" ? "messages"
                                                                                             : "";
    if (*stream == '\0') {
        Json json;
        json.open().text("message", "Not Found").close();
        return json_answer(404, json);
    }
    const std::string_view version = call.request.header("x-fanvue-api-version");
    if (version != kVersion) return refusal(400, "Bad Request", "X-Fanvue-API-Version is missing or unknown");
    if (retired_) {
        Json json;
        json.open().text("error", "Gone").text("message", "This API version is retired").text("nextVersion", "2026-06-26").close();
        return json_answer(410, json);
    }
    subject = {call.world.auth.holder(call.request), stream};
    if (!subject.account.empty()) return std::nullopt;
    Json json;
    json.open().text("error", "Unauthorized").close();
    return json_answer(401, json);
}

std::optional<Reply> Fanvue::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return refusal(405, "Method Not Allowed", "use GET");
    if (auto wrong = call.world.auth.refuse(call.request, call.query, subject.account)) return wrong;
    const Verdict verdict = limits_.ask(subject.account, monotonic_us());
    if (verdict.admitted) return std::nullopt;
    Reply reply = refusal(429, "Too Many Requests", "slow down");
    reply.headers.emplace_back("Retry-After", std::to_string(verdict.wait_us / kSecondUs + 1));
    reply.headers.emplace_back("X-RateLimit-Limit", std::to_string(limits_.rule().limit));
    reply.headers.emplace_back("X-RateLimit-Remaining", "0");
    reply.headers.emplace_back("X-RateLimit-Reset", std::to_string((wall_us() + verdict.wait_us) / kSecondUs + 1));
    return reply;
}

Answer Fanvue::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    Creator& creator = creators_.find(subject.account)->second;
    Answer answer = subject.stream == "transactions" ? earnings(call, creator)
                    : subject.stream == "chats"      ? chats(call, creator)
                    : subject.stream == "messages"   ? messages(call, creator, *(split(call.request.path, '/').end() - 2))
                                                     : subscribers(call, creator);
    answer.reply.headers.emplace_back("X-RateLimit-Limit", std::to_string(limits_.rule().limit));
    answer.reply.headers.emplace_back("X-RateLimit-Remaining", std::to_string(limits_.remaining(subject.account)));
    answer.reply.headers.emplace_back("X-RateLimit-Reset", std::to_string((wall_us() + limits_.rule().window_us) / kSecondUs));
    return answer;
}

void Fanvue::write_earning(Json& json, const Earning& row) {
    json.open().text("date", iso_ms(row.date_us)).number("gross", row.gross).number("net", row.net).text("currency", row.currency);
    json.text("source", row.source);
    if (!row.order_id.empty()) json.text("transactionOrderId", row.order_id);
    if (!row.reversed_id.empty()) json.text("reversedTransactionOrderId", row.reversed_id);
    json.text("transactionOrderStatus", row.status);
    if (!row.message.empty()) json.text("messageUuid", row.message);
    if (!row.post.empty()) json.text("postUuid", row.post);
    if (row.fan.empty()) {
        json.null("user");
    } else {
        write_user(json, "user", row.fan, hash_text(row.fan));
    }
    json.close();
}

// startDate counts, endDate does not; a cursor carries both, and the key that the page ended with.
Answer Fanvue::earnings(const Call& call, const Creator& creator) const {
    const auto size = integer_parameter(call.query, "size", 20, 1, 50);
    if (!size) return {bad_request("size must be from 1 to 50")};
    std::int64_t start = INT64_MIN, end = INT64_MAX;
    std::uint64_t after = 0;
    bool first = true;
    if (const auto token = call.query.find("cursor")) {
        const auto parts = read_page_token(call.world, *token);
        if (!parts || parts->size() != 3) return {bad_request("invalid cursor")};
        start = *parse_integer((*parts)[0]);
        end = *parse_integer((*parts)[1]);
        after = std::stoull((*parts)[2]);
        first = false;
    } else {
        for (const auto& [name, bound] : {std::pair{"startDate", &start}, std::pair{"endDate", &end}}) {
            const auto text = call.query.find(name);
            if (!text) continue;
            const auto time = parse_time(*text);
            if (!time) return {bad_request(std::string(name) + " must be an ISO 8601 date")};
            *bound = day_bounds_ ? *time / kDayUs * kDayUs : *time;
        }
    }
    std::vector<const Earning*> found;
    for (const Earning& row : creator.earnings) {
        if (row.date_us >= start && row.date_us < end && (first || row.key > after)) found.push_back(&row);
    }
    std::sort(found.begin(), found.end(), [](const Earning* a, const Earning* b) { return a->key < b->key; });
    const std::size_t served = std::min(found.size(), static_cast<std::size_t>(*size));
    Json json;
    json.open().open_list("data");
    for (std::size_t i = 0; i < served; ++i) write_earning(json, *found[i]);
    json.close_list();
    std::string next;
    if (served < found.size()) {
        next = make_page_token(call.world, {std::to_string(start), std::to_string(end), std::to_string(found[served - 1]->key)});
    }
    json.text_or_null("nextCursor", next).close();
    return {json_answer(200, json), served};
}

// Most recent message first, which is the order of the page numbers, too: they drift.
Answer Fanvue::chats(const Call& call, const Creator& creator) const {
    std::vector<const Chat*> sorted;
    for (const Chat& chat : creator.chats) sorted.push_back(&chat);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Chat* a, const Chat* b) { return a->messages.back().sent_us > b->messages.back().sent_us; });
    return numbered_page(call, sorted, [](Json& json, const Chat* chat) {
        const Message& last = chat->messages.back();
        const auto unread = std::count_if(chat->messages.begin(), chat->messages.end(), [](const Message& m) { return m.from_fan && !m.read; });
        json.open().text("createdAt", iso_ms(chat->messages.front().sent_us)).text("lastMessageAt", iso_ms(last.sent_us));
        json.flag("isRead", unread == 0).number("unreadMessagesCount", unread);
        write_user(json, "user", uuid_of(chat->fan), chat->fan);
        json.open("lastMessage").text("uuid", last.uuid).text_or_null("text", last.text).close().close();
    });
}

// Newest first. Reading marks the chat as read unless the request says markAsRead=false.
Answer Fanvue::messages(const Call& call, Creator& creator, std::string_view fan) {
    const auto chat = std::find_if(creator.chats.begin(), creator.chats.end(), [&](const Chat& c) { return uuid_of(c.fan) == fan; });
    if (chat == creator.chats.end()) {
        Json json;
        json.open().text("message", "Chat not found").close();
        return {json_answer(404, json)};
    }
    if (call.query.find("markAsRead") != "false") {
        ++marked_;
        for (Message& message : chat->messages) message.read = true;
    }
    const std::vector<Message> newest_first(chat->messages.rbegin(), chat->messages.rend());
    return numbered_page(call, newest_first, [&](Json& json, const Message& message) {
        json.open().text("uuid", message.uuid).text_or_null("text", message.text).text("sentAt", iso_ms(message.sent_us));
        write_user(json, "sender", message.from_fan ? uuid_of(chat->fan) : kSelf, message.from_fan ? chat->fan : 0);
        write_user(json, "recipient", message.from_fan ? kSelf : uuid_of(chat->fan), message.from_fan ? 0 : chat->fan);
        json.flag("hasMedia", message.text.empty()).text_or_null("mediaType", message.text.empty() ? "image" : "");
        json.open_list("mediaUuids").close_list().text("type", "SINGLE_RECIPIENT");
        if (message.price == 0) {
            json.null("pricing");
        } else {
            json.open("pricing").open("USD").number("price", message.price).close().close();
        }
        json.text_or_null("purchasedAt", message.purchased_us == 0 ? "" : iso_ms(message.purchased_us)).flag("isRead", message.read);
        json.text("sentByUserId", message.from_fan ? uuid_of(chat->fan) : kSelf).close();
    });
}

// In no order that is documented; who is gone is just not there.
Answer Fanvue::subscribers(const Call& call, const Creator& creator) {
    std::vector<std::uint64_t> sorted = creator.subscribers;
    std::sort(sorted.begin(), sorted.end());
    return numbered_page(call, sorted, [](Json& json, std::uint64_t fan) {
        json.open().text("uuid", uuid_of(fan)).text("handle", "fan" + hex_of(fan, 6)).text("displayName", name_of(fan));
        json.null("nickname").flag("isTopSpender", fan % 10 == 0).text("avatarUrl", "").text("registeredAt", iso_ms(kDayUs * 20'000)).close();
    });
}

void Fanvue::write_stats(Json& json) const {
    json.number("marked_as_read", marked_);
    limits_.write_stats(json);
}

std::size_t Fanvue::rows(std::string_view account, std::string_view stream) const {
    const auto at = creators_.find(account);
    if (at == creators_.end()) return 0;
    return stream == "transactions"  ? at->second.earnings.size()
           : stream == "chats"       ? at->second.chats.size()
           : stream == "subscribers" ? at->second.subscribers.size()
                                     : 0;
}

void Fanvue::reset_stats() {
    marked_ = 0;
    limits_.reset_stats();
}

}  // namespace simulator
