// ShipBob's paths, limits and errors; pages of orders, products and timelines.
#include "dialects/shipbob.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::string_view kVersion = "/2026-01/";
constexpr std::string_view kOffset = "+00:00";

Reply field_error(std::string_view field, std::string_view message) {
    Json json;
    json.open().open_list(field).item(message).close_list().close();
    return json_answer(400, json);
}

Reply empty_answer(int status) {
    Reply reply;
    reply.status = status;
    return reply;
}

struct EventType {
    std::int64_t code;
    std::string_view name, status;
};
constexpr EventType kEvents[] = {{601, "Created", "Created"},
                                 {602, "Picked", "Picked"},
                                 {603, "Packed", "Packed"},
                                 {604, "Labeled", "Labeled"},
                                 {605, "Label Validated", "LabelValidated"},
                                 {607, "In Transit", "InTransit"},
                                 {608, "Out For Delivery", "OutForDelivery"},
                                 {609, "Delivered", "Delivered"}};

const EventType& event_type(std::int64_t code) {
    return *std::find_if(std::begin(kEvents), std::end(kEvents) - 1, [code](const EventType& type) { return type.code == code; });
}

}  // namespace

std::optional<Reply> ShipBob::route(const Call& call, Subject& subject) {
    const std::string_view path = call.request.path;
    if (!path.starts_with(kVersion)) return empty_answer(404);
    const auto parts = split(path.substr(kVersion.size()), '/');
    static constexpr std::pair<std::string_view, std::string_view> kLists[] = {{"order", "orders"},
                                                                               {"product", "products"},
                                                                               {"transactions:query", "transactions"},
                                                                               {"invoices", "invoices"},
                                                                               {"shipments-tracking", "timelines"}};
    for (const auto& [name, stream] : kLists) {
        if (parts.size() == 1 && parts[0] == name) subject.stream = stream;
    }
    if (parts.size() == 3 && parts[0] == "shipment" && parts[2] == "timeline") subject.stream = "timelines";
    if (subject.stream.empty()) return empty_answer(404);
    subject.account = account_of_token(call.world, bearer_token(call.request));
    if (subject.account.empty()) return empty_answer(401);
    return std::nullopt;
}

std::optional<Reply> ShipBob::admit(const Call& call, const Subject& subject) {
    if (call.request.method != (subject.stream == "transactions" ? "POST" : "GET")) return empty_answer(405);
    const Verdict verdict = limits_.ask(subject.account, monotonic_us());
    if (verdict.admitted) return std::nullopt;
    const std::string wait = std::to_string(verdict.wait_us / kSecondUs + 1);
    Json json;
    json.open().number("statusCode", 429).text("message", "Rate limit is exceeded. Try again in " + wait + " seconds.").close();
    Reply reply = json_answer(429, json);
    reply.headers.emplace_back("x-retry-after", wait);
    reply.headers.emplace_back("x-remaining-calls", "0");
    return reply;
}

Answer ShipBob::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    const Merchant& merchant = merchants_.find(subject.account)->second;
    const auto parts = split(call.request.path, '/');
    Answer answer = subject.stream == "orders"         ? orders(call, merchant)
                    : subject.stream == "products"     ? products(call, merchant)
                    : subject.stream == "transactions" ? transactions(call, subject.account)
                    : subject.stream == "invoices"     ? invoices(call)
                    : parts.back() == "timeline"       ? timeline(call, merchant, *(parts.end() - 2))
                                                       : tracking(call, merchant);
    answer.reply.headers.emplace_back("x-remaining-calls", std::to_string(limits_.remaining(subject.account)));
    return answer;
}

void ShipBob::write_order(Json& json, const Order& order) {
    json.open().number("id", order.id).text("order_number", "A-" + std::to_string(order.id)).text("reference_id", "r-" + std::to_string(order.id));
    json.text("status", order.status).text("created_date", iso_seconds(order.created_us, kOffset));
    json.open("channel").number("id", 1001).text("name", "API").close().open_list("shipments");
    for (const Shipment& shipment : order.shipments) {
        json.open().number("id", shipment.id).number("order_id", order.id).text("status", shipment.status);
        json.text("created_date", iso_seconds(shipment.created_us, kOffset)).text("last_update_at", iso_seconds(shipment.updated_us, kOffset));
        json.null("delivery_date").open_list("status_details").close_list();
        if (shipment.tracking_number.empty()) {
            json.null("tracking");
        } else {
            json.open("tracking").text("carrier", "X").text("tracking_number", shipment.tracking_number).close();
        }
        json.raw("invoice_amount", decimal_of(shipment.cents)).text("invoice_currency_code", "USD").close();
    }
    json.close_list().close();
}

// A bare array; where it ends is told by headers. Both bounds count.
Answer ShipBob::orders(const Call& call, const Merchant& merchant) {
    const auto page = integer_parameter(call.query, "Page", 1, 1, 1'000'000);
    const auto limit = integer_parameter(call.query, "Limit", 50, 1, 250);
    if (!page) return {field_error("Page", "Page must be at least 1.")};
    if (!limit) return {field_error("Limit", "Limit must be between 1 and 250.")};
    std::int64_t start = INT64_MIN, end = INT64_MAX;
    for (const auto& [name, bound] : {std::pair{"LastUpdateStartDate", &start}, std::pair{"LastUpdateEndDate", &end}}) {
        const auto text = call.query.find(name);
        if (!text) continue;
        const auto time = parse_time(*text);
        if (!time) return {field_error(name, "The value '" + std::string(*text) + "' is not valid.")};
        *bound = *time;
    }
    std::vector<const Order*> found;
    for (const Order& order : merchant.orders) {
        if (order.last_update_us() >= start && order.last_update_us() <= end) found.push_back(&order);
    }
    if (call.query.find("SortOrder") != "Oldest") std::reverse(found.begin(), found.end());
    const auto size = static_cast<std::size_t>(*limit);
    const std::size_t begin = std::min(found.size(), static_cast<std::size_t>(*page - 1) * size);
    const std::size_t stop = std::min(found.size(), begin + size);
    Json json;
    json.open_list();
    for (std::size_t i = begin; i < stop; ++i) write_order(json, *found[i]);
    json.close_list();
    Answer answer{json_answer(200, json), stop - begin};
    answer.reply.headers.emplace_back("page-number", std::to_string(*page));
    answer.reply.headers.emplace_back("page-size", std::to_string(size));
    answer.reply.headers.emplace_back("total-pages", std::to_string((found.size() + size - 1) / size));
    answer.reply.headers.emplace_back("total-count", std::to_string(found.size()));
    return answer;
}

// `next` is a URL without host.
Answer ShipBob::products(const Call& call, const Merchant& merchant) {
    const auto size = integer_parameter(call.query, "PageSize", 50, 1, 250);
    if (!size) return {field_error("PageSize", "PageSize must be between 1 and 250.")};
    const std::string since_text(call.query.find("LastUpdatedTimestamp").value_or(""));
    const auto since = since_text.empty() ? std::optional<std::int64_t>(INT64_MIN) : parse_time(since_text);
    if (!since) return {field_error("LastUpdatedTimestamp", "The value is not valid.")};
    std::int64_t after = 0;
    if (const auto token = call.query.find("Cursor")) {
        const auto parts = read_page_token(call.world, *token);
        if (!parts) return {field_error("Cursor", "The cursor is not valid.")};
        after = *parse_integer((*parts)[0]);
    }
    std::vector<const Product*> found;
    for (const Product& product : merchant.products) {
        if (product.updated_us >= *since && product.id > after) found.push_back(&product);
    }
    const std::size_t served = std::min(found.size(), static_cast<std::size_t>(*size));
    Json json;
    json.open().open_list("items");
    for (std::size_t i = 0; i < served; ++i) {
        const Product& product = *found[i];
        json.open()
            .number("id", product.id)
            .text("name", std::string(name_of(static_cast<std::uint64_t>(product.id))) + " v" + std::to_string(product.revision));
        json.text("sku", "SKU-" + std::to_string(product.id)).text("updated_on", iso_seconds(product.updated_us, kOffset)).close();
    }
    json.close_list();
    std::string next;
    if (served < found.size()) {
        next = std::string(call.request.path) + "?PageSize=" + std::to_string(*size) + "&LastUpdatedTimestamp=" + percent_encode(since_text) +
               "&Cursor=" + make_page_token(call.world, {std::to_string(found[served - 1]->id)});
    }
    json.text_or_null("next", next).close();
    return {json_answer(200, json), served};
}

Answer ShipBob::timeline(const Call&, const Merchant& merchant, std::string_view id) {
    for (const Order& order : merchant.orders) {
        for (const Shipment& shipment : order.shipments) {
            if (std::to_string(shipment.id) != id) continue;
            Json json;
            json.open_list();
            for (const Event& event : shipment.events) {
                const EventType& type = event_type(event.code);
                json.open().number("log_type_id", event.code).text("log_type_name", type.name).text("log_type_text", type.name);
                json.text("timestamp", iso_seconds(event.at_us, kOffset)).open("metadata").close().close();
            }
            json.close_list();
            return {json_answer(200, json), shipment.events.size()};
        }
    }
    return {empty_answer(404)};
}

// Up to 25 shipments at a time, each with all that happened to it.
Answer ShipBob::tracking(const Call& call, const Merchant& merchant) {
    const auto ids = split(call.query.find("ShipmentIds").value_or(""), ',');
    if (ids.size() > 25) return {field_error("ShipmentIds", "At most 25 shipments can be asked for.")};
    std::map<std::string, const Shipment*, std::less<>> wanted;
    for (const std::string_view id : ids) {
        wanted.emplace(std::string(id), nullptr);
        asked_.emplace_back(id);
    }
    for (const Order& order : merchant.orders) {
        for (const Shipment& shipment : order.shipments) {
            const auto at = wanted.find(std::to_string(shipment.id));
            if (at != wanted.end()) at->second = &shipment;
        }
    }
    Json json;
    json.open_list();
    std::size_t served = 0;
    for (const auto& [id, shipment] : wanted) {
        if (shipment == nullptr) continue;  // unknown ones are left out
        ++served;
        const Event& last = shipment->events.back();
        json.open().number("shipment_id", shipment->id).text_or_null("tracking_number", shipment->tracking_number);
        json.text("status", event_type(last.code).status).text("last_updated", iso_seconds(last.at_us, kOffset)).open_list("history");
        for (const Event& event : shipment->events) {
            json.open().text("timestamp", iso_seconds(event.at_us, kOffset)).text("status", event_type(event.code).status).null("substatus").close();
        }
        json.close_list().close();
    }
    json.close_list();
    return {json_answer(200, json), served};
}

void ShipBob::write_stats(Json& json) const { limits_.write_stats(json); }

std::size_t ShipBob::rows(std::string_view account, std::string_view stream) const {
    const auto at = merchants_.find(account);
    if (at == merchants_.end()) return 0;
    return stream == "orders" ? at->second.orders.size() : stream == "products" ? at->second.products.size() : 0;
}

void ShipBob::reset_stats() {
    asked_.clear();
    limits_.reset_stats();
}

}  // namespace simulator
