// Conversations and messages: how they come to be, how they change, and what is left of them in the user's tables.
#include <algorithm>

#include "clock.hpp"
#include "dialects/messenger.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

// Seconds are all there is: ties are the rule. Every third change comes in a new second.
std::int64_t Messenger::tick(Page& page, std::int64_t i) {
    if (i % 3 == 0) page.last_us = std::max(page.last_us, wall_us() / kSecondUs * kSecondUs);
    return page.last_us;
}

// Ids go beyond what a double holds.
Messenger::Conversation& Messenger::start(Page& page, std::int64_t at_us) {
    const std::int64_t number = page.next++;
    const std::uint64_t key = mix(hash_text(page.id) + static_cast<std::uint64_t>(number));
    Conversation conversation;
    conversation.id = "t_" + std::to_string(1'000'000'000'000'000 + static_cast<std::int64_t>(key % 9'000'000'000'000'000));
    conversation.user = std::to_string(24'000'000'000'000'001 + number);
    conversation.user_name = name_of(key);
    auto& placed = page.conversations[conversation.id] = conversation;
    say(page, placed, at_us);
    return placed;
}

void Messenger::say(Page& page, Conversation& conversation, std::int64_t at_us) {
    const std::uint64_t key = page.random();
    Message message;
    message.id = "m_" + hex_of(key, 16) + std::to_string(page.next++);
    message.created_us = at_us;
    message.from_user = key % 3 != 0;
    if (key % 11 != 0) message.text = "hello " + std::to_string(key % 1000) + ", " + std::string(name_of(key));
    conversation.messages.push_back(std::move(message));
}

void Messenger::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::sliding, 0, kSecondUs};
    rule.limit = 2;
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t conversations = options.integer("conversations", 30, 0, 1'000'000);
    const std::int64_t messages = options.integer("messages", 3, 1, 1000);
    empty_every_ = options.integer("empty_every", 0, 0, 1'000'000);
    null_every_ = options.integer("null_every", 0, 0, 1'000'000);
    quota_ = options.integer("quota", 0, 0, 1'000'000'000);
    if (!options.problem().empty()) return;
    const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
    for (const std::string& name : settings.accounts) {
        Page& page = pages_[name];
        page.id = name;
        page.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("messenger/" + name));
        for (std::int64_t i = 0; i < conversations; ++i) {
            const std::int64_t last = end - (conversations - i) / 3 * 60 * kSecondUs;  // three share a second
            Conversation& conversation = start(page, last - messages * kSecondUs);
            for (std::int64_t m = 1; m < messages; ++m) say(page, conversation, last - (messages - 1 - m) / 2 * kSecondUs);
            if (messages == 1) conversation.messages.back().created_us = last;
        }
    }
}

bool Messenger::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    const std::int64_t messages = options.integer("messages", 0, 0, 100'000);
    const std::int64_t conversations = options.integer("conversations", 0, 0, 100'000);
    const std::int64_t burst = options.integer("burst", 0, 0, 10'000);  // that many messages in one conversation
    const std::int64_t remove = options.integer("delete", 0, 0, 100'000);
    if (!options.problem().empty()) return true;
    std::int64_t changed = 0;
    const bool found = for_accounts(pages_, account, [&](const std::string&, Page& page) {
        const auto any = [&] {
            return std::next(page.conversations.begin(), static_cast<std::ptrdiff_t>(page.random.below(page.conversations.size())));
        };
        for (std::int64_t i = 0; i < remove && !page.conversations.empty(); ++i) page.conversations.erase(any());
        for (std::int64_t i = 0; i < messages && !page.conversations.empty(); ++i) say(page, any()->second, tick(page, i));
        for (std::int64_t i = 0; i < conversations; ++i) start(page, tick(page, i));
        if (burst > 0 && !page.conversations.empty()) {
            Conversation& busy = any()->second;
            for (std::int64_t i = 0; i < burst; ++i) say(page, busy, tick(page, i));
        }
        changed += remove + messages + conversations + burst;
    });
    world.stats.mutations += changed;
    done.number("changed", changed);
    return found;
}

// conversations: id, updated_time, message_count. participants: conversation_id, id, name. messages: id, conversation_id,
// created_time, from_id, to_id, message.
std::optional<std::string> Messenger::oracle(std::string_view account, std::string_view table) const {
    const auto at = pages_.find(account);
    if (at == pages_.end()) return std::nullopt;
    const Page& page = at->second;
    Copy copy;
    for (const auto& [id, conversation] : page.conversations) {
        if (table == "conversations") {
            copy.text(id).text(iso_seconds(conversation.updated_us())).number(static_cast<std::int64_t>(conversation.messages.size())).end_row();
        } else if (table == "participants") {
            copy.text(id).text(conversation.user).text(conversation.user_name).end_row();
            copy.text(id).text(page.id).text("Page " + page.id).end_row();
        } else if (table == "messages") {
            for (const Message& message : conversation.messages) {
                copy.text(message.id).text(id).text(iso_seconds(message.created_us));
                copy.text(message.from_user ? conversation.user : page.id).text(message.from_user ? page.id : conversation.user);
                copy.text(message.text).end_row();
            }
        } else {
            return std::nullopt;
        }
    }
    return copy.take();
}

}  // namespace simulator
