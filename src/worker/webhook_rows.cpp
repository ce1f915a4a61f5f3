#include "pg/postgres.hpp"

#include "worker/webhook_rows.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "core/excerpt.hpp"
#include "core/rows.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/apply.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

using core::Webhook;
using Changes = std::span<const Change>;

// The stream as an event writes to it. Deletions are told by the event itself.
core::Stream stream_for(const core::Stream& stream, const Webhook::Event& event, const pg::Table& table) {
    core::Stream made = stream;
    made.absent_keeps = true;
    made.on_new_field = core::Stream::OnNewField::ignore;  // a run will meet them
    if (event.action == Webhook::Event::Do::erase) {
        if (stream.deletes.mode == core::Deletes::Mode::none) made.deletes.soft = table.attribute(kDeletedAtColumn) != nullptr;
        made.deletes.mode = core::Deletes::Mode::field;
        made.deletes.when = core::Condition{.path = *core::Path::parse("@"), .exists = true};
    }
    return made;
}

bool depends_on_read(const core::Text& text) {
    const auto placeholders = text.placeholders();
    return std::any_of(placeholders.begin(), placeholders.end(),
                       [](const core::Placeholder& p) { return p.root == "parent" || p.root == "parents" || p.root == "partition"; });
}

// Leaves out the columns that a call says nothing of.
void leave_out(core::Layout& layout, const Webhook::Event& event) {
    std::erase_if(layout.fields, [&](const core::Field& field) { return (field.value && depends_on_read(*field.value)) || (field.whole && !event.map.empty()); });
}

core::Lookup column_values(const core::Account& account, core::Timestamp now) {
    return [of_account = core::account_lookup(account), now](const core::Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return core::format_time(now, core::time_format(p.format).value_or(core::TimeFormat::iso));
        return p.root == "account" ? of_account(p) : std::nullopt;
    };
}

pg::Table table_of(const core::Stream& stream, Oid table) {
    if (!pg::lock_for_write(table)) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "the target of stream \"" + stream.name + "\" does not exist any more");
    return pg::describe(table);
}

// Changes by one event, on their way into the stream's target.
class Writing {
  public:
    Writing(Catalog& catalog, const core::Account& account, const WebhookModel& target, const core::Stream& stream, const Webhook::Event& event)
        : catalog_(catalog), account_(account), target_(target), now_(pg::now()) {
        targets_.main = table_of(stream, target.model.target);
        for (const Oid table : catalog.inner_targets(target.model.id)) targets_.inner.push_back(table_of(stream, table));
        stream_ = stream_for(stream, event, targets_.main);
        auto layout = layout_of(stream_, targets_.main, targets_.inner);
        if (!layout) throw pg::Raise(ERRCODE_INVALID_TABLE_DEFINITION, layout.error().message, layout.error().detail, layout.error().hint);
        layout_ = std::move(*layout);
        leave_out(layout_, event);
    }

    void write(Changes changes) {
        const std::set<std::size_t> late = late_ones(changes);
        core::Apply page;
        page.started_at = now_;
        page.batch = rows_of(changes, late);
        try {
            Applier{stream_, targets_, layout_}.apply(nullptr, catalog_, target_.model, account_, page, Care::each_row);
        } catch (const PageRefused& refused) {
            throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, refused.error.message, refused.error.detail, refused.error.hint);
        }
    }

  private:
    core::Batch rows_of(Changes changes, const std::set<std::size_t>& leave) {
        std::string list = "[";
        for (const Change& change : changes) list += (list.size() > 1 ? "," : "") + change.record;
        core::Batch batch;
        const auto add = [&](std::string text) {
            auto parsed = core::json::Document::parse(std::move(text));
            if (!parsed) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, parsed.error().message, parsed.error().detail);
            return batch.documents.emplace_back(std::make_shared<const core::json::Document>(std::move(*parsed)))->root();
        };
        const core::json::Value records = add(list + "]");
        core::RowMaker rows{layout_, add("null"), column_values(account_, now_), batch};
        std::size_t number = 0;
        for (const core::json::Value record : records) {
            const std::size_t index = number++;
            const Change& change = changes[index];
            if (leave.contains(index)) continue;
            if (change.unreadable_at.empty()) {
                rows.add(record, index);
            } else {
                rows.reject(record, index, core::Reject{.sqlstate = "22007", .path = change.event->occurred_at->text(),
                                                        .value = core::excerpt(change.unreadable_at), .message = "the time of the event cannot be read"});
            }
        }
        batch.page_records = number;
        give_times(changes, batch);
        return batch;
    }

    // The time of an event is as good as the row's own where the record does not say that: to tell what is older, not to be stored.
    void give_times(Changes changes, core::Batch& batch) const {
        const auto newer = std::find_if(layout_.fields.begin(), layout_.fields.end(), [&](const core::Field& field) { return field.column == stream_.newer_by; });
        if (newer == layout_.fields.end() || newer->key || layout_.transformed || stream_.write != core::Stream::Write::upsert) return;
        const Oid type = targets_.main.attribute(newer->column)->type;
        if (type != TIMESTAMPTZOID && type != TIMESTAMPOID) return;
        const auto field = static_cast<std::size_t>(newer - layout_.fields.begin());
        for (std::size_t row = 0; row < batch.rows; ++row) {
            const Change& change = changes[batch.origin[row]];
            if (!change.at || batch.present[field][row]) continue;
            batch.columns[field][row] = batch.made.emplace_back(core::format_time(*change.at, core::TimeFormat::iso));
        }
    }

    // Which changes come too late: a later one of the same row was carried out. In the order of keys, so that calls do not block each other in a ring.
    std::set<std::size_t> late_ones(Changes changes) {
        std::set<std::size_t> late;
        const auto is_timed = [](const Change& change) { return change.at.has_value(); };
        if (layout_.transformed || std::none_of(changes.begin(), changes.end(), is_timed)) return late;
        const core::Batch batch = rows_of(changes, {});
        std::multimap<std::string, std::size_t> by_key;
        for (std::size_t row = 0; row < batch.rows; ++row) by_key.emplace(key_of_row(batch, row), batch.origin[row]);
        for (const auto& [key, index] : by_key)
            if (changes[index].at && !catalog_.is_latest(target_.model.id, key, *changes[index].at)) late.insert(index);
        return late;
    }

    [[nodiscard]] std::string key_of_row(const core::Batch& batch, std::size_t row) const {
        std::string key;
        for (std::size_t i = 0; i < layout_.fields.size(); ++i)
            if (layout_.fields[i].key) key += (key.empty() ? "" : ",") + core::json::quote(batch.columns[i][row].value_or(""));
        return key;
    }

    Catalog& catalog_;
    const core::Account& account_;
    const WebhookModel& target_;
    core::Timestamp now_;
    Targets targets_{};
    core::Stream stream_{};
    core::Layout layout_{};
};

}  // namespace

bool write_changes(Catalog& catalog, const core::Source& source, const core::Account& account, const WebhookModel& target, std::vector<Change> changes) {
    const core::Stream* const stream = source.stream(target.model.stream);
    if (stream == nullptr || changes.empty()) return false;
    if (target.is_read && stream->deletes.mode == core::Deletes::Mode::missing) return true;
    if (std::all_of(changes.begin(), changes.end(), [](const Change& change) { return change.at.has_value(); }))
        std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return *a.at < *b.at; });
    bool erases = false;
    for (std::size_t begin = 0; begin < changes.size();) {
        std::size_t end = begin;
        while (end < changes.size() && changes[end].event == changes[begin].event) ++end;
        erases |= changes[begin].event->action == Webhook::Event::Do::erase;
        Writing{catalog, account, target, *stream, *changes[begin].event}.write(Changes{changes}.subspan(begin, end - begin));
        begin = end;
    }
    return target.is_read && (stream->newer_by.empty() || erases);
}

}  // namespace upstream::worker
