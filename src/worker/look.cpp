// preview() and explain_sync(): what a run would do, without doing it.
#include "pg/postgres.hpp"

#include "core/sign.hpp"
#include "core/token.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/transaction.hpp"
#include "worker/apply.hpp"
#include "worker/bulk.hpp"
#include "worker/commands.hpp"
#include "worker/convert.hpp"
#include "worker/rehearsal.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

std::string row_json(const std::vector<core::Field>& fields, const core::Batch& batch, std::size_t row) {
    std::string text = "{";
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto& value = batch.columns[i][row];
        text += (i == 0 ? "" : ", ") + core::json::quote(fields[i].column) + ": ";
        text += !value ? "null" : fields[i].json ? std::string{*value} : core::json::quote(*value);
    }
    return text + "}";
}

core::Batch transformed(const Look& look, const core::Apply& page) {
    const pg::SpiScope spi;
    Applier applier{*look.stream, look.targets, look.layout};
    return applier.transformed(look.model, look.account, page);
}

const char* pagination_name(core::Pagination::Type type) {
    using Type = core::Pagination::Type;
    switch (type) {
        case Type::none: return "none: one request";
        case Type::cursor: return "cursor: until the token is empty";
        case Type::page: return "page: numbered pages";
        case Type::offset: return "offset";
        case Type::link_header: return "link_header: until no such link is given";
        case Type::next_url: return "next_url: until the URL is empty";
    }
    return "";
}

// How the rows would get into the target.
std::string write_path_of(const Look& look) {
    if (static_cast<WritePath>(settings().write_path) == WritePath::upsert) return "upsert: upstream.write_path says so";
    const BulkWriter bulk{*look.stream, look.targets.main, look.layout};
    if (!bulk.obstacle().empty()) return "upsert: " + bulk.obstacle();
    return "bulk: sorted, looked up by key; new rows by COPY, changed ones by the statement";
}

using Items = std::vector<std::pair<std::string, std::string>>;

// What the read that comes first is bounded by, as it is meant; the request shows what is sent.
void explain_bounds(const core::State& state, const core::Stream& stream, Items& items) {
    if (!state.read || !stream.cursor) return;
    const core::Progress& read = *state.read;
    if (read.tier) items.emplace_back("rescan", "tier " + std::to_string(*read.tier + 1) + " is due");
    if (read.start) items.emplace_back("from", core::to_text(stream.cursor->type, *read.start));
    if (read.opaque) items.emplace_back("from", *read.opaque);
    if (stream.cursor->step && read.end) items.emplace_back("slice", "ends at " + core::to_text(stream.cursor->type, *read.end));
    if (!read.notice.empty()) items.emplace_back("notice", read.notice);
}

}  // namespace

std::vector<std::string> preview(const std::string& account, const std::string& stream) {
    const Look look = look_at(account, stream);
    Rehearsal run{look, look.account_as_stored()};
    if (const auto error = run.ask(look)) raise(*error);
    auto* page = std::get_if<core::Apply>(&run.action);
    if (page == nullptr)
        throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "account \"" + account + "\" has no access token yet", "",
                        "preview() does not refresh tokens: CALL upstream.sync() first, or store one with upstream.update_token().");
    if (look.layout.transformed && page->list == nullptr) page->batch = transformed(look, *page);
    const core::Batch& batch = page->batch;
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < batch.rows; ++i) rows.push_back(row_json(look.layout_of_page(*page).fields, batch, i));
    return rows;
}

std::vector<std::pair<std::string, std::string>> explain_sync(const std::string& account, const std::string& stream) {
    const Look look = look_at(account, stream);
    core::Account shown = core::masked(look.account);
    std::vector<std::pair<std::string, std::string>> items;
    if (const core::Auth& auth = core::auth_for(look.source, *look.stream, look.account); auth.has_token()) {
        const bool old = core::needs_token(auth, look.account.token, pg::now());
        items.emplace_back("token", old ? core::takes_refresh_token(auth) ? "is refreshed first" : "is asked for first" : "is used as it is");
        shown.token = core::Token{.access = "***"};
    }
    const core::State state = to_state(look.model.state, *look.stream);
    const bool incremental = look.stream->incremental && !look.model.state.full_refresh;
    items.emplace_back("sync_mode", incremental ? "incremental" : "full_refresh");
    if (state.read) items.emplace_back("resumes", std::to_string(state.read->page.records_before) + " records of this read are committed");
    if (state.read && !state.read->lists.empty()) items.emplace_back("resumes", "lists inside its records that are not complete: " + std::to_string(state.read->lists.size()));
    if (look.stream->cursor) items.emplace_back("cursor", look.model.state.cursor.value_or("none yet"));
    const Rehearsal run{look, shown};
    if (run.partitions) items.emplace_back("partitions", *run.partitions == 0 ? "none is open" : std::to_string(*run.partitions) + " are read first");
    if (&run.sync.reading() != look.stream) {
        items.emplace_back("reads", "the rest of a list, with stream \"" + run.sync.reading().name + "\"");
    } else {
        explain_bounds(run.sync.state(), *look.stream, items);
    }
    if (const auto* fetch_action = std::get_if<core::Fetch>(&run.action)) {
        items.emplace_back("request", fetch_action->request.method + " " + fetch_action->request.url);
        for (const auto& [name, value] : fetch_action->request.headers) items.emplace_back("header", name + ": " + value);
        if (fetch_action->request.basic) items.emplace_back("header", "Authorization: Basic ***");
    } else if (const auto* fail = std::get_if<core::Fail>(&run.action)) {
        items.emplace_back("fails", fail->error.message);
    }
    items.emplace_back("pagination", pagination_name(look.stream->pagination.type));
    items.emplace_back("target", look.targets.main.qualified);
    for (std::size_t i = 0; i < look.targets.told.size(); ++i)
        items.emplace_back("deletes", (look.layout.deletions[i].soft ? "marks rows of " : "rows of ") + look.targets.told[i].qualified + ", for stream \"" + look.layout.deletions[i].stream + "\"");
    items.emplace_back("write_path", write_path_of(look));
    items.emplace_back("statement", Applier{*look.stream, look.targets, look.layout}.sql());
    return items;
}

}  // namespace upstream::worker
