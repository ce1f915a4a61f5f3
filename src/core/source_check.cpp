// What only a whole stream can show to be wrong (grammar, section 8).
//
// A check is skipped where the part that it looks at was not readable: one mistake, one problem.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

using Type = Pagination::Type;

char lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

bool same_header(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool has_param(const Stream& stream, std::string_view name) {
    return std::any_of(stream.params.begin(), stream.params.end(), [name](const auto& param) { return param.first == name; });
}

bool has_header(const HeaderTexts& headers, std::string_view name) {
    return std::any_of(headers.begin(), headers.end(), [name](const auto& header) { return same_header(header.first, name); });
}

class Check {
  public:
    Check(StreamDraft& draft, const Source& source, Problems& problems)
        : draft_(draft), stream_(draft.stream), source_(source), problems_(problems) {}

    void run() {
        page_token();
        page_size();
        names();
        api_key();
        filter();
        sync_mode();
        key();
        raw();
        jitter();
    }

  private:
    // The defaults' path does not tell which stream is meant.
    void add(const Where& where, const std::string& message, std::string hint = {}) {
        problems_.add(where, message + about(where), std::move(hint));
    }
    void warn(const Where& where, const std::string& message, std::string hint = {}) {
        problems_.warn(where, message + about(where), std::move(hint));
    }

    [[nodiscard]] std::string about(const Where& where) const {
        return where.path.starts_with("$.defaults") ? " (stream \"" + stream_.name + "\")" : std::string{};
    }

    // Whether {root.word} stands in the request.
    [[nodiscard]] bool sends(std::string_view root, std::string_view word) const {
        return std::any_of(draft_.texts.begin(), draft_.texts.end(), [&](const TextUse& use) {
            return (use.spot == Spot::path || use.spot == Spot::param || use.spot == Spot::header) && use.text.mentions(root, word);
        });
    }

    [[nodiscard]] bool pages_by_token() const {
        const Type type = stream_.pagination.type;
        return draft_.pagination && draft_.pagination_ok && (type == Type::cursor || type == Type::page || type == Type::offset);
    }

    // Rule 10: else the same page would come again and again.
    void page_token() {
        if (!pages_by_token() || !draft_.request_ok) return;
        const bool stands = sends("page", "token");
        if (draft_.inject && stands) {
            add(*draft_.inject, "the page token is sent twice", "Use either \"inject\" or {page.token}.");
        } else if (!draft_.inject && !stands) {
            add(*draft_.pagination, "the page token is not sent",
                "State \"inject\", or write {page.token} into \"path\", \"params\" or \"headers\".");
        }
    }

    void page_size() {
        if (!pages_by_token() || !draft_.request_ok || !draft_.size || sends("page", "size")) return;
        warn(*draft_.size, "the page size is not sent", "Write {page.size} into \"params\", or leave \"size\" out.");
    }

    // Rule 11.
    void names() {
        const std::optional<Pagination::Inject>& inject = stream_.pagination.inject;
        if (!inject) return;
        if (inject->in == Pagination::Place::query && has_param(stream_, inject->name)) {
            add(*draft_.inject, "parameter \"" + inject->name + "\" stands in \"params\" too", "State it in one of them only.");
        } else if (inject->in == Pagination::Place::header &&
                   (has_header(stream_.headers, inject->name) || has_header(source_.headers, inject->name))) {
            add(*draft_.inject, "header \"" + inject->name + "\" stands in \"headers\" too", "State it in one of them only.");
        }
    }

    void api_key() {
        const Auth& auth = source_.auth;
        if (auth.type != Auth::Type::api_key || auth.name.empty()) return;
        const std::string hint = "It is sent by \"auth\".";
        const std::optional<Pagination::Inject>& inject = stream_.pagination.inject;
        if (auth.place == Auth::Place::query) {
            if (has_param(stream_, auth.name)) add(draft_.where, "parameter \"" + auth.name + "\" would be sent twice", hint);
            if (inject && inject->in == Pagination::Place::query && inject->name == auth.name)
                add(*draft_.inject, "parameter \"" + auth.name + "\" would be sent twice", hint);
        } else if (auth.place == Auth::Place::header) {
            if (has_header(stream_.headers, auth.name)) add(draft_.where, "header \"" + auth.name + "\" would be sent twice", hint);
            if (inject && inject->in == Pagination::Place::header && same_header(inject->name, auth.name))
                add(*draft_.inject, "header \"" + auth.name + "\" would be sent twice", hint);
        }
    }

    // Rule 6.
    void filter() {
        if (!stream_.cursor || !draft_.request_ok) return;
        using Filter = Cursor::Filter;
        Cursor& cursor = *stream_.cursor;
        const bool bounded = sends("cursor", "start");
        cursor.filter = draft_.stated_filter.value_or(bounded ? Filter::server : Filter::client);
        if (cursor.filter == Filter::server && !bounded)
            add(draft_.filter.value_or(*draft_.cursor), "filter \"server\" needs {cursor.start} in the request",
                "Write it into \"params\", or state \"filter\": \"client\".");
        if (stream_.incremental && cursor.filter == Filter::client && cursor.order == Cursor::Order::unknown)
            warn(*draft_.cursor, "every run reads everything, because the order of the list is unknown",
                 "State \"order\" if the list is sorted by the cursor's field, or send {cursor.start}.");
    }

    void sync_mode() {
        if (!draft_.sync_mode) return;
        if (stream_.incremental && !draft_.has_cursor) {
            add(*draft_.sync_mode, "sync_mode \"incremental\" needs a cursor", "State \"cursor\".");
        } else if (!stream_.incremental && draft_.has_cursor) {
            warn(*draft_.cursor, "the cursor is not used, because \"sync_mode\" is \"full_refresh\"");
        }
    }

    void key() {
        if (!draft_.primary_key) {
            if (draft_.write) {
                add(*draft_.write, "write \"upsert\" needs a primary key", "State \"primary_key\".");
            } else {
                add(draft_.where, "a stream without primary key is not supported yet", "State \"primary_key\".");
            }
            return;
        }
        if (stream_.columns.empty() || !draft_.columns_ok) return;
        for (const std::string& name : stream_.primary_key) {
            const auto is_it = [&name](const Column& column) { return column.name == name; };
            if (std::any_of(stream_.columns.begin(), stream_.columns.end(), is_it)) continue;
            std::vector<std::string> known;
            for (const Column& column : stream_.columns) known.push_back(column.name);
            const std::string hint = perhaps(name, known);
            add(*draft_.primary_key, "column \"" + name + "\" is not in \"columns\"",
                hint.empty() ? "Say where its value comes from." : hint);
        }
    }

    void raw() {
        if (stream_.raw.empty()) return;
        const auto is_it = [this](const Column& column) { return column.name == stream_.raw; };
        if (std::any_of(stream_.columns.begin(), stream_.columns.end(), is_it))
            add(*draft_.raw, "column \"" + stream_.raw + "\" stands in \"columns\" too");
        if (std::find(stream_.primary_key.begin(), stream_.primary_key.end(), stream_.raw) != stream_.primary_key.end())
            add(*draft_.raw, "column \"" + stream_.raw + "\" is part of the primary key");
    }

    void jitter() {
        if (draft_.jitter && stream_.jitter > stream_.every) warn(*draft_.jitter, "\"jitter\" is longer than \"every\"");
    }

    StreamDraft& draft_;
    Stream& stream_;
    const Source& source_;
    Problems& problems_;
};

}  // namespace

void check_stream(StreamDraft& draft, const Source& source, Reader& reader) {
    for (const TextUse& use : draft.texts) check_text(use, &draft, reader);
    Check(draft, source, reader.problems).run();
}

}  // namespace upstream::core::parts
