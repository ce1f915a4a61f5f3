// Fanvue's rows: how they come to be, how they change, and what is left of them in the user's tables.
#include <algorithm>

#include "clock.hpp"
#include "dialects/fanvue.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kMs = 1000;

std::string text_of_message(std::uint64_t key) {
    if (key % 9 == 0) return {};  // media without words
    return "message " + std::to_string(key % 1000) + " from " + std::string(name_of(key));
}

}  // namespace

std::uint64_t Fanvue::next_key(Creator& creator) { return creator.random() ^ creator.next++; }

// The time of a change: whole milliseconds, every third row shares the one before it.
std::int64_t Fanvue::tick(Creator& creator, std::int64_t i) {
    if (i % 3 == 0) creator.last_us = std::max(wall_us() / kMs * kMs, creator.last_us + kMs);
    return creator.last_us;
}

// One in four has no order id; of those, one in three is the very same as the row before it.
void Fanvue::earn(Creator& creator, std::int64_t date_us) {
    const std::uint64_t key = next_key(creator);
    Earning row;
    if (key % 12 == 0 && !creator.earnings.empty() && creator.earnings.back().order_id.empty() && creator.earnings.back().reversed_id.empty() &&
        creator.earnings.back().date_us == date_us) {
        row = creator.earnings.back();
        row.key = mix(key);
        creator.earnings.push_back(row);
        return;
    }
    static constexpr std::string_view kSources[] = {"tip", "subscription", "message", "post", "referral"};
    row.key = mix(key);
    row.date_us = date_us;
    row.gross = static_cast<std::int64_t>(100 + key % 50'000);
    row.net = row.gross * 8 / 10;
    row.source = kSources[key % 5];
    row.currency = key % 7 == 0 ? "EUR" : "USD";
    if (key % 4 != 0) row.order_id = "ord-" + hex_of(key, 16);
    row.status = date_us > wall_us() - 7 * kDayUs ? "pendingBalance" : "availableForPayout";
    if (row.source != "referral") row.fan = uuid_of(creator.chats.empty() ? key : creator.chats[key % creator.chats.size()].fan);
    if (row.source == "message") row.message = uuid_of(key + 1);
    if (row.source == "post") row.post = uuid_of(key + 2);
    creator.earnings.push_back(row);
}

void Fanvue::say(Creator& creator, Chat& chat, std::int64_t sent_us) {
    const std::uint64_t key = next_key(creator);
    Message message;
    message.uuid = uuid_of(key);
    message.sent_us = sent_us;
    message.text = text_of_message(key);
    message.from_fan = key % 3 != 0;
    message.price = key % 5 == 0 ? static_cast<std::int64_t>(300 + key % 700) : 0;
    chat.messages.push_back(message);
}

// Everything lies between `days_` ago and an hour ago, oldest first, with ties of three.
void Fanvue::make_rows(Creator& creator) const {
    const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
    const std::int64_t begin = end - days_ * kDayUs;
    for (std::int64_t i = 0; i < chats_; ++i) {
        Chat chat;
        chat.fan = next_key(creator);
        const std::int64_t last = begin + (end - begin) / std::max<std::int64_t>(chats_, 1) * (i / 3 * 3);
        for (std::int64_t m = 0; m < messages_; ++m) say(creator, chat, last - (messages_ - 1 - m) / 2 * 1000 * kMs);
        creator.chats.push_back(std::move(chat));
    }
    for (std::int64_t i = 0; i < sales_; ++i) earn(creator, begin + (end - begin) / std::max<std::int64_t>(sales_, 1) * (i / 3 * 3));
    for (std::int64_t i = 0; i < subscribers_; ++i) creator.subscribers.push_back(next_key(creator));
}

std::int64_t Fanvue::settle(Creator& creator, std::int64_t count) {
    std::int64_t done = 0;
    for (Earning& row : creator.earnings) {
        if (done == count) break;
        if (row.status != "pendingBalance") continue;
        row.status = "availableForPayout";
        ++done;
    }
    return done;
}

// A refund is a row of its own, negative, that points back; the original does not change.
std::int64_t Fanvue::refund(Creator& creator, std::int64_t count) {
    std::int64_t done = 0;
    for (std::size_t i = 0, size = creator.earnings.size(); i < size && done < count; ++i) {
        Earning& row = creator.earnings[size - 1 - i];
        if (row.order_id.empty() || !row.reversed_id.empty() || row.reversed) continue;
        row.reversed = true;
        const std::uint64_t key = next_key(creator);
        Earning back = row;
        back.key = mix(key);
        back.date_us = tick(creator, done);
        back.gross = -row.gross;
        back.net = -row.net;
        back.source = done % 2 == 0 ? "refund" : "chargeback";
        back.reversed_id = row.order_id;
        back.order_id = "ord-" + hex_of(key, 16);
        back.status = "availableForPayout";
        creator.earnings.push_back(back);
        ++done;
    }
    return done;
}

// Messages that a fan pays for after they were sent: their chat does not move for it.
std::int64_t Fanvue::purchase(Creator& creator, std::int64_t count) {
    std::int64_t done = 0;
    for (auto chat = creator.chats.rbegin(); chat != creator.chats.rend(); ++chat) {
        for (auto message = chat->messages.rbegin(); message != chat->messages.rend() && done < count; ++message) {
            if (message->price == 0 || message->purchased_us != 0) continue;
            message->purchased_us = tick(creator, 0);
            ++done;
        }
    }
    return done;
}

bool Fanvue::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    const auto count = [&](const char* name) { return options.integer(name, 0, 0, 100'000); };
    const std::int64_t sales = count("sales"), late = count("late"), settled = count("settle"), refunds = count("refunds");
    const std::int64_t new_messages = count("messages"), new_chats = count("chats"), purchases = count("purchases");
    const std::int64_t subscribe = count("subscribe"), unsubscribe = count("unsubscribe");
    if (!options.problem().empty()) return true;
    std::int64_t changed = 0;
    const bool found = for_accounts(creators_, account, [&](const std::string&, Creator& creator) {
        changed += settle(creator, settled) + refund(creator, refunds) + purchase(creator, purchases);
        for (std::int64_t i = 0; i < late; ++i) earn(creator, wall_us() / kMs * kMs - kDayUs - i / 3 * kSecondUs);
        for (std::int64_t i = 0; i < sales; ++i) earn(creator, tick(creator, i));
        for (std::int64_t i = 0; i < new_chats; ++i) {
            creator.chats.push_back({next_key(creator), {}});
            say(creator, creator.chats.back(), tick(creator, i));
        }
        for (std::int64_t i = 0; i < new_messages && !creator.chats.empty(); ++i) {
            say(creator, creator.chats[creator.random.below(creator.chats.size())], tick(creator, i));
        }
        for (std::int64_t i = 0; i < subscribe; ++i) creator.subscribers.push_back(next_key(creator));
        for (std::int64_t i = 0; i < unsubscribe && !creator.subscribers.empty(); ++i) {
            creator.subscribers.erase(creator.subscribers.begin() + static_cast<std::ptrdiff_t>(creator.random.below(creator.subscribers.size())));
        }
        changed += late + sales + new_chats + new_messages + subscribe + unsubscribe;
    });
    world.stats.mutations += changed;
    done.number("changed", changed);
    return found;
}

// occurred_at, source, gross_cents, net_cents, currency, transaction_order_id, status, reversed_order_id, fan_uuid,
// message_uuid, post_uuid; equal rows as often as they are.
void Fanvue::write_earnings(Copy& copy, const Creator& creator) {
    for (const Earning& row : creator.earnings) {
        copy.text(iso_ms(row.date_us)).text(row.source).number(row.gross).number(row.net).text(row.currency);
        copy.text_or_null(row.order_id).text(row.status).text_or_null(row.reversed_id).text_or_null(row.fan);
        copy.text_or_null(row.message).text_or_null(row.post).end_row();
    }
}

// uuid, fan_uuid, sent_at, body, from_fan, price_cents, purchased_at.
void Fanvue::write_messages(Copy& copy, const Creator& creator) {
    for (const Chat& chat : creator.chats) {
        for (const Message& message : chat.messages) {
            copy.text(message.uuid).text(uuid_of(chat.fan)).text(iso_ms(message.sent_us)).text_or_null(message.text);
            copy.text(message.from_fan ? uuid_of(chat.fan) : uuid_of(0));
            message.price == 0 ? copy.null() : copy.number(message.price);
            message.purchased_us == 0 ? copy.null() : copy.text(iso_ms(message.purchased_us));
            copy.end_row();
        }
    }
}

std::optional<std::string> Fanvue::oracle(std::string_view account, std::string_view table) const {
    const auto at = creators_.find(account);
    if (at == creators_.end()) return std::nullopt;
    const Creator& creator = at->second;
    Copy copy;
    if (table == "transactions") {
        write_earnings(copy, creator);
    } else if (table == "chats") {  // fan_uuid, handle, last_message_at
        for (const Chat& chat : creator.chats) {
            copy.text(uuid_of(chat.fan)).text("fan" + hex_of(chat.fan, 6)).text(iso_ms(chat.messages.back().sent_us)).end_row();
        }
    } else if (table == "messages") {
        write_messages(copy, creator);
    } else if (table == "subscribers") {  // uuid, handle, display_name
        for (const std::uint64_t fan : creator.subscribers) copy.text(uuid_of(fan)).text("fan" + hex_of(fan, 6)).text(name_of(fan)).end_row();
    } else {
        return std::nullopt;
    }
    return copy.take();
}

}  // namespace simulator
