#include "dialects/shopify.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

Reply shopify_error(int status, std::string_view message) {
    Json json;
    json.open().text("errors", message).close();
    return json_answer(status, json);
}

Reply parameter_error(std::string_view name, std::string_view message) {
    Json json;
    json.open().open("errors").text(name, message).close().close();
    return json_answer(400, json);
}

// Shops write their own zone.
std::string shop_time(std::int64_t us) { return iso_seconds(us - 5 * 3600 * kSecondUs, "-05:00"); }

struct Wanted {
    std::int64_t min_us = INT64_MIN;
    std::int64_t limit = 50;
    std::int64_t after_us = INT64_MIN;  // the place of the last row
    std::int64_t after_id = 0;
};

// page_info stands for all but the limit; whatever else comes with it is refused.
std::optional<Reply> read_wanted(const Call& call, std::string_view bound, const std::vector<const char*>& filters, Wanted& wanted) {
    const auto limit = integer_parameter(call.query, "limit", 50, 1, 250);
    if (!limit) return parameter_error("limit", "must be between 1 and 250");
    wanted.limit = *limit;
    if (const auto token = call.query.find("page_info")) {
        for (const char* name : filters) {
            if (call.query.find(name))
                return parameter_error(
                    name,
                    std::string(name) +
                        " cannot be passed when page_info is present. See https://shopify.dev/docs/api/usage/pagination-rest for more information.");
        }
        const auto parts = read_page_token(call.world, *token);
        if (!parts || parts->size() != 3) return parameter_error("page_info", "Invalid value.");
        wanted.min_us = *parse_integer((*parts)[0]);
        wanted.after_us = *parse_integer((*parts)[1]);
        wanted.after_id = *parse_integer((*parts)[2]);
    } else if (const auto text = call.query.find(bound)) {
        const auto time = parse_time(*text);
        if (!time) return parameter_error(bound, "is not a time");
        wanted.min_us = *time;
    }
    return std::nullopt;
}

// The rows behind the place, oldest first, as one list under `name`, and the Link header to the next page.
template <class Row, class Key, class Write>
Answer page(const Call& call, const Wanted& wanted, const std::vector<Row>& rows, std::string_view name, const Key& key, const Write& write) {
    std::vector<const Row*> found;
    for (const Row& row : rows) {
        if (key(row) >= wanted.min_us && std::pair(key(row), row.id) > std::pair(wanted.after_us, wanted.after_id)) found.push_back(&row);
    }
    std::sort(found.begin(), found.end(), [&](const Row* a, const Row* b) { return std::pair(key(*a), a->id) < std::pair(key(*b), b->id); });
    const std::size_t served = std::min(found.size(), static_cast<std::size_t>(wanted.limit));
    Json json;
    json.open().open_list(name);
    for (std::size_t i = 0; i < served; ++i) write(json, *found[i]);
    json.close_list().close();
    Answer answer{json_answer(200, json), served};
    if (served < found.size()) {
        const Row& last = *found[served - 1];
        const std::string token = make_page_token(call.world, {std::to_string(wanted.min_us), std::to_string(key(last)), std::to_string(last.id)});
        answer.reply.headers.emplace_back("Link", "<" + std::string(call.origin) + std::string(call.request.path) +
                                                      "?limit=" + std::to_string(wanted.limit) + "&page_info=" + token + ">; rel=\"next\"");
    }
    return answer;
}

}  // namespace

std::int64_t Shopify::Order::total() const {
    std::int64_t cents = 0;
    for (const Line& line : lines) cents += line.quantity * line.cents;
    return cents;
}

std::int64_t Shopify::tick(Shop& shop, std::int64_t i) {
    if (i % 3 == 0) shop.last_us = std::max(shop.last_us, wall_us() / kSecondUs * kSecondUs);
    return shop.last_us;
}

Shopify::Order& Shopify::add(Shop& shop, std::int64_t at_us) {
    const std::uint64_t key = shop.random();
    Order order{next_id_++, at_us, at_us, key % 3 == 0 ? "pending" : "paid", {}, {}};
    for (std::uint64_t i = 0; i <= key % 3; ++i)
        order.lines.push_back({next_id_++, static_cast<std::int64_t>(1 + key % 3), static_cast<std::int64_t>(100 + key % 9900)});
    shop.orders.push_back(std::move(order));
    return shop.orders.back();
}

void Shopify::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::bucket, 40, 20 * kSecondUs};
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t orders = options.integer("orders", 400, 0, 1'000'000);
    if (!options.problem().empty()) return;
    for (const std::string& name : settings.accounts) {
        Shop& shop = shops_[name];
        shop.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("shopify/" + name));
        const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
        for (std::int64_t i = 0; i < orders; ++i) add(shop, end - (orders - i) / 3 * 600 * kSecondUs);
    }
}

std::optional<Reply> Shopify::route(const Call& call, Subject& subject) {
    const auto parts = split(call.request.path, '/');
    if (parts.size() != 5 || parts[1] != "admin" || parts[2] != "api" || (parts[4] != "orders.json" && parts[4] != "events.json"))
        return shopify_error(404, "Not Found");
    subject = {account_of_token(call.world, call.request.header("x-shopify-access-token")), parts[4] == "orders.json" ? "orders" : "events"};
    if (subject.account.empty()) return shopify_error(401, "[API] Invalid API key or access token (unrecognized login or wrong password)");
    return std::nullopt;
}

std::optional<Reply> Shopify::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return shopify_error(405, "use GET");
    if (limits_.ask(subject.account, monotonic_us()).admitted) return std::nullopt;
    Reply reply = shopify_error(429, "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.");
    const std::string limit = std::to_string(limits_.rule().limit);
    reply.headers.emplace_back("Retry-After", "2.0");
    reply.headers.emplace_back("X-Shopify-Shop-Api-Call-Limit", limit + "/" + limit);
    return reply;
}

Answer Shopify::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    const Shop& shop = shops_.find(subject.account)->second;
    Answer answer = subject.stream == "orders" ? orders(call, shop) : events(call, shop);
    const std::int64_t limit = limits_.rule().limit;
    answer.reply.headers.emplace_back("X-Shopify-Shop-Api-Call-Limit",
                                      std::to_string(limit - limits_.remaining(subject.account)) + "/" + std::to_string(limit));
    return answer;
}

void Shopify::write_order(Json& json, const Order& order) {
    json.open().number("id", order.id).text("name", "#" + std::to_string(order.id % 100'000)).text("created_at", shop_time(order.created_us));
    json.text("updated_at", shop_time(order.updated_us)).text("financial_status", order.financial_status).text("currency", "USD");
    json.text("total_price", decimal_of(order.total())).open_list("line_items");
    for (const Line& line : order.lines) {
        json.open()
            .number("id", line.id)
            .text("sku", "SKU-" + std::to_string(line.cents))
            .number("quantity", line.quantity)
            .text("price", decimal_of(line.cents))
            .close();
    }
    json.close_list().open_list("refunds");
    for (const Refund& refund : order.refunds) {
        json.open().number("id", refund.id).number("order_id", order.id).text("created_at", shop_time(refund.created_us)).open_list("transactions");
        json.open().number("id", refund.id + 1).text("kind", "refund").text("amount", decimal_of(refund.cents)).close().close_list().close();
    }
    json.close_list().close();
}

// Only the order this test needs: by updated_at, ascending. Another one must not go unnoticed.
Answer Shopify::orders(const Call& call, const Shop& shop) {
    Wanted wanted;
    if (auto wrong = read_wanted(call, "updated_at_min", {"status", "order", "updated_at_min", "created_at_min"}, wanted)) return {std::move(*wrong)};
    if (!call.query.find("page_info") && call.query.find("order") != "updated_at asc")
        return {parameter_error("order", "this simulator knows \"updated_at asc\" alone")};
    const bool any = call.query.find("page_info") || call.query.find("status") == "any";
    if (!any) return {parameter_error("status", "this simulator knows \"any\" alone")};
    return page(
        call, wanted, shop.orders, "orders", [](const Order& order) { return order.updated_us; }, write_order);
}

// What was done to whom; here, which orders were deleted.
Answer Shopify::events(const Call& call, const Shop& shop) {
    Wanted wanted;
    if (auto wrong = read_wanted(call, "created_at_min", {"filter", "verb", "created_at_min"}, wanted)) return {std::move(*wrong)};
    return page(
        call, wanted, shop.deletions, "events", [](const Deletion& deletion) { return deletion.created_us; },
        [](Json& json, const Deletion& deletion) {
            json.open().number("id", deletion.id).number("subject_id", deletion.order).text("subject_type", "Order").text("verb", "destroy");
            json.text("created_at", shop_time(deletion.created_us)).close();
        });
}

void Shopify::change(Shop& shop, const std::map<std::string, std::int64_t>& counts) {
    const auto any = [&]() -> Order& { return shop.orders[shop.random.below(shop.orders.size())]; };
    for (std::int64_t i = 0; i < counts.at("delete") && !shop.orders.empty(); ++i) {
        const auto at = shop.orders.begin() + static_cast<std::ptrdiff_t>(shop.random.below(shop.orders.size()));
        shop.deletions.push_back({next_id_++, at->id, tick(shop, i)});
        shop.orders.erase(at);
    }
    for (std::int64_t i = 0; i < counts.at("edit") && !shop.orders.empty(); ++i) {  // a line goes, another comes
        Order& order = any();
        if (order.lines.size() > 1) order.lines.erase(order.lines.begin());
        order.lines.push_back({next_id_++, 1, static_cast<std::int64_t>(100 + shop.random() % 5000)});
        order.updated_us = tick(shop, i);
    }
    for (std::int64_t i = 0; i < counts.at("refund") && !shop.orders.empty(); ++i) {
        Order& order = any();
        order.updated_us = tick(shop, i);
        order.refunds.push_back({next_id_, order.updated_us, order.total() / 2});
        next_id_ += 2;
        order.financial_status = "partially_refunded";
    }
    for (std::int64_t i = 0; i < counts.at("orders"); ++i) add(shop, tick(shop, i));
}

bool Shopify::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    std::map<std::string, std::int64_t> counts;
    std::int64_t changed = 0;
    for (const char* name : {"orders", "edit", "refund", "delete"}) changed += counts[name] = options.integer(name, 0, 0, 100'000);
    if (!options.problem().empty()) return true;
    const bool found = for_accounts(shops_, account, [&](const std::string&, Shop& shop) { change(shop, counts); });
    world.stats.mutations += changed;
    done.number("changed", changed);
    return found;
}

// orders: id, financial_status, total_price, updated_at. lines: id, order_id, quantity, price. refunds: id, order_id,
// created_at, amount.
std::optional<std::string> Shopify::oracle(std::string_view account, std::string_view table) const {
    const auto at = shops_.find(account);
    if (at == shops_.end() || (table != "orders" && table != "lines" && table != "refunds")) return std::nullopt;
    Copy copy;
    for (const Order& order : at->second.orders) {
        if (table == "orders")
            copy.number(order.id).text(order.financial_status).text(decimal_of(order.total())).text(shop_time(order.updated_us)).end_row();
        if (table == "lines") {
            for (const Line& line : order.lines) copy.number(line.id).number(order.id).number(line.quantity).text(decimal_of(line.cents)).end_row();
        }
        if (table == "refunds") {
            for (const Refund& refund : order.refunds)
                copy.number(refund.id).number(order.id).text(shop_time(refund.created_us)).text(decimal_of(refund.cents)).end_row();
        }
    }
    return copy.take();
}

}  // namespace simulator
