#include "pg/postgres.hpp"

#include "worker/webhook.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "core/source.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/books.hpp"
#include "worker/convert.hpp"
#include "worker/webhook_rows.hpp"

namespace upstream::worker {
namespace {

struct Receiver {
    Model model;  // no stream
    core::Account account;
};

bool is_for(const core::Webhook& webhook, const core::Occurrence& occurrence, const Receiver& receiver) {
    if (!webhook.route_path) return true;
    const std::string* const setting = core::setting_of(receiver.account, webhook.route_setting);
    return setting != nullptr && std::find(occurrence.route.begin(), occurrence.route.end(), *setting) != occurrence.route.end();
}

// One source that has a webhook at the path of the call.
class Receipt {
  public:
    Receipt(Catalog& catalog, const StoredSource& stored) : catalog_(catalog), source_(to_source(stored)), webhook_(*source_.webhook) {
        for (Model& model : catalog_.receivers_of(stored)) {
            core::Account account = to_account(source_, model);
            receivers_.push_back({.model = std::move(model), .account = std::move(account)});
        }
    }

    [[nodiscard]] bool asks_meta_hub(const core::WebhookCall& call) const { return core::asks_meta_hub(webhook_, call); }

    [[nodiscard]] std::optional<std::string> meta_hub_answer(const core::WebhookCall& call) const {
        for (const Receiver& receiver : receivers_)
            if (auto answer = core::meta_hub_answer(webhook_, call, core::account_lookup(receiver.account))) return answer;
        return std::nullopt;
    }

    // Leaves the accounts whose keys prove the call. Whether there are any. Accounts of one app have one key, which is tried once.
    bool prove(const core::WebhookCall& call) {
        const core::Timestamp now = pg::now();
        std::map<std::string, bool> known;
        std::erase_if(receivers_, [&](const Receiver& each) {
            const auto key = webhook_.key.render(core::account_lookup(each.account));
            if (!key) return true;
            const auto [place, is_new] = known.try_emplace(*key, false);
            if (is_new) place->second = core::is_genuine(webhook_, call, *key, now);
            return !place->second;
        });
        return !receivers_.empty();
    }

    [[nodiscard]] std::optional<std::string> echo_answer(core::json::Value body) const { return core::echo_answer(webhook_, body); }

    void carry_out(const core::WebhookCall& call, core::json::Value body) {
        const std::vector<core::Occurrence> all = core::occurrences(webhook_, call, body);
        for (const Receiver& receiver : receivers_) carry_out(all, call, body, receiver);
    }

  private:
    void carry_out(const std::vector<core::Occurrence>& all, const core::WebhookCall& call, core::json::Value body, const Receiver& receiver) {
        using Do = core::Webhook::Event::Do;
        const double keep = std::chrono::duration<double>(webhook_.dedup_keep).count();
        std::set<std::string> noted;  // keys of this call: one for all of its records is no repetition
        std::set<std::string> due;    // streams
        std::map<std::string, std::vector<Change>> changes;
        for (const core::Occurrence& occurrence : all) {
            if (occurrence.event->action == Do::ignore || !is_for(webhook_, occurrence, receiver)) continue;
            if (occurrence.key && !noted.contains(*occurrence.key)) {
                if (!catalog_.note(receiver.model.account_id, *occurrence.key, keep)) continue;
                noted.insert(*occurrence.key);
            }
            if (occurrence.event->action == Do::mark_due) {
                due.insert(occurrence.event->stream);
            } else {
                changes[occurrence.event->stream].push_back({.event = occurrence.event,
                                                             .record = core::record_for_stream(occurrence, call, body),
                                                             .at = occurrence.at,
                                                             .unreadable_at = occurrence.unreadable_at});
            }
        }
        for (auto& [stream, some] : changes) {
            const std::optional<WebhookModel> target = catalog_.model_for(receiver.model, stream);
            if (!target) continue;  // the account has no such stream
            if (write_changes(catalog_, source_, receiver.account, *target, std::move(some))) due.insert(stream);
            catalog_.prune_latest(target->model.id, keep);
        }
        for (const std::string& stream : due) catalog_.mark_due(receiver.model.account_id, stream);
        if (!noted.empty()) catalog_.prune(receiver.model.account_id, keep);
    }

    Catalog& catalog_;
    core::Source source_;
    const core::Webhook& webhook_;
    std::vector<Receiver> receivers_;
};

Reply reply_of(std::vector<Receipt*> receipts, const core::WebhookCall& call) {
    std::erase_if(receipts, [&](Receipt* receipt) { return !receipt->prove(call); });
    // A path that nobody has is not told from a signature that nobody takes: that is for those to know who have a key.
    if (receipts.empty()) return {.status = 401, .answer = "no webhook of this path takes this signature, or it is too old"};
    const auto body = core::json::Document::parse(call.body);
    if (!body) return {.status = 400, .answer = "not JSON"};
    for (Receipt* receipt : receipts)
        if (auto echo = receipt->echo_answer(body->root())) return {.status = 200, .answer = std::move(*echo)};
    for (Receipt* receipt : receipts) receipt->carry_out(call, body->root());
    return {.status = 200, .answer = "ok"};
}

Reply receive(Catalog& catalog, const std::string& path, const core::WebhookCall& call) {
    std::vector<std::unique_ptr<Receipt>> all;
    for (const StoredSource& stored : catalog.sources_at(path)) all.push_back(std::make_unique<Receipt>(catalog, stored));
    std::vector<Receipt*> receipts;
    bool asked = false;
    for (const auto& receipt : all) {
        receipts.push_back(receipt.get());
        if (!receipt->asks_meta_hub(call)) continue;
        asked = true;
        if (auto answer = receipt->meta_hub_answer(call)) return {.status = 200, .answer = std::move(*answer)};
    }
    if (asked) return {.status = 403, .answer = "the verify token is not the one that is known here"};
    return reply_of(std::move(receipts), call);
}

}  // namespace

Reply receive_webhook(const std::string& path, const core::WebhookCall& call) {
    return with_catalog([&](Catalog& catalog) { return receive(catalog, path, call); });
}

core::Headers names_and_values(const std::string& json, const char* argument) {
    const auto document = core::json::Document::parse(json);
    const auto refuse = [&] { throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, std::string{argument} + " must be an object of texts, or of lists of texts"); };
    if (!document || !document->root().is_object()) refuse();
    core::Headers found;
    for (const core::json::Value member : document->root()) {
        if (member.is_object()) refuse();
        if (!member.is_array()) found.emplace_back(member.key(), member.text());
        if (member.is_array())
            for (const core::json::Value value : member) found.emplace_back(member.key(), value.text());
    }
    return found;
}

}  // namespace upstream::worker
