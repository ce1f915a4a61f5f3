#include "dialects/stripe.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

Reply stripe_error(int status, std::string_view message, std::string_view param = "", std::string_view code = "") {
    Json json;
    json.open().open("error").text("type", status == 401 ? "authentication_error" : "invalid_request_error").text("message", message);
    if (!param.empty()) json.text("param", param);
    if (!code.empty()) json.text("code", code);
    json.close().close();
    return json_answer(status, json);
}

// The bounds on `created`, in seconds.
bool passes(std::int64_t created, const Parameters& query) {
    const auto bound = [&](const char* name, std::int64_t fallback) { return parse_integer(query.find(name).value_or("")).value_or(fallback); };
    return created >= bound("created[gte]", INT64_MIN) && created > bound("created[gt]", INT64_MIN) && created <= bound("created[lte]", INT64_MAX) &&
           created < bound("created[lt]", INT64_MAX);
}

// A type, or all of a kind: "customer.subscription.*".
bool type_matches(std::string_view type, std::string_view wanted) {
    return wanted.empty() || type == wanted || (wanted.ends_with('*') && type.starts_with(wanted.substr(0, wanted.size() - 1)));
}

// Newest first, behind the row with the id of `starting_after`.
template <class Row, class Filter, class Write>
Answer list(const Call& call, const std::vector<Row>& rows, const Filter& filter, const Write& write) {
    const auto limit = integer_parameter(call.query, "limit", 10, 1, 100);
    if (!limit) return {stripe_error(400, "Invalid integer: limit must be between 1 and 100", "limit", "parameter_invalid_integer")};
    auto at = rows.rbegin();
    if (const auto after = call.query.find("starting_after")) {
        at = std::find_if(rows.rbegin(), rows.rend(), [&](const Row& row) { return row.id == *after; });
        if (at == rows.rend()) return {stripe_error(400, "No such object: '" + std::string(*after) + "'", "starting_after", "resource_missing")};
        ++at;
    }
    Json json;
    json.open().text("object", "list").text("url", call.request.path).open_list("data");
    std::int64_t served = 0;
    bool more = false;
    for (; at != rows.rend(); ++at) {
        if (!filter(*at)) continue;
        if (served == *limit) {
            more = true;
            break;
        }
        write(json, *at);
        ++served;
    }
    json.close_list().flag("has_more", more).close();
    return {json_answer(200, json), static_cast<std::size_t>(served)};
}

}  // namespace

std::int64_t Stripe::tick(Account& account, std::int64_t i) {
    if (i % 3 == 0) account.last = std::max(account.last, wall_us() / kSecondUs);
    return account.last;
}

void Stripe::tell(Account& account, const char* type, const Subscription& subscription, std::int64_t at) {
    account.events.push_back({"evt_" + hex_of(account.random(), 16) + std::to_string(account.events.size()), type, at, subscription});
}

void Stripe::add(Account& account, std::int64_t at) {
    const std::uint64_t key = account.random();
    account.subscriptions.push_back({"sub_" + hex_of(key, 14) + std::to_string(account.subscriptions.size()), "cus_" + hex_of(mix(key), 14),
                                     key % 6 == 0 ? "trialing" : "active", at, static_cast<std::int64_t>(1 + key % 4)});
    tell(account, "customer.subscription.created", account.subscriptions.back(), at);
}

void Stripe::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::sliding, 25, kSecondUs};
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t subscriptions = options.integer("subscriptions", 250, 0, 1'000'000);
    const std::int64_t days = options.integer("days", 60, 1, 3650);
    if (!options.problem().empty()) return;
    for (const std::string& name : settings.accounts) {
        Account& account = accounts_[name];
        account.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("stripe/" + name));
        const std::int64_t end = wall_us() / kSecondUs - 3600;
        const std::int64_t step = days * 86'400 / std::max<std::int64_t>(subscriptions, 1);
        for (std::int64_t i = 0; i < subscriptions; ++i) add(account, end - days * 86'400 + i / 3 * 3 * step);
    }
}

std::optional<Reply> Stripe::route(const Call& call, Subject& subject) {
    const auto parts = split(call.request.path, '/');
    if (parts.size() < 3 || parts.size() > 4 || parts[1] != "v1" || (parts[2] != "subscriptions" && parts[2] != "events")) {
        return stripe_error(404, "Unrecognized request URL");
    }
    subject = {account_of_token(call.world, bearer_token(call.request)), std::string(parts[2])};
    if (subject.account.empty()) return stripe_error(401, "Invalid API Key provided");
    return std::nullopt;
}

std::optional<Reply> Stripe::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return stripe_error(405, "use GET");
    if (limits_.ask(subject.account, monotonic_us()).admitted) return std::nullopt;
    Reply reply = stripe_error(429, "Request rate limit exceeded.", "", "rate_limit");
    reply.headers.emplace_back("Stripe-Rate-Limited-Reason", "global-rate");
    return reply;
}

void Stripe::write_subscription(Json& json, const Subscription& s) {
    json.open().text("id", s.id).text("object", "subscription").text("customer", s.customer).text("status", s.status).number("created", s.created);
    json.number("quantity", s.quantity).open("metadata").close().close();
}

// Cancelled subscriptions are in the list only for status=all; events are kept for thirty days.
Answer Stripe::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    const Account& account = accounts_.find(subject.account)->second;
    const auto parts = split(call.request.path, '/');
    if (subject.stream == "events") {
        const std::string_view type = call.query.find("type").value_or("");
        const std::int64_t oldest = wall_us() / kSecondUs - 30 * 86'400;
        return list(
            call, account.events, [&](const Event& e) { return e.created >= oldest && type_matches(e.type, type) && passes(e.created, call.query); },
            [](Json& json, const Event& event) {
                json.open().text("id", event.id).text("object", "event").text("type", event.type).number("created", event.created);
                write_subscription(json.open("data").key("object"), event.object);
                json.close().close();
            });
    }
    if (parts.size() == 4) {
        const auto at =
            std::find_if(account.subscriptions.begin(), account.subscriptions.end(), [&](const Subscription& s) { return s.id == parts[3]; });
        if (at == account.subscriptions.end())
            return {stripe_error(404, "No such subscription: '" + std::string(parts[3]) + "'", "id", "resource_missing")};
        Json json;
        write_subscription(json, *at);
        return {json_answer(200, json), 1};
    }
    const bool all = call.query.find("status") == "all";
    return list(
        call, account.subscriptions, [&](const Subscription& s) { return (all || s.status != "canceled") && passes(s.created, call.query); },
        write_subscription);
}

bool Stripe::mutate(Options& options, World& world, Json& done) {
    const std::string wanted = options.text("account", "*");
    const std::int64_t create = options.integer("create", 0, 0, 100'000), update = options.integer("update", 0, 0, 100'000);
    const std::int64_t cancel = options.integer("cancel", 0, 0, 100'000);
    if (!options.problem().empty()) return true;
    std::int64_t changed = 0;
    const bool found = for_accounts(accounts_, wanted, [&](const std::string&, Account& account) {
        for (std::int64_t i = 0; i < update && !account.subscriptions.empty(); ++i) {  // several of one subscription share a second
            Subscription& subscription = account.subscriptions[account.random.below(account.subscriptions.size())];
            for (int again = 0; again < 2; ++again) {
                ++subscription.quantity;
                tell(account, "customer.subscription.updated", subscription, tick(account, i));
            }
        }
        std::int64_t left = cancel;
        for (Subscription& subscription : account.subscriptions) {
            if (left == 0) break;
            if (subscription.status == "canceled") continue;
            subscription.status = "canceled";
            tell(account, "customer.subscription.deleted", subscription, tick(account, --left));
        }
        for (std::int64_t i = 0; i < create; ++i) add(account, tick(account, i));
        changed += create + update + cancel - left;
    });
    world.stats.mutations += changed;
    done.number("changed", changed);
    return found;
}

// subscriptions: id, customer, status, created, quantity. events: id, type, created, object_id.
std::optional<std::string> Stripe::oracle(std::string_view name, std::string_view table) const {
    const auto at = accounts_.find(name);
    if (at == accounts_.end() || (table != "subscriptions" && table != "events")) return std::nullopt;
    Copy copy;
    if (table == "subscriptions") {
        for (const Subscription& s : at->second.subscriptions)
            copy.text(s.id).text(s.customer).text(s.status).text(iso_seconds(s.created * kSecondUs)).number(s.quantity).end_row();
    } else {
        const std::int64_t oldest = wall_us() / kSecondUs - 30 * 86'400;
        for (const Event& e : at->second.events) {
            if (e.created >= oldest) copy.text(e.id).text(e.type).text(iso_seconds(e.created * kSecondUs)).text(e.object.id).end_row();
        }
    }
    return copy.take();
}

}  // namespace simulator
