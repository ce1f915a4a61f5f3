// Facebook's Graph API as far as Messenger conversations need it. Accounts are pages; their names are page ids.
//
// The conversations list has no time filter and is newest first; nested lists are cut; several requests may come in one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class Messenger final : public Dialect {
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
    struct Message {
        std::string id;
        std::int64_t created_us = 0;
        bool from_user = true;
        std::string text;
    };
    struct Conversation {
        std::string id;
        std::string user;  // page-scoped id
        std::string user_name;
        std::vector<Message> messages;  // oldest first; the newest one's time is updated_time
        [[nodiscard]] std::int64_t updated_us() const { return messages.back().created_us; }
    };
    struct Page {
        std::string id;
        std::map<std::string, Conversation> conversations;
        Random random{0};
        std::int64_t next = 1;
        std::int64_t last_us = 0;
        std::int64_t calls = 0;
    };

    static Conversation& start(Page& page, std::int64_t at_us);
    static void say(Page& page, Conversation& conversation, std::int64_t at_us);
    static std::int64_t tick(Page& page, std::int64_t i);
    [[nodiscard]] static std::vector<const Conversation*> newest_first(const Page& page);

    Answer conversations(const Call& call, const Page& page);
    Answer messages(const Call& call, const Page& page, std::string_view id) const;
    static void write_conversation(Json& json, const Page& page, const Conversation& conversation, std::string_view fields);
    static void write_messages(Json& json, const Page& page, const Conversation& conversation, std::size_t limit);
    static void write_message(Json& json, const Page& page, const Conversation& conversation, const Message& message);
    void add_usage(Reply& reply, Page& page) const;

    // Several requests in one (messenger_batch.cpp).
    [[nodiscard]] Reply batch(const Call& call);
    [[nodiscard]] std::optional<Reply> one_of_batch(const Call& call, const rapidjson::Value& item, std::string_view token);

    std::map<std::string, Page, std::less<>> pages_;
    Limits limits_;
    std::int64_t empty_every_ = 0;  // every n-th page of conversations is empty and yet not the last
    std::int64_t null_every_ = 0;   // every n-th request of batches does not finish
    std::int64_t quota_ = 0;        // calls that make 100 % of a page's usage; 0: never shown
    std::int64_t served_ = 0;       // pages of conversations
    std::int64_t batches_ = 0, inner_ = 0, nulls_ = 0, largest_ = 0;
};

}  // namespace simulator
