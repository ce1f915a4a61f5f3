// ShipBob's API: orders with their shipments, products, charges that are invoiced later, invoices, and timelines that move
// without their shipment's last_update_at.
//
// Accounts are merchants, told apart by their tokens; the one that the setup calls `parent` sees everybody's charges.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class ShipBob final : public Dialect {
  public:
    void set_up(Options& options, const Settings& settings) override;
    std::optional<Reply> route(const Call& call, Subject& subject) override;
    std::optional<Reply> admit(const Call& call, const Subject& subject) override;
    Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) override;
    bool mutate(Options& options, World& world, Json& done) override;
    [[nodiscard]] std::optional<std::string> oracle(std::string_view account, std::string_view table) const override;
    void write_stats(Json& json) const override;
    [[nodiscard]] std::size_t rows(std::string_view account, std::string_view stream) const override;
    void reset_stats() override;

  private:
    struct Event {
        std::int64_t code = 0;  // 601 created ... 609 delivered
        std::int64_t at_us = 0;
    };
    struct Shipment {
        std::int64_t id = 0;
        std::string status;
        std::int64_t created_us = 0;
        std::int64_t updated_us = 0;
        std::string tracking_number;  // "" until labelled
        std::int64_t cents = 0;       // of its invoice_amount
        std::vector<Event> events;
        [[nodiscard]] bool delivered() const { return !events.empty() && events.back().code == 609; }
    };
    struct Order {
        std::int64_t id = 0;
        std::string status;
        std::int64_t created_us = 0;
        std::int64_t updated_us = 0;  // its own; what LastUpdate* filters by is the largest of this and its shipments'
        std::vector<Shipment> shipments;
        [[nodiscard]] std::int64_t last_update_us() const;
    };
    struct Product {
        std::int64_t id = 0;
        std::int64_t revision = 1;
        std::int64_t updated_us = 0;
    };
    struct Charge {
        std::string id;
        std::string owner;  // the account whose shipment or product it is for
        std::int64_t cents = 0;
        std::int64_t day_us = 0;
        std::int64_t invoice = 0;  // 0: not invoiced
        std::int64_t invoice_day_us = 0;
        std::string fee, type, reference_type, reference_id;
    };
    struct Invoice {
        std::int64_t id = 0;
        std::int64_t day_us = 0;
        std::int64_t cents = 0;
    };
    struct Merchant {
        std::vector<Order> orders;  // by id
        std::vector<Product> products;
        Random random{0};
        std::int64_t last_us = 0;
    };

    // Making and changing rows (shipbob_rows.cpp).
    Order& order_at(Merchant& merchant, std::int64_t at_us);
    void charge(const std::string& owner, const Merchant& merchant, const Shipment& shipment, std::int64_t day_us);
    void deliver(Merchant& merchant, Shipment& shipment, std::int64_t at_us);
    static std::int64_t tick(Merchant& merchant, std::int64_t i);
    std::int64_t invoice(std::int64_t count);
    void change(const std::string& name, Merchant& merchant, const std::map<std::string, std::int64_t>& counts);
    [[nodiscard]] bool sees(std::string_view account, const Charge& charge) const { return account == parent_ || account == charge.owner; }
    static void write_orders(Copy& copy, const Merchant& merchant, std::string_view table);
    void write_charges(Copy& copy, std::string_view account) const;

    // Answering (shipbob.cpp, shipbob_billing.cpp).
    static Answer orders(const Call& call, const Merchant& merchant);
    static void write_order(Json& json, const Order& order);
    static Answer products(const Call& call, const Merchant& merchant);
    static Answer timeline(const Call& call, const Merchant& merchant, std::string_view id);
    Answer tracking(const Call& call, const Merchant& merchant);
    Answer transactions(const Call& call, std::string_view account) const;
    Answer invoices(const Call& call) const;

    std::map<std::string, Merchant, std::less<>> merchants_;
    std::vector<Charge> charges_;    // by day
    std::vector<Invoice> invoices_;  // by day
    std::string parent_;
    Limits limits_;
    std::int64_t next_id_ = 7001;
    std::int64_t undelivered_ = 0;    // of the first rows, that many of the newest shipments are on their way
    std::vector<std::string> asked_;  // ids of shipments whose tracking was asked for, in order
};

}  // namespace simulator
