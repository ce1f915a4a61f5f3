// ShipBob's rows: how they come to be, how they change, and what is left of them in the user's tables.
#include <algorithm>

#include "clock.hpp"
#include "dialects/shipbob.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::string_view kOffset = "+00:00";

std::string status_name(std::int64_t code) {
    switch (code) {
        case 601:
            return "Created";
        case 602:
            return "Picked";
        case 603:
            return "Packed";
        case 604:
            return "Labeled";
        case 605:
            return "LabelValidated";
        case 607:
            return "InTransit";
        case 608:
            return "OutForDelivery";
        default:
            return "Delivered";
    }
}

}  // namespace

std::int64_t ShipBob::Order::last_update_us() const {
    std::int64_t last = updated_us;
    for (const Shipment& shipment : shipments) last = std::max(last, shipment.updated_us);
    return last;
}

std::int64_t ShipBob::tick(Merchant& merchant, std::int64_t i) {
    if (i % 3 == 0) merchant.last_us = std::max(merchant.last_us, wall_us() / kSecondUs * kSecondUs);
    return merchant.last_us;
}

ShipBob::Order& ShipBob::order_at(Merchant& merchant, std::int64_t at_us) {
    const std::uint64_t key = merchant.random();
    Order order;
    order.id = next_id_++;
    order.status = "Processing";
    order.created_us = order.updated_us = at_us;
    for (std::uint64_t i = 0; i <= key % 2; ++i) {
        Shipment shipment;
        shipment.id = next_id_++;
        shipment.status = "Processing";
        shipment.created_us = shipment.updated_us = at_us;
        shipment.cents = static_cast<std::int64_t>(500 + key % 2000);
        shipment.events.push_back({601, at_us});
        order.shipments.push_back(std::move(shipment));
    }
    merchant.orders.push_back(std::move(order));
    return merchant.orders.back();
}

// Nobody tells the shipment: last_update_at stays.
void ShipBob::deliver(Merchant&, Shipment& shipment, std::int64_t at_us) {
    for (const std::int64_t code : {602, 603, 604, 605, 607, 608, 609}) {
        if (code > shipment.events.back().code) shipment.events.push_back({code, at_us});
    }
}

// Charges of a shipment; every fifth is of something else: a product's storage, an unknown kind of thing.
void ShipBob::charge(const std::string& owner, const Merchant& merchant, const Shipment& shipment, std::int64_t day_us) {
    Charge charge;
    const std::uint64_t key = mix(static_cast<std::uint64_t>(shipment.id) * 31 + charges_.size());
    charge.id = "01" + hex_of(key, 16) + std::to_string(charges_.size());
    charge.owner = owner;
    charge.cents = shipment.cents;
    charge.day_us = day_us / kDayUs * kDayUs;
    charge.fee = "Shipping";
    charge.type = "Charge";
    charge.reference_type = "Shipment";
    charge.reference_id = std::to_string(shipment.id);
    if (key % 5 == 0 && !merchant.products.empty()) {
        charge.fee = "Storage";
        charge.reference_type = key % 10 == 0 ? "FC" : "Product";
        const std::string product = std::to_string(merchant.products[key % merchant.products.size()].id);
        charge.reference_id = key % 10 == 0 ? "FC12-" + product + "-Shelf" : product;
    }
    charges_.insert(std::upper_bound(charges_.begin(), charges_.end(), charge, [](const Charge& a, const Charge& b) { return a.day_us < b.day_us; }),
                    charge);
}

void ShipBob::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::sliding, 150};
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t orders = options.integer("orders", 60, 0, 1'000'000);
    const std::int64_t products = options.integer("products", 20, 0, 100'000);
    const std::int64_t days = options.integer("days", 60, 1, 3650);
    undelivered_ = options.integer("undelivered", 20, 0, 1'000'000);
    parent_ = options.text("parent", "");
    if (!options.problem().empty()) return;
    const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
    for (const std::string& name : settings.accounts) {
        Merchant& merchant = merchants_[name];
        if (name == parent_) continue;
        merchant.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("shipbob/" + name));
        for (std::int64_t i = 0; i < products; ++i)
            merchant.products.push_back({(std::int64_t{1} << 40) + next_id_++, 1, end - i / 3 * 3600 * kSecondUs});
        std::int64_t made = 0;
        for (std::int64_t i = 0; i < orders; ++i) {
            const std::int64_t at = end - days * kDayUs / std::max<std::int64_t>(orders, 1) * ((orders - i) / 3 * 3);
            for (Shipment& shipment : order_at(merchant, at).shipments) {
                shipment.status = "Completed";
                shipment.tracking_number = "1Z" + std::to_string(shipment.id);
                ++made;
            }
        }
        for (Order& order : merchant.orders) {
            for (Shipment& shipment : order.shipments) {
                if (made-- > undelivered_) deliver(merchant, shipment, std::min(end, shipment.created_us + 3 * kDayUs));
                charge(name, merchant, shipment, shipment.created_us);
            }
        }
    }
    invoice(static_cast<std::int64_t>(charges_.size()) / 2);
}

// The oldest charges that are not yet invoiced get a new invoice together: rows that changed long after their date.
std::int64_t ShipBob::invoice(std::int64_t count) {
    if (count == 0) return 0;
    Invoice bill{next_id_++, wall_us() / kDayUs * kDayUs, 0};
    std::int64_t done = 0;
    for (Charge& charge : charges_) {
        if (done == count) break;
        if (charge.invoice != 0) continue;
        charge.invoice = bill.id;
        charge.invoice_day_us = bill.day_us;
        bill.cents += charge.cents;
        ++done;
    }
    if (done > 0) invoices_.push_back(bill);
    return done;
}

void ShipBob::change(const std::string& name, Merchant& merchant, const std::map<std::string, std::int64_t>& counts) {
    for (std::int64_t i = 0; i < counts.at("orders"); ++i) {
        Order& order = order_at(merchant, tick(merchant, i));
        for (const Shipment& shipment : order.shipments) charge(name, merchant, shipment, order.created_us);
    }
    std::int64_t ship = counts.at("ship"), cancel = counts.at("cancel"), move = counts.at("move"), arrive = counts.at("deliver");
    for (Order& order : merchant.orders) {
        for (Shipment& shipment : order.shipments) {
            if (ship > 0 && shipment.status == "Processing") {
                shipment.status = "Completed";
                shipment.tracking_number = "1Z" + std::to_string(shipment.id);
                shipment.updated_us = tick(merchant, --ship);
                order.status = "Fulfilled";
            } else if (shipment.status == "Completed" && !shipment.delivered() && arrive > 0) {
                deliver(merchant, shipment, tick(merchant, --arrive));
            } else if (shipment.status == "Completed" && !shipment.delivered() && shipment.events.back().code < 607 && move > 0) {
                shipment.events.push_back({607, tick(merchant, --move)});
            }
        }
        if (cancel > 0 && order.status == "Processing") {
            order.status = "Cancelled";
            order.updated_us = tick(merchant, --cancel);
            for (Shipment& shipment : order.shipments) shipment.status = "Cancelled";
        }
    }
    for (std::int64_t i = 0; i < counts.at("products") && !merchant.products.empty(); ++i) {
        Product& product = merchant.products[merchant.random.below(merchant.products.size())];
        ++product.revision;
        product.updated_us = tick(merchant, i);
    }
    for (std::int64_t i = 0; i < counts.at("charges") && !merchant.orders.empty(); ++i) {
        const Order& order = merchant.orders[merchant.random.below(merchant.orders.size())];
        charge(name, merchant, order.shipments.front(), wall_us());
    }
}

bool ShipBob::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    std::map<std::string, std::int64_t> counts;
    for (const char* name : {"orders", "ship", "cancel", "move", "deliver", "products", "charges"})
        counts[name] = options.integer(name, 0, 0, 100'000);
    const std::int64_t bills = options.integer("invoice", 0, 0, 1'000'000);
    if (!options.problem().empty()) return true;
    std::int64_t changed = 0;
    const bool found = for_accounts(merchants_, account, [&](const std::string& name, Merchant& merchant) {
        if (name == parent_) return;
        change(name, merchant, counts);
        for (const auto& [what, count] : counts) changed += count;
    });
    changed += invoice(bills);
    world.stats.mutations += changed;
    done.number("changed", changed);
    return found;
}

// orders: id, order_number, status, created_date. shipments: id, order_id, status, created_date, last_update_at,
// tracking_number, invoice_amount. timelines: shipment_id, occurred_at, status. open: ids of shipments on their way.
void ShipBob::write_orders(Copy& copy, const Merchant& merchant, std::string_view table) {
    for (const Order& order : merchant.orders) {
        if (table == "orders")
            copy.number(order.id).text("A-" + std::to_string(order.id)).text(order.status).text(iso_seconds(order.created_us, kOffset)).end_row();
        for (const Shipment& shipment : order.shipments) {
            if (table == "shipments") {
                copy.number(shipment.id).number(order.id).text(shipment.status).text(iso_seconds(shipment.created_us, kOffset));
                copy.text(iso_seconds(shipment.updated_us, kOffset))
                    .text_or_null(shipment.tracking_number)
                    .text(decimal_of(shipment.cents))
                    .end_row();
            }
            if (table == "open" && !shipment.delivered() && shipment.status == "Completed") copy.number(shipment.id).end_row();
            if (table != "timelines" || shipment.status == "Cancelled") continue;
            for (const Event& event : shipment.events)
                copy.number(shipment.id).text(iso_seconds(event.at_us, kOffset)).text(status_name(event.code)).end_row();
        }
    }
}

// transaction_id, amount, charge_date, invoiced_status, invoice_id, transaction_fee, reference_type, reference_id, and the
// name of the account that the charge is for, if what it refers to says so.
void ShipBob::write_charges(Copy& copy, std::string_view account) const {
    for (const Charge& charge : charges_) {
        if (!sees(account, charge)) continue;
        copy.text(charge.id).text(decimal_of(charge.cents)).text(format_day(charge.day_us)).flag(charge.invoice != 0);
        charge.invoice == 0 ? copy.null() : copy.number(charge.invoice);
        copy.text(charge.fee).text(charge.reference_type).text(charge.reference_id);
        copy.text_or_null(charge.reference_type == "FC" ? "" : charge.owner).end_row();
    }
}

std::optional<std::string> ShipBob::oracle(std::string_view account, std::string_view table) const {
    const auto at = merchants_.find(account);
    if (at == merchants_.end()) return std::nullopt;
    Copy copy;
    if (table == "orders" || table == "shipments" || table == "timelines" || table == "open") {
        write_orders(copy, at->second, table);
    } else if (table == "products") {  // id, name, sku
        for (const Product& product : at->second.products) {
            copy.number(product.id).text(std::string(name_of(static_cast<std::uint64_t>(product.id))) + " v" + std::to_string(product.revision));
            copy.text("SKU-" + std::to_string(product.id)).end_row();
        }
    } else if (table == "transactions") {
        write_charges(copy, account);
    } else if (table == "invoices") {  // invoice_id, invoice_date, amount
        for (const Invoice& bill : invoices_) copy.number(bill.id).text(format_day(bill.day_us)).text(decimal_of(bill.cents)).end_row();
    } else if (table == "asked") {  // not a table: the order in which trackings were asked for
        for (const std::string& id : asked_) copy.text(id).end_row();
    } else {
        return std::nullopt;
    }
    return copy.take();
}

}  // namespace simulator
