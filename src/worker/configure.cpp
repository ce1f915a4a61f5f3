#include "pg/postgres.hpp"

#include "worker/configure.hpp"

#include <algorithm>

#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/token.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/relation.hpp"
#include "pg/role.hpp"
#include "pg/transaction.hpp"
#include "worker/catalog.hpp"
#include "worker/check_spec.hpp"
#include "worker/convert.hpp"
#include "worker/shared.hpp"
#include "worker/target.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {
namespace {

using core::json::Document;

// What a configuring function needs: SPI, the catalog, and a way to act as the keeper of the books.
class Books {
  public:
    template <class Work>
    auto as_keeper(Work&& work) {
        const pg::RoleScope keeper{pg::role_oid(kKeeperRole), pg::Constraints::as_they_are};
        return work(catalog_);
    }

    // Statements that need no rights on the books, as the caller.
    [[nodiscard]] Catalog& as_caller() { return catalog_; }

  private:
    pg::SpiScope spi_;
    Catalog catalog_{this_process("session")};
};

Document parse(const std::string& text, const char* what) {
    auto document = Document::parse(text);
    if (!document) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, std::string{what} + " is not valid JSON", document.error().detail);
    if (!document->root().is_object()) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, std::string{what} + " must be a JSON object");
    return std::move(*document);
}

// All problems as one error: the first as message, all as detail.
[[noreturn]] void raise_problems(const std::string& what, const std::vector<core::Problem>& problems) {
    std::string detail;
    std::string hint;
    for (const core::Problem& problem : problems) {
        if (problem.warning) continue;
        detail += (detail.empty() ? "" : "\n") + problem.path + ": " + problem.message;
        if (hint.empty()) hint = problem.hint;
    }
    throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, what + " is not valid", detail, hint);
}

core::Source read_valid(const std::string& spec) {
    const Document document = parse(spec, "source spec");
    core::Reading reading = core::read_source(document.root());
    if (!reading.source) raise_problems("source spec", reading.problems);
    return std::move(*reading.source);
}

// Names are given as "source/account", too.
void check_name(const char* what, const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos)
        throw pg::Raise(ERRCODE_INVALID_NAME, std::string{"name of "} + what + " must not be empty or contain a slash");
}

// A credential's value, or nothing if it is null.
std::optional<std::string> member_text(core::json::Value object, std::string_view name) {
    const auto value = object.member(name);
    if (!value || value->is_null()) return std::nullopt;
    return std::string{value->text()};
}

bool is_token_member(std::string_view name) {
    return name == "access_token" || name == "refresh_token" || name == "expires_at" || name == "expires_in";
}

double seconds(core::Duration span) { return std::chrono::duration<double>(span).count(); }

double margin_of(const core::Auth& auth, const std::optional<pg::Time>& expires_at) {
    if (!auth.has_token() || !expires_at) return 0;
    return seconds(core::token_margin(auth, std::max(core::Duration{0}, *expires_at - pg::now())));
}

std::optional<pg::Time> expiry_of(core::json::Value credentials) {
    if (const auto at = member_text(credentials, "expires_at")) {
        const auto time = core::parse_time(*at, core::TimeFormat::iso);
        if (!time) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "credentials: expires_at is not an ISO timestamp");
        return time;
    }
    if (const auto in = member_text(credentials, "expires_in")) {
        const auto span = core::parse_interval(*in + " seconds");
        if (!span) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "credentials: expires_in is not a number of seconds");
        return pg::now() + *span;
    }
    return std::nullopt;
}

void store_credentials(Catalog& catalog, const core::Source& source, std::int32_t account, core::json::Value credentials) {
    for (const core::json::Value member : credentials)
        if (!is_token_member(member.key()) && !member.is_null()) catalog.set_secret(account, std::string{member.key()}, std::string{member.text()});
    const auto access = member_text(credentials, "access_token");
    const auto refresh = member_text(credentials, "refresh_token");
    if (!access && !refresh) return;
    const auto expires_at = expiry_of(credentials);
    catalog.store_token({.account_id = account}, access, refresh, expires_at, margin_of(source.auth, expires_at));
}

// The streams of an account: those named, or all.
std::vector<const core::Stream*> chosen_streams(const core::Source& source, const std::optional<std::vector<std::string>>& names) {
    std::vector<const core::Stream*> chosen;
    for (const core::Stream& stream : source.streams)
        if (!names || std::find(names->begin(), names->end(), stream.name) != names->end()) chosen.push_back(&stream);
    if (!names) return chosen;
    for (const std::string& name : *names) {
        if (source.stream(name) != nullptr) continue;
        const auto near = source.nearest_stream(name);
        throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + source.name + "\" has no stream \"" + name + "\"", "",
                        near ? "Perhaps you meant \"" + *near + "\"." : "");
    }
    return chosen;
}

// A table that the spec names: found or created, both as the caller, who must be able to act as its owner.
pg::Table open_table(Books& books, const core::Stream& stream, const TargetName& name, const core::Result<std::string>& ddl) {
    Oid oid = books.as_caller().find_table(name.quoted());
    if (!OidIsValid(oid)) {
        if (!ddl) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, ddl.error().message, "Stream \"" + stream.name + "\".", ddl.error().hint);
        pg::execute(*ddl);
        oid = books.as_caller().find_table(name.quoted());
    }
    if (!pg::lock_for_write(oid)) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "target " + name.quoted() + " does not exist");
    pg::Table table = pg::describe(oid);
    if (!books.as_caller().may_act_as(table.owner))
        throw pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, "must be able to act as the owner of target " + table.qualified,
                        "Rows are written as the owner of their target.");
    return table;
}

struct TargetIds {
    Oid main;
    std::vector<std::string> lists{};
    std::vector<Oid> inner{};
};

// The targets of a stream, checked.
TargetIds open_target(Books& books, const core::Stream& stream, const std::string& schema) {
    const TargetName name = target_name(stream, schema);
    const pg::Table table = open_table(books, stream, name, create_table(stream, name));
    TargetIds ids{.main = table.oid};
    std::vector<pg::Table> inner;
    for (const core::Expand& expand : stream.expand) {
        const TargetName inner_name = table_name(expand.target, schema);
        inner.push_back(open_table(books, stream, inner_name, create_table(stream, expand, inner_name)));
        ids.lists.push_back(expand.name);
        ids.inner.push_back(inner.back().oid);
    }
    const auto layout = layout_of(stream, table, inner);
    if (!layout) throw pg::Raise(ERRCODE_INVALID_TABLE_DEFINITION, layout.error().message, "Stream \"" + stream.name + "\".", layout.error().hint);
    return ids;
}

// What else the stream names: its functions, and its parent.
void check_named(Books& books, const core::Source& source, const core::Stream& stream, Oid target, const std::string& schema) {
    ParentTable parent;
    const core::Stream* of = stream.parent ? source.stream(stream.parent->stream) : nullptr;
    if (of != nullptr) {
        parent.qualified = target_name(*of, schema).quoted();
        parent.oid = books.as_caller().find_table(parent.qualified);
    }
    check_objects(stream, pg::describe(target), schema, std::move(parent));
}

// Which of the account's credentials a stream signs in with.
std::string credential_of(const core::Stream& stream) { return stream.auth ? stream.name : ""; }

Catalog::ModelRow model_row(std::int32_t account, const core::Stream& stream, const TargetIds& target) {
    return {.account_id = account, .stream = stream.name, .target = target.main, .every = seconds(stream.every), .jitter = seconds(stream.jitter),
            .priority = stream.priority, .incremental = stream.incremental, .credential = credential_of(stream)};
}

StoredSource known_source(Books& books, const std::string& name, Catalog::For what) {
    auto source = books.as_keeper([&](Catalog& catalog) { return catalog.find_source(name, what); });
    if (!source)
        throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + name + "\" does not exist", "", "See upstream.sources, or create it with upstream.create_source().");
    return std::move(*source);
}

// Whether what a stream reads or how its cursor works differs, so that the old cursor says nothing about the new list.
bool reads_differently(core::json::Value before, core::json::Value after, const std::string& stream) {
    const auto part = [&](core::json::Value spec, const char* key) -> std::string {
        const auto streams = spec.member("streams");
        const auto one = streams ? streams->member(stream) : std::nullopt;
        auto value = one ? one->member(key) : std::nullopt;
        if (!value)
            if (const auto defaults = spec.member("defaults")) value = defaults->member(key);
        return value ? std::string{value->raw()} : "";
    };
    for (const char* key : {"base_url", "method", "path", "params", "body", "response", "records", "cursor", "primary_key", "columns", "raw", "target",
                            "parent", "partitions", "transform", "expand", "deletes"})
        if (part(before, key) != part(after, key)) return true;
    const auto base = [](core::json::Value spec) { return std::string{spec.member("base_url")->raw()}; };
    return base(before) != base(after);
}

// The account of that name, locked. One that is dropped while it is waited for is not found any more.
std::int32_t account_to_change(Catalog& catalog, const std::string& name) {
    std::int32_t id = catalog.find_account(name);
    while (!catalog.lock_account(id)) id = catalog.find_account(name);
    return id;
}

}  // namespace

std::vector<core::Problem> validate_source(const std::string& spec) {
    const auto document = Document::parse(spec);
    if (!document) return {{.path = "$", .message = "cannot be read", .hint = document.error().detail}};
    return core::read_source(document->root()).problems;
}

std::int32_t create_source(const std::string& name, const std::string& spec, const std::string& schema) {
    check_name("source", name);
    const core::Source source = read_valid(spec);
    check_hosts(source, [](const core::Placeholder&) { return std::optional<std::string>{}; });
    Books books;
    return books.as_keeper([&](Catalog& catalog) {
        if (catalog.find_source(name))
            throw pg::Raise(ERRCODE_DUPLICATE_OBJECT, "source \"" + name + "\" already exists", "", "Use upstream.alter_source() to change it.");
        return catalog.insert_source(name, spec, schema);
    });
}

std::vector<Effect> alter_source(const std::string& name, const std::string& spec) {
    const core::Source source = read_valid(spec);
    check_hosts(source, [](const core::Placeholder&) { return std::optional<std::string>{}; });
    Books books;
    const StoredSource stored = known_source(books, name, Catalog::For::altering);
    const Document before = parse(stored.spec, "stored spec");
    const Document after = parse(spec, "source spec");
    const auto accounts = books.as_keeper([&](Catalog& catalog) {
        catalog.update_source(stored.id, spec);
        return catalog.accounts_of(stored.id);
    });

    std::vector<Effect> effects;
    const auto note = [&](const std::string& stream, const char* effect) {
        const auto same = [&](const Effect& known) { return known.stream == stream; };
        if (std::none_of(effects.begin(), effects.end(), same)) effects.push_back({stream, effect});
    };
    for (const Catalog::AccountRow& account : accounts) {
        for (const auto& [model, stream_name, former_target] : account.models) {
            const core::Stream* stream = source.stream(stream_name);
            if (stream == nullptr) {
                books.as_keeper([&, id = model](Catalog& catalog) { catalog.delete_model(id); });
                note(stream_name, "removed");
                continue;
            }
            const TargetIds target = open_target(books, *stream, stored.target_schema);
            check_named(books, source, *stream, target.main, stored.target_schema);
            // Another table, also one made anew under the same name, has none of the rows that the cursor stands for.
            const auto former_inner = books.as_keeper([id = model](Catalog& catalog) { return catalog.inner_targets(id); });
            const bool again = target.main != former_target || target.inner != former_inner || reads_differently(before.root(), after.root(), stream_name);
            books.as_keeper([&, id = model](Catalog& catalog) {
                catalog.update_model(id, model_row(account.id, *stream, target), again);
                catalog.forget_read({id});
                catalog.set_inner_targets(account.id, stream->name, target.lists, target.inner);
            });
            note(stream_name, again ? "read again" : "kept");
        }
        for (const core::Stream& stream : source.streams) {
            const auto same = [&](const auto& model) { return model.stream == stream.name; };
            if (!account.all_streams || std::any_of(account.models.begin(), account.models.end(), same)) continue;
            const TargetIds target = open_target(books, stream, stored.target_schema);
            check_named(books, source, stream, target.main, stored.target_schema);
            books.as_keeper([&](Catalog& catalog) {
                catalog.insert_model(model_row(account.id, stream, target));
                catalog.set_inner_targets(account.id, stream.name, target.lists, target.inner);
            });
            note(stream.name, "added");
        }
    }
    pg::on_commit(wake_workers);
    return effects;
}

std::int32_t create_account(const NewAccount& wanted) {
    check_name("account", wanted.name);
    const Document config = parse(wanted.config, "config");
    const Document credentials = parse(wanted.credentials, "credentials");
    Books books;
    const StoredSource stored = known_source(books, wanted.source, Catalog::For::making_accounts);
    const core::Source source = read_valid(stored.spec);
    const std::vector<const core::Stream*> streams = chosen_streams(source, wanted.streams);
    const std::vector<core::Problem> problems = core::check_account(source, config.root(), streams);
    if (!problems.empty()) raise_problems("account config", problems);

    const core::Account values = to_account(source, Model{.config = wanted.config, .secrets = "{}"});
    check_hosts(source, core::account_lookup(values));
    std::vector<TargetIds> targets;
    for (const core::Stream* stream : streams) targets.push_back(open_target(books, *stream, stored.target_schema));
    for (std::size_t i = 0; i < streams.size(); ++i) check_named(books, source, *streams[i], targets[i].main, stored.target_schema);

    const std::int32_t id = books.as_keeper([&](Catalog& catalog) {
        const auto made = catalog.insert_account(stored.id, wanted.name, wanted.config, wanted.streams);
        if (!made) throw pg::Raise(ERRCODE_DUPLICATE_OBJECT, "account \"" + wanted.name + "\" already exists at source \"" + wanted.source + "\"");
        const std::int32_t account = *made;
        store_credentials(catalog, source, account, credentials.root());
        for (std::size_t i = 0; i < streams.size(); ++i) {
            catalog.insert_model(model_row(account, *streams[i], targets[i]));
            if (!targets[i].inner.empty()) catalog.set_inner_targets(account, streams[i]->name, targets[i].lists, targets[i].inner);
        }
        return account;
    });
    pg::on_commit(wake_workers);
    return id;
}

void set_secret(const std::string& account, const std::string& name, const std::optional<std::string>& value) {
    Books books;
    books.as_keeper([&](Catalog& catalog) {
        const std::int32_t id = account_to_change(catalog, account);
        catalog.set_secret(id, name, value);
        catalog.revise_secrets(id);
        if (value) catalog.unblock_account(id);
    });
    pg::on_commit(wake_workers);
}

void update_token(const std::string& account, const std::string& access, const std::optional<std::string>& refresh,
                  const std::optional<pg::Time>& expires_at, const std::optional<std::string>& stream) {
    // 'infinity' is a token that does not end.
    const std::optional<pg::Time> ends = expires_at == pg::Time::max() ? std::nullopt : expires_at;
    if (ends == pg::Time::min()) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "expires_at must not be -infinity");
    Books books;
    books.as_keeper([&](Catalog& catalog) {
        const std::int32_t id = account_to_change(catalog, account);
        const core::Source source = read_valid(catalog.source_of(id).spec);
        const core::Stream* of = stream ? source.stream(*stream) : nullptr;
        if (stream && (of == nullptr || !of->auth))
            throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, "source \"" + source.name + "\" has no stream \"" + *stream + "\" with a sign-in of its own");
        catalog.store_token({.account_id = id, .name = stream.value_or("")}, access, refresh, ends, margin_of(of != nullptr ? *of->auth : source.auth, ends));
    });
    pg::on_commit(wake_workers);
}

void mark_sync_complete(const std::string& account, const std::string& stream, const std::optional<std::string>& cursor,
                        const std::optional<pg::Time>& synced_at, bool backwards) {
    if (synced_at == pg::Time::max() || synced_at == pg::Time::min())
        throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "synced_at must be finite");
    Books books;
    books.as_keeper([&](Catalog& catalog) {
        catalog.lock(catalog.model(account, stream).id);  // a page that is being committed, or another session, moves the cursor first
        const Model model = catalog.model(account, stream);
        const core::Source source = read_valid(catalog.source(model.source_id).spec);
        const core::Stream* known = source.stream(model.stream);
        std::optional<std::string> canonical;
        if (cursor) {
            if (known == nullptr || !known->cursor)
                throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "stream \"" + stream + "\" has no cursor");
            const auto position = core::from_text(known->cursor->type, *cursor);
            if (!position) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + core::excerpt(*cursor, 60) + "\" is not a cursor of stream \"" + stream + "\"");
            const core::State state = to_state(model.state, *known);
            if (state.cursor && *position < *state.cursor && !backwards)
                throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "the cursor would move backwards", "It stands at " + *model.state.cursor + ".",
                                "If that is meant, pass backwards => true: rows after the cursor are read again.");
            canonical = core::to_text(known->cursor->type, *position);
        }
        catalog.record_run(model.id, canonical, synced_at);
        catalog.forget_read({model.id});
    });
    pg::on_commit(wake_workers);  // it may be due before the worker would look
}

}  // namespace upstream::worker
