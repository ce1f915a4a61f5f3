// How streams refer to each other, and what else refers to a stream (grammar, section 8, rule 4).
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

class References {
  public:
    References(const std::vector<StreamDraft>& drafts, Reader& reader) : drafts_(drafts), reader_(reader) {
        for (const StreamDraft& draft : drafts) names_.push_back(draft.stream.name);
    }

    void stream(const StreamDraft& draft) const {
        parent(draft);
        expand(draft);
        deletes(draft);
        shared_target(draft);
    }

    void webhook(const WebhookDraft& draft) const {
        const Webhook& webhook = draft.webhook;
        for (std::size_t i = 0; i < webhook.events.size() && i < draft.event_streams.size(); ++i) {
            if (!draft.event_streams[i]) continue;
            const StreamDraft* const stream = find(webhook.events[i].stream, *draft.event_streams[i]);
            if (stream != nullptr) written_by(webhook.events[i], *stream, *draft.event_streams[i]);
        }
        if (!draft.route_setting || !reader_.settings_known) return;
        const std::vector<std::string>& settings = reader_.settings;
        if (std::find(settings.begin(), settings.end(), webhook.route_setting) != settings.end()) return;
        const std::string hint = perhaps(webhook.route_setting, settings);
        reader_.problems.add(*draft.route_setting, "no account setting \"" + webhook.route_setting + "\"",
                             hint.empty() ? "Declare it in account.properties." : hint);
    }

  private:
    // The stream of that name; a problem if there is none.
    [[nodiscard]] const StreamDraft* find(const std::string& name, const Where& where) const {
        const auto found = std::find_if(drafts_.begin(), drafts_.end(), [&](const StreamDraft& draft) { return draft.stream.name == name; });
        if (found != drafts_.end()) return &*found;
        const std::string hint = perhaps(name, names_);
        reader_.problems.add(where, "no stream \"" + name + "\"", hint.empty() ? "Streams are " + list_words(names_, " and ") + "." : hint);
        return nullptr;
    }

    // A call's records find their rows by the key, which therefore has to be in them.
    void written_by(const Webhook::Event& event, const StreamDraft& draft, const Where& where) const {
        if (event.action != Webhook::Event::Do::upsert && event.action != Webhook::Event::Do::erase) return;
        const Stream& stream = draft.stream;
        const std::string name = "stream \"" + stream.name + "\"";
        const std::string hint = "State \"mark_due\": then the stream is read.";
        if (stream.primary_key.empty() || !stream.key_hash.empty())
            return reader_.problems.add(where, name + " has no key of columns, by which the row of a record could be found", hint);
        if (stream.write != Stream::Write::upsert && stream.write != Stream::Write::insert_only)
            return reader_.problems.add(where, name + " does not write row by row", hint);
        if (!draft.columns_ok) return;
        for (const Column& column : stream.columns) {
            if (std::find(stream.primary_key.begin(), stream.primary_key.end(), column.name) == stream.primary_key.end()) continue;
            if (column.value && !is_of_account(*column.value))
                reader_.problems.add(where, "a call does not tell key column \"" + column.name + "\" of " + name, hint);
            else if (!event.map.empty() && stream.transform.empty() && !column.value && !maps(event, column))
                reader_.problems.add(where, "\"map\" does not give key column \"" + column.name + "\" of " + name, "It is at \"" + column.paths.front().text() + "\".");
        }
    }

    static bool is_of_account(const Text& text) {
        const auto placeholders = text.placeholders();
        return std::all_of(placeholders.begin(), placeholders.end(), [](const Placeholder& p) { return p.root == "account"; });
    }

    static bool maps(const Webhook::Event& event, const Column& column) {
        return std::any_of(column.paths.begin(), column.paths.end(), [&](const Path& path) {
            return std::any_of(event.map.begin(), event.map.end(), [&](const auto& member) {
                const Result<Path> to = Path::parse(member.first);
                return path.text() == member.first || (to && path.root() == Path::Root::record && path.member() == to->member());
            });
        });
    }

    void parent(const StreamDraft& draft) const {
        if (!draft.stream.parent || !draft.parent_ok || draft.stream.parent->stream.empty()) return;
        const Parent& parent = *draft.stream.parent;
        const StreamDraft* source = find(parent.stream, draft.at("parent.stream"));
        if (source == nullptr) return;
        if (is_own_ancestor(draft.stream)) {
            reader_.problems.add(draft.at("parent.stream"), "stream \"" + draft.stream.name + "\" is its own parent",
                                 "A chain of parents has to begin at a stream without one, or at a table.");
            return;
        }
        for (const auto& [word, column] : parent.key) check_column(column, *source, draft.at("parent.key"));
        if (!parent.only_changed.empty()) check_column(parent.only_changed, *source, draft.at("parent.only_changed"));
    }

    [[nodiscard]] bool is_own_ancestor(const Stream& stream) const {
        std::string name = stream.parent->stream;
        for (std::size_t steps = 0; steps <= drafts_.size(); ++steps) {
            if (name == stream.name) return true;
            const auto next = std::find_if(drafts_.begin(), drafts_.end(), [&](const StreamDraft& draft) { return draft.stream.name == name; });
            if (next == drafts_.end() || !next->stream.parent || next->stream.parent->stream.empty()) return false;
            name = next->stream.parent->stream;
        }
        return false;  // a cycle further up is its members' problem
    }

    // A column of another stream's target, as far as the spec tells. Columns that are not in the spec are the target's own business.
    void check_column(const std::string& column, const StreamDraft& of, const Where& where) const {
        const Stream& stream = of.stream;
        if (stream.columns.empty() || !of.columns_ok || column == stream.raw || column == "account_id" || column == "_synced_at") return;
        std::vector<std::string> known;
        for (const Column& known_column : stream.columns) known.push_back(known_column.name);
        if (std::find(known.begin(), known.end(), column) != known.end()) return;
        reader_.problems.warn(where, "stream \"" + stream.name + "\" fills no column \"" + column + "\"", perhaps(column, known));
    }

    void expand(const StreamDraft& draft) const {
        for (const Expand& expand : draft.stream.expand) {
            if (expand.more_stream.empty()) continue;
            const Where& where = draft.at("expand." + expand.name + ".more.stream");
            const StreamDraft* more = find(expand.more_stream, where);
            if (more == nullptr || !more->parent_ok) continue;
            if (!more->stream.parent || more->stream.parent->stream != draft.stream.name)
                reader_.problems.add(where, "stream \"" + expand.more_stream + "\" does not have \"" + draft.stream.name + "\" as its parent",
                                     "The rest of a list is read by a stream whose \"parent\" is this one.");
            else
                rest_of_list(draft, expand, *more, where);
        }
    }

    // The rest of a list is read within the run that meets it, for one parent at a time, and its rows are committed page by page.
    void rest_of_list(const StreamDraft& draft, const Expand& expand, const StreamDraft& more, const Where& where) const {
        using Write = Stream::Write;
        const Stream& outer = draft.stream;
        const Stream& rest = more.stream;
        const auto add = [&](const std::string& message, std::string hint = {}) { reader_.problems.add(where, message, std::move(hint)); };
        const auto waits = [](Write write) { return write == Write::replace || write == Write::replace_window; };
        if (waits(outer.write)) add("the rest of a list is read when its record is written, and stream \"" + outer.name + "\" replaces rows when all are read");
        if (waits(rest.write)) add("stream \"" + rest.name + "\" replaces rows, which needs reads of its own");
        if (rest.deletes.mode == Deletes::Mode::missing) add("stream \"" + rest.name + "\" deletes what is missing, which needs reads of its own");
        if (rest.key_occurrence) add("stream \"" + rest.name + "\" numbers equal rows, which needs reads of its own");
        if (!rest.partitions.empty()) add("stream \"" + rest.name + "\" has \"partitions\", and a list is one");
        if (rest.auth || outer.auth) add("streams \"" + outer.name + "\" and \"" + rest.name + "\" must sign in as the source says, because one run reads both");
        if (!outer.transform.empty()) add("\"transform\" leaves nothing of the record that says whether its list goes on", "Leave one of them out.");
        if (std::any_of(rest.expand.begin(), rest.expand.end(), [](const Expand& inner) { return inner.more_path.has_value(); }))
            add("lists inside stream \"" + rest.name + "\" go on, too, which is one level too many");
        if (expand.replace) reader_.problems.warn(where, "mode \"replace\" shortens lists that come whole; one that goes on is added to");
        if (outer.columns.empty() || !draft.columns_ok) return;
        for (const auto& [word, column] : rest.parent->key) {
            if (std::none_of(outer.columns.begin(), outer.columns.end(), [&, name = column](const Column& each) { return each.name == name; }))
                add("stream \"" + rest.name + "\" knows its parent by column \"" + column + "\", which no record of \"" + outer.name + "\" fills");
        }
    }

    void deletes(const StreamDraft& draft) const {
        const Deletes& deletes = draft.stream.deletes;
        if (deletes.mode != Deletes::Mode::feed || deletes.stream.empty()) return;
        if (find(deletes.stream, draft.at("deletes.stream")) != nullptr && deletes.stream == draft.stream.name)
            reader_.problems.add(draft.at("deletes.stream"), "a stream cannot list its own deletions", "Deletions within the list are mode \"field\".");
    }

    // Two streams may fill one table, but a key has to mean the same in both.
    void shared_target(const StreamDraft& draft) const {
        for (const StreamDraft& other : drafts_) {
            if (&other == &draft) return;
            const bool same_target = !draft.stream.target.empty() && other.stream.target == draft.stream.target;
            if (same_target && draft.states("primary_key") && other.states("primary_key") && draft.stream.primary_key != other.stream.primary_key)
                reader_.problems.warn(draft.at("primary_key"), "stream \"" + other.stream.name + "\" writes the same target with another key");
        }
    }

    const std::vector<StreamDraft>& drafts_;
    Reader& reader_;
    std::vector<std::string> names_;
};

}  // namespace

void check_references(const std::vector<StreamDraft>& drafts, const std::optional<WebhookDraft>& webhook, Reader& reader) {
    const References references(drafts, reader);
    for (const StreamDraft& draft : drafts) references.stream(draft);
    if (webhook) references.webhook(*webhook);
}

}  // namespace upstream::core::parts
