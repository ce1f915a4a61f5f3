// Shopify's REST Admin API: orders with their lines and refunds, and the events that tell which orders were deleted. Further
// pages take nothing but page_info and limit; the call limit is a leaky bucket told in a header.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class Shopify final : public Dialect {
  public:
    void set_up(Options& options, const Settings& settings) override;
    std::optional<Reply> route(const Call& call, Subject& subject) override;
    std::optional<Reply> admit(const Call& call, const Subject& subject) override;
    Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) override;
    bool mutate(Options& options, World& world, Json& done) override;
    [[nodiscard]] std::optional<std::string> oracle(std::string_view account, std::string_view table) const override;
    void write_stats(Json& json) const override { limits_.write_stats(json); }
    void reset_stats() override { limits_.reset_stats(); }

  private:
    struct Line {
        std::int64_t id = 0;
        std::int64_t quantity = 1;
        std::int64_t cents = 0;
    };
    struct Refund {
        std::int64_t id = 0;
        std::int64_t created_us = 0;
        std::int64_t cents = 0;
    };
    struct Order {
        std::int64_t id = 0;
        std::int64_t created_us = 0;
        std::int64_t updated_us = 0;
        std::string financial_status;
        std::vector<Line> lines;
        std::vector<Refund> refunds;
        [[nodiscard]] std::int64_t total() const;
    };
    struct Deletion {
        std::int64_t id = 0;
        std::int64_t order = 0;
        std::int64_t created_us = 0;
    };
    struct Shop {
        std::vector<Order> orders;
        std::vector<Deletion> deletions;
        Random random{0};
        std::int64_t last_us = 0;
    };

    Order& add(Shop& shop, std::int64_t at_us);
    void change(Shop& shop, const std::map<std::string, std::int64_t>& counts);
    static std::int64_t tick(Shop& shop, std::int64_t i);
    static void write_order(Json& json, const Order& order);
    static Answer orders(const Call& call, const Shop& shop);
    static Answer events(const Call& call, const Shop& shop);

    std::map<std::string, Shop, std::less<>> shops_;
    std::int64_t next_id_ = 5'000'000'000'001;
    Limits limits_;
};

}  // namespace simulator
