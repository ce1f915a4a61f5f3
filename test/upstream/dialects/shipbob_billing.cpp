// Billing: charges by their day, queried by POST, and invoices. Errors are problem details.
#include <algorithm>

#include <rapidjson/document.h>

#include "clock.hpp"
#include "dialects/shipbob.hpp"
#include "dialects/values.hpp"

namespace simulator {

namespace {

Reply problem(std::string_view detail, std::string_view path) {
    Json json;
    json.open().text("type", "https://tools.ietf.org/html/rfc9110#section-15.5.1").text("title", "Bad Request").number("status", 400);
    json.text("detail", detail).text("instance", path).close();
    Reply reply = json_answer(400, json);
    reply.content_type = "application/problem+json";
    return reply;
}

// What a billing list is asked for. Days: both count. A cursor carries all of it, and the place.
struct Wanted {
    std::int64_t from_us = 0, to_us = 0;
    std::int64_t size = 100;
    bool ascending = false;
    std::int64_t begin = 0;
};

std::optional<Wanted> from_cursor(const World& world, std::string_view token) {
    const auto parts = read_page_token(world, token);
    if (!parts || parts->size() != 5) return std::nullopt;
    Wanted wanted;
    wanted.from_us = *parse_integer((*parts)[0]);
    wanted.to_us = *parse_integer((*parts)[1]);
    wanted.size = *parse_integer((*parts)[2]);
    wanted.ascending = (*parts)[3] == "a";
    wanted.begin = *parse_integer((*parts)[4]);
    return wanted;
}

std::string cursor(const World& world, const Wanted& wanted, std::int64_t begin) {
    return make_page_token(world, {std::to_string(wanted.from_us), std::to_string(wanted.to_us), std::to_string(wanted.size),
                                   wanted.ascending ? "a" : "d", std::to_string(begin)});
}

// The page of `found` (by day, oldest first), with the envelope that billing lists have.
template <class Row, class Write>
Answer billing_page(const Call& call, const Wanted& wanted, std::vector<const Row*> found, Write&& write) {
    if (!wanted.ascending) std::reverse(found.begin(), found.end());
    const auto size = static_cast<std::int64_t>(found.size());
    const std::int64_t begin = std::min(size, wanted.begin);
    const std::int64_t end = std::min(size, begin + wanted.size);
    Json json;
    json.open().open_list("items");
    for (std::int64_t i = begin; i < end; ++i) write(json, *found[static_cast<std::size_t>(i)]);
    json.close_list().text("first", cursor(call.world, wanted, 0));
    json.text_or_null("prev", begin == 0 ? "" : cursor(call.world, wanted, std::max<std::int64_t>(0, begin - wanted.size)));
    json.text_or_null("next", end == size ? "" : cursor(call.world, wanted, end)).text("last", cursor(call.world, wanted, size)).close();
    return {json_answer(200, json), static_cast<std::size_t>(end - begin)};
}

template <class Row>
std::vector<const Row*> between(const std::vector<Row>& rows, const Wanted& wanted) {
    std::vector<const Row*> found;
    for (const Row& row : rows) {
        if (row.day_us >= wanted.from_us / kDayUs * kDayUs && row.day_us <= wanted.to_us) found.push_back(&row);
    }
    return found;
}

}  // namespace

// The cursor goes into the query; then the body does not count. Without dates it is the last seven days. Members of the
// body that are unknown are ignored.
Answer ShipBob::transactions(const Call& call, std::string_view account) const {
    const std::string_view path = call.request.path;
    Wanted wanted{wall_us() - 7 * kDayUs, wall_us()};
    if (const auto token = call.query.find("Cursor")) {
        const auto read = from_cursor(call.world, *token);
        if (!read) return {problem("The cursor is not valid.", path)};
        wanted = *read;
    } else if (!call.request.body.empty()) {
        rapidjson::Document body;
        body.Parse(call.request.body.data(), call.request.body.size());
        if (body.HasParseError() || !body.IsObject()) return {problem("The body is not a JSON object.", path)};
        for (const auto& [name, bound] : {std::pair{"from_date", &wanted.from_us}, std::pair{"to_date", &wanted.to_us}}) {
            if (!body.HasMember(name) || body[name].IsNull()) continue;
            const auto time = body[name].IsString() ? parse_time(body[name].GetString()) : std::nullopt;
            if (!time) return {problem(std::string(name) + " is not a date.", path)};
            *bound = *time;
        }
        if (body.HasMember("page_size")) {
            if (!body["page_size"].IsInt64() || body["page_size"].GetInt64() < 1 || body["page_size"].GetInt64() > 1000)
                return {problem("page_size must be between 1 and 1000.", path)};
            wanted.size = body["page_size"].GetInt64();
        }
        wanted.ascending =
            body.HasMember("sort_order") && body["sort_order"].IsString() && std::string_view(body["sort_order"].GetString()) == "Ascending";
    }
    auto found = between(charges_, wanted);
    std::erase_if(found, [&](const Charge* charge) { return !sees(account, *charge); });
    return billing_page(call, wanted, std::move(found), [](Json& json, const Charge& charge) {
        json.open().text("transaction_id", charge.id).raw("amount", decimal_of(charge.cents)).text("currency_code", "USD");
        json.text("charge_date", format_day(charge.day_us)).flag("invoiced_status", charge.invoice != 0);
        if (charge.invoice == 0) {
            json.null("invoice_id").null("invoice_date");
        } else {
            json.number("invoice_id", charge.invoice).text("invoice_date", format_day(charge.invoice_day_us));
        }
        json.text("transaction_fee", charge.fee).text("transaction_type", charge.type).text("reference_id", charge.reference_id);
        json.text("reference_type", charge.reference_type).open_list("taxes").close_list().open("additional_details").close().close();
    });
}

// Without dates it is the last month.
Answer ShipBob::invoices(const Call& call) const {
    const std::string_view path = call.request.path;
    Wanted wanted{wall_us() - 30 * kDayUs, wall_us()};
    if (const auto token = call.query.find("Cursor")) {
        const auto read = from_cursor(call.world, *token);
        if (!read) return {problem("The cursor is not valid.", path)};
        wanted = *read;
    } else {
        for (const auto& [name, bound] : {std::pair{"FromDate", &wanted.from_us}, std::pair{"ToDate", &wanted.to_us}}) {
            const auto text = call.query.find(name);
            if (!text) continue;
            const auto time = parse_time(*text);
            if (!time) return {problem(std::string(name) + " is not a date.", path)};
            *bound = *time;
        }
        const auto size = integer_parameter(call.query, "PageSize", 100, 1, 1000);
        if (!size) return {problem("PageSize must be between 1 and 1000.", path)};
        wanted.size = *size;
        wanted.ascending = call.query.find("SortOrder") == "Ascending";
    }
    return billing_page(call, wanted, between(invoices_, wanted), [](Json& json, const Invoice& bill) {
        json.open().number("invoice_id", bill.id).text("invoice_date", format_day(bill.day_us)).text("invoice_type", "Shipping");
        json.raw("amount", decimal_of(bill.cents)).text("currency_code", "USD").close();
    });
}

}  // namespace simulator
