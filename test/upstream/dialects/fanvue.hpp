// Fanvue's creator API: earnings that change, with and without an identity; chats, messages, subscribers.
//
// Accounts are creators, told apart by their access tokens, which live an hour and whose refresh tokens are good once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class Fanvue final : public Dialect {
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
    [[nodiscard]] std::string_view token_path() const override { return "/oauth2/token"; }

  private:
    // A row of earnings. `order_id` is "" for the older kind, which nothing but its content tells from its neighbours.
    struct Earning {
        std::uint64_t key = 0;  // gives the order in which the list is served: none that one could use
        std::int64_t date_us = 0;
        std::int64_t gross = 0;
        std::int64_t net = 0;
        std::string source;
        std::string currency = "USD";
        std::string order_id;
        std::string reversed_id;  // of the row that this one takes back
        std::string status;
        std::string fan, message, post;  // uuids, or ""
        bool reversed = false;
    };
    struct Message {
        std::string uuid;
        std::int64_t sent_us = 0;
        std::string text;  // "" is null
        bool from_fan = true;
        std::int64_t price = 0;         // cents; 0: free
        std::int64_t purchased_us = 0;  // 0: not
        bool read = false;
    };
    struct Chat {
        std::uint64_t fan = 0;
        std::vector<Message> messages;  // oldest first
    };
    struct Creator {
        std::vector<Earning> earnings;
        std::vector<Chat> chats;
        std::vector<std::uint64_t> subscribers;
        Random random{0};
        std::uint64_t next = 1;
        std::int64_t last_us = 0;
    };

    // Making rows (fanvue_rows.cpp).
    void make_rows(Creator& creator) const;
    static std::uint64_t next_key(Creator& creator);
    static void earn(Creator& creator, std::int64_t date_us);
    static void say(Creator& creator, Chat& chat, std::int64_t sent_us);
    static std::int64_t tick(Creator& creator, std::int64_t i);
    static std::int64_t settle(Creator& creator, std::int64_t count);
    static std::int64_t refund(Creator& creator, std::int64_t count);
    static std::int64_t purchase(Creator& creator, std::int64_t count);
    static void write_earnings(Copy& copy, const Creator& creator);
    static void write_messages(Copy& copy, const Creator& creator);

    // Answering (fanvue.cpp).
    Answer earnings(const Call& call, const Creator& creator) const;
    Answer chats(const Call& call, const Creator& creator) const;
    Answer messages(const Call& call, Creator& creator, std::string_view fan);
    static Answer subscribers(const Call& call, const Creator& creator);
    static void write_earning(Json& json, const Earning& earning);

    std::map<std::string, Creator, std::less<>> creators_;
    Limits limits_;
    std::int64_t sales_ = 0, chats_ = 0, messages_ = 0, subscribers_ = 0, days_ = 0;
    bool day_bounds_ = false;  // dates lose their time, as in an older wording of the documentation
    bool retired_ = false;     // the version that everybody asks for answers 410
    std::int64_t marked_ = 0;  // reads of messages that took the creator's unread badge away
};

}  // namespace simulator
