// Stripe's API: subscriptions, and the events that tell of their changes. Lists are newest first and go on behind the id of
// their last row; what changes does not move in them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class Stripe final : public Dialect {
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
    struct Subscription {
        std::string id;
        std::string customer;
        std::string status;
        std::int64_t created = 0;  // seconds, like all times
        std::int64_t quantity = 1;
    };
    struct Event {
        std::string id;
        std::string type;
        std::int64_t created = 0;
        Subscription object;  // as it was then
    };
    struct Account {
        std::vector<Subscription> subscriptions;  // oldest first
        std::vector<Event> events;
        Random random{0};
        std::int64_t last = 0;
    };

    static void add(Account& account, std::int64_t at);
    static void tell(Account& account, const char* type, const Subscription& subscription, std::int64_t at);
    static std::int64_t tick(Account& account, std::int64_t i);
    static void write_subscription(Json& json, const Subscription& subscription);

    std::map<std::string, Account, std::less<>> accounts_;
    Limits limits_;
};

}  // namespace simulator
