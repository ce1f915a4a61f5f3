#include "pg/postgres.hpp"

#include "worker/rehearsal.hpp"

#include <memory>

#include "pg/process.hpp"
#include "worker/books.hpp"
#include "worker/convert.hpp"
#include "worker/deletions.hpp"
#include "worker/list_streams.hpp"
#include "worker/one_request.hpp"
#include "worker/parents.hpp"

namespace upstream::worker {
namespace {

pg::Table table_of(Oid table) {
    if (!pg::lock_for_write(table)) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "the target does not exist any more");
    return pg::describe(table);
}

// The partitions that a run would read first.
core::Result<std::vector<core::Part>> open_parts(const Look& look, const core::FindParts& find) {
    RunContext run;
    run.model = look.model;
    run.source = std::shared_ptr<const core::Source>{std::shared_ptr<const void>{}, &look.source};
    run.stream = look.stream;
    run.target = std::make_shared<TargetPlan>();
    run.target->targets = look.targets;
    for (const Look::Reader& reader : look.readers) {
        if (reader.stream != find.list) continue;
        run.model.id = reader.model;
        run.stream = reader.stream;
        run.target->targets = Targets{.main = reader.table};
    }
    return with_catalog([&](Catalog& catalog) -> core::Result<std::vector<core::Part>> {
        if (find.list != nullptr) return find_list(catalog, run, find);
        return find_parts(catalog, run, find);
    });
}

std::vector<Look::Reader> readers_of(Catalog& catalog, const Look& look) {
    std::vector<Look::Reader> readers;
    for (const ListStream& list : value_or_raise(list_streams(catalog, look.model.account_id, look.source, *look.stream))) {
        const pg::Table table = table_of(list.tables.main);
        std::vector<pg::Table> inner;
        for (const Oid oid : list.tables.inner) inner.push_back(table_of(oid));
        readers.push_back({.stream = list.stream, .model = list.model, .table = table, .layout = value_or_raise(layout_of(*list.stream, table, inner))});
    }
    return readers;
}

std::vector<core::ListReader> for_sync(const std::vector<Look::Reader>& readers) {
    std::vector<core::ListReader> made;
    for (const Look::Reader& reader : readers) made.push_back({.stream = reader.stream, .layout = reader.layout});
    return made;
}

}  // namespace

void raise(const core::Error& error) {
    throw pg::Raise(error.code == core::Code::invalid_spec ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
                    error.message, error.detail, error.hint);
}

Look look_at(const std::string& account, const std::string& stream) {
    return with_catalog([&](Catalog& catalog) {
        Look look;
        look.model = catalog.model(account, stream);
        look.source = to_source(catalog.source(look.model.source_id));
        look.stream = look.source.stream(look.model.stream);
        if (look.stream == nullptr)
            throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + look.model.source + "\" has no stream \"" + look.model.stream + "\"");
        look.targets.main = table_of(look.model.target);
        for (const Oid table : catalog.inner_targets(look.model.id)) look.targets.inner.push_back(table_of(table));
        look.account = to_account(look.source, look.model);
        look.layout = value_or_raise(layout_of(*look.stream, look.targets.main, look.targets.inner));
        const std::vector<ToldTable> told = tables_told_of(catalog, look.model.account_id, look.source, *look.stream);
        for (const auto& [of, table] : told) look.targets.told.push_back(table_of(table));
        look.readers = readers_of(catalog, look);
        add_deletions(look.layout, look.source, *look.stream, told, look.targets.told);
        return look;
    });
}

std::vector<Model> models_of(const std::string& account) {
    return with_catalog([&](Catalog& catalog) { return catalog.models_with_state(account); });
}

core::Source source_of(const Model& model) {
    return with_catalog([&](Catalog& catalog) { return to_source(catalog.source(model.source_id)); });
}

Rehearsal::Rehearsal(const Look& look, core::Account account)
    : sync(look.source, *look.stream, look.layout, std::move(account), to_state(look.model.state, *look.stream), 1, for_sync(look.readers)) {
    action = sync.start(pg::now());
    while (const auto* find = std::get_if<core::FindParts>(&action)) {
        const bool list = find->list != nullptr;
        std::vector<core::Part> parts = value_or_raise(open_parts(look, *find));
        if (!list) partitions = parts.size();
        action = sync.on(core::PartsFound{std::move(parts)}, pg::now());
        if (!list) return;
    }
}

std::optional<core::Error> Rehearsal::ask(const Look& look) {
    if (const auto* wish = std::get_if<core::Fetch>(&action)) {
        core::Result<core::Response> response = fetch(wish->request, {.source = look.source, .account = sync.account(), .model = look.model});
        if (!response) return response.error();
        status = response->status;
        action = sync.on(core::Answered{std::move(*response)}, pg::now());
        if (std::holds_alternative<core::GetToken>(action)) return core::Error{.code = core::Code::auth_failed, .message = "the upstream refuses the access token"};
    }
    if (auto* fail = std::get_if<core::Fail>(&action)) return std::move(fail->error);
    return std::nullopt;
}

core::Account Look::account_as_stored() const {
    core::Account stored = account;
    if (stored.token) stored.token->expires_at.reset();
    return stored;
}

const core::Layout& Look::layout_of_page(const core::Apply& page) const {
    for (const Reader& reader : readers)
        if (reader.stream == page.list) return reader.layout;
    return layout;
}

}  // namespace upstream::worker
