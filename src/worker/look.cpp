// preview() and explain_sync(): what a run would do, without doing it.
#include "pg/postgres.hpp"

#include "core/build_request.hpp"
#include "core/sign.hpp"
#include "core/token.hpp"
#include "core/decode.hpp"
#include "core/backoff.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/role.hpp"
#include "pg/wait_set.hpp"
#include "worker/bulk.hpp"
#include "worker/commands.hpp"
#include "worker/convert.hpp"
#include "worker/settings.hpp"
#include "worker/target.hpp"
#include "worker/unit.hpp"
#include "worker/apply.hpp"

namespace upstream::worker {
namespace {

[[noreturn]] void raise(const core::Error& error) {
    throw pg::Raise(error.code == core::Code::invalid_spec ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
                    error.message, error.detail, error.hint);
}

template <class T>
T value_or_raise(core::Result<T> result) {
    if (!result) raise(result.error());
    return std::move(*result);
}

// A model, read in the caller's transaction, with all that a run would resolve.
struct Look {
    Model model;
    core::Source source;
    const core::Stream* stream = nullptr;
    Targets targets;
    core::Account account;
    core::Layout layout;
};

Look look_at(const std::string& account, const std::string& stream) {
    const pg::SpiScope spi;
    const pg::RoleScope keeper{pg::role_oid(kKeeperRole), pg::Constraints::as_they_are};
    Catalog catalog{this_process("session")};
    Look look;
    look.model = catalog.model(account, stream);
    const StoredSource stored = catalog.source(look.model.source_id);
    const auto document = value_or_raise(core::json::Document::parse(stored.spec));
    core::Reading reading = core::read_source(document.root());
    if (!reading.source) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "the stored spec of source \"" + stored.name + "\" is not valid");
    look.source = std::move(*reading.source);
    look.stream = look.source.stream(look.model.stream);
    if (look.stream == nullptr) throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + stored.name + "\" has no stream \"" + look.model.stream + "\"");
    const auto table_of = [](Oid table) {
        if (!pg::lock_for_write(table)) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "the target does not exist any more");
        return pg::describe(table);
    };
    look.targets.main = table_of(look.model.target);
    for (const Oid table : catalog.inner_targets(look.model.id)) look.targets.inner.push_back(table_of(table));
    look.account = to_account(look.source, look.model);
    look.layout = value_or_raise(layout_of(*look.stream, look.targets.main, look.targets.inner));
    return look;
}

// The first thing that a run would ask for. Sync decides, so that what is shown is what is done.
core::Action first_action(const Look& look, core::Account account) {
    core::Sync sync{look.source, *look.stream, look.layout, std::move(account), to_state(look.model.state, *look.stream), 1};
    return sync.start(pg::now());
}

core::Response fetch(const core::Request& request) {
    http::Client client{client_options()};
    client.start(request);
    for (;;) {
        for (http::Finished& finished : client.take_finished()) return value_or_raise(std::move(finished.result));
        std::vector<pg::Socket> sockets;
        for (const http::Interest& interest : client.interests()) sockets.push_back({.fd = interest.fd, .read = interest.read, .write = interest.write});
        const pg::Woken woken = pg::wait(sockets, client.timeout());
        for (const pg::Socket& socket : woken.ready) client.on_ready(socket.fd, socket.read, socket.write);
        client.on_timeout();
    }
}

std::string row_json(const std::vector<core::Field>& fields, const core::Batch& batch, std::size_t row) {
    std::string text = "{";
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto& value = batch.columns[i][row];
        text += (i == 0 ? "" : ", ") + core::json::quote(fields[i].column) + ": ";
        text += !value ? "null" : fields[i].json ? std::string{*value} : core::json::quote(*value);
    }
    return text + "}";
}

core::Batch transformed(const Look& look, core::Batch records) {
    const pg::SpiScope spi;
    Applier applier{*look.stream, look.targets, look.layout};
    return applier.transformed(look.model, look.account, core::Apply{.batch = std::move(records), .state = {.started_at = pg::now()}, .tally = {}});
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

}  // namespace

std::vector<std::string> preview(const std::string& account, const std::string& stream) {
    const Look look = look_at(account, stream);
    core::Account values = look.account;
    if (values.token) values.token->expires_at.reset();  // a token that has ended is for the upstream to refuse: nothing is refreshed here
    core::Action action = first_action(look, values);
    if (auto* fail = std::get_if<core::Fail>(&action)) raise(fail->error);
    auto* fetch_action = std::get_if<core::Fetch>(&action);
    if (fetch_action == nullptr)
        throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "account \"" + account + "\" has no access token yet", "",
                        "preview() does not refresh tokens: CALL upstream.sync() first, or store one with upstream.update_token().");
    core::Response response = fetch(fetch_action->request);
    if (auto failure = core::failure_of(response, look.source.retry)) raise(*failure);
    core::Decoded page = value_or_raise(core::decode(*look.stream, look.layout, std::move(response.body), std::nullopt, core::account_lookup(look.account)));
    if (look.layout.transformed) page.batch = transformed(look, std::move(page.batch));
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < page.batch.rows; ++i) rows.push_back(row_json(look.layout.fields, page.batch, i));
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
    const bool incremental = look.stream->incremental && !look.model.state.full_refresh;
    items.emplace_back("sync_mode", incremental ? "incremental" : "full_refresh");
    if (look.model.state.reading) items.emplace_back("resumes", std::to_string(look.model.state.records_before) + " records of this read are committed");
    if (look.stream->cursor) items.emplace_back("cursor", look.model.state.cursor.value_or("none yet"));
    const core::Action action = first_action(look, shown);
    if (const auto* fetch_action = std::get_if<core::Fetch>(&action)) {
        items.emplace_back("request", fetch_action->request.method + " " + fetch_action->request.url);
        for (const auto& [name, value] : fetch_action->request.headers) items.emplace_back("header", name + ": " + value);
        if (fetch_action->request.basic) items.emplace_back("header", "Authorization: Basic ***");
    } else if (const auto* fail = std::get_if<core::Fail>(&action)) {
        items.emplace_back("fails", fail->error.message);
    }
    items.emplace_back("pagination", pagination_name(look.stream->pagination.type));
    items.emplace_back("target", look.targets.main.qualified);
    items.emplace_back("write_path", write_path_of(look));
    items.emplace_back("statement", Applier{*look.stream, look.targets, look.layout}.sql());
    return items;
}

}  // namespace upstream::worker
