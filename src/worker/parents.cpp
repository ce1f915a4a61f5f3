#include "pg/postgres.hpp"

#include "worker/parents.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/json.hpp"
#include "core/state.hpp"
#include "pg/error.hpp"
#include "pg/relation.hpp"
#include "pg/role.hpp"
#include "worker/convert.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

using core::Code;
using core::Error;

constexpr long kRowsAtOnce = 1000;  // of parents, in memory

// One parent row, or the empty one of a stream that has lists alone.
struct Parent {
    core::Words words{};
    std::optional<std::string> seen{};
};

std::string quoted_list(const core::Parent& parent) {
    std::string list;
    for (const auto& [word, column] : parent.key) list += (list.empty() ? "" : ", ") + pg::quote_name(column) + "::text";
    if (!parent.only_changed.empty()) list += ", " + pg::quote_name(parent.only_changed) + "::text";
    return list;
}

core::Result<Oid> relation_of(Catalog& catalog, const RunContext& run, const core::Parent& parent) {
    if (!parent.stream.empty()) {
        if (const auto target = catalog.target_of(run.model.account_id, parent.stream)) return *target;
        return Error{.code = Code::invalid_spec,
                     .message = "the account does not keep stream \"" + parent.stream + "\", whose rows stream \"" + run.stream->name + "\" is read for",
                     .hint = "Create the account with both streams."};
    }
    const TargetName name = table_name(parent.table, catalog.source(run.model.source_id).target_schema);
    pg::RoleScope owner{run.target->targets.main.owner, pg::Constraints::as_they_are};
    const Oid found = catalog.find_table(name.quoted());
    if (OidIsValid(found)) return found;
    return Error{.code = Code::invalid_spec, .message = "parent table " + name.quoted() + " does not exist"};
}

// What placeholders in `where` mean. `account` must outlive it.
core::Lookup condition_values(const core::Account& account, core::Timestamp run_started_at) {
    return [of_account = core::account_lookup(account), run_started_at](const core::Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return core::format_time(run_started_at, core::time_format(p.format).value_or(core::TimeFormat::iso));
        return of_account(p);
    };
}

// SELECT of the parents. Placeholders of `where` become parameters: text, but the run's start a timestamptz.
struct Query {
    std::string sql;
    std::vector<Oid> types{};
    std::vector<pg::Param> params{};
};

core::Result<Query> query_of(const RunContext& run, const core::Parent& parent, const pg::Table& table, core::Timestamp started_at) {
    Query query{.sql = "SELECT " + quoted_list(parent) + " FROM " + table.qualified + " AS parent"};
    std::vector<std::string> conditions;
    for (const auto& [word, column] : parent.key) conditions.push_back(pg::quote_name(column) + " IS NOT NULL");
    if (!parent.stream.empty() && table.attribute(kAccountColumn) != nullptr)
        conditions.push_back(std::string{kAccountColumn} + " = " + std::to_string(run.model.account_id));
    if (parent.where) {
        const core::Account account = to_account(*run.source, run.model);
        const core::Lookup values = condition_values(account, started_at);
        const core::Lookup bind = [&](const core::Placeholder& placeholder) -> std::optional<std::string> {
            const auto value = values(placeholder);
            query.types.push_back(pg::Traits<std::string>::type());
            query.params.push_back(value ? pg::Traits<std::string>::to_datum(*value) : pg::Param{.value = 0, .null = true});
            return "$" + std::to_string(query.types.size()) + (placeholder.root == "run" && placeholder.format.empty() ? "::timestamptz" : "");
        };
        conditions.push_back("(" + *parent.where->render(bind) + ")");
    }
    for (std::size_t i = 0; i < conditions.size(); ++i) query.sql += (i == 0 ? " WHERE " : " AND ") + conditions[i];
    query.sql += " ORDER BY " + (parent.order_by.empty() ? "" : parent.order_by + ", ");
    for (std::size_t i = 0; i < parent.key.size(); ++i) query.sql += (i == 0 ? "" : ", ") + pg::quote_name(parent.key[i].second);
    return query;
}

// Turns parents into partitions that are open, batch by batch.
class Finder {
  public:
    Finder(Catalog& catalog, const RunContext& run, const core::FindParts& find) : catalog_(catalog), run_(run), find_(find) {}

    [[nodiscard]] bool has_enough() const { return found_ >= find_.at_most; }

    // Looks which of the parents' partitions are open, and keeps them.
    void look_at(const std::vector<Parent>& parents) {
        std::string asked = "[";
        std::vector<std::pair<const Parent*, const core::Words*>> pairs;
        for (const Parent& parent : parents) {
            for (const core::Words& lists : find_.combinations) {
                pairs.emplace_back(&parent, &lists);
                asked += (asked.size() > 1 ? "," : "") + entry(core::partition_id(parent.words, lists), parent.seen);
            }
        }
        const bool only_changed = run_.stream->parent && !run_.stream->parent->only_changed.empty();
        const core::Timestamp since = find_.list == nullptr ? find_.started_at : core::Timestamp::max();  // a list that goes on is read, however lately it was
        for (const OpenPartition& open : catalog_.open_partitions(run_.model.id, asked + "]", since, only_changed)) {
            if (has_enough()) return;
            const auto& [parent, lists] = pairs.at(open.index);
            keep(*parent, *lists, open);
        }
    }

    std::vector<core::Part> take() { return std::move(parts_); }

    static std::string entry(const std::string& id, const std::optional<std::string>& seen) {
        return "{\"id\":" + core::json::quote(id) + ",\"seen\":" + (seen ? core::json::quote(*seen) : "null") + "}";
    }

  private:
    void keep(const Parent& parent, const core::Words& lists, const OpenPartition& open) {
        core::State state = to_state(StoredState{.cursor = open.cursor}, *run_.stream);
        const std::int64_t most = run_.stream->parent ? run_.stream->parent->batch_size.value_or(1) : 1;
        const auto current = batches_.find(lists);
        core::Part* part = current == batches_.end() ? nullptr : &parts_[current->second];
        if (part == nullptr || static_cast<std::int64_t>(part->ids.size()) >= most) {
            batches_[lists] = parts_.size();
            part = &parts_.emplace_back();
            part->values.lists = lists;
            part->cursor = state.cursor;
            part->opaque = state.opaque;
            if (most == 1) part->validator = core::kept_from_json(open.validator).validator;
        } else if (part->cursor) {  // several parents in one request begin where the one furthest behind does
            part->cursor = state.cursor ? std::optional{std::min(*part->cursor, *state.cursor)} : std::nullopt;
        }
        part->ids.push_back(core::partition_id(parent.words, lists));
        part->seen.push_back(parent.seen);
        if (run_.stream->parent) part->values.parents.push_back(parent.words);
        ++found_;
    }

    Catalog& catalog_;
    const RunContext& run_;
    const core::FindParts& find_;
    std::vector<core::Part> parts_{};
    std::map<core::Words, std::size_t> batches_{};  // the part that takes more parents, for each combination
    std::int64_t found_ = 0;
};

std::vector<Parent> read_parents(const core::Parent& parent, const pg::Rows& rows) {
    std::vector<Parent> parents;
    for (const pg::Row row : rows) {
        Parent one;
        for (std::size_t i = 0; i < parent.key.size(); ++i)
            one.words.insert_or_assign(parent.key[i].first, row.get<std::string>(static_cast<int>(i)));
        if (!parent.only_changed.empty()) one.seen = row.get<std::optional<std::string>>(static_cast<int>(parent.key.size()));
        parents.push_back(std::move(one));
    }
    return parents;
}

// The row that a record of the parent stream became, found by the values that name a parent. A value that its column cannot hold is in no row.
std::optional<Parent> row_of(const RunContext& reader, const core::Parent& parent, const pg::Table& table, const core::Words& words) {
    Query query{.sql = "SELECT " + quoted_list(parent) + " FROM " + table.qualified + " AS parent WHERE "};
    for (const auto& [word, column] : parent.key) {
        const pg::Attribute* attribute = table.attribute(column);
        query.types.push_back(pg::Traits<std::string>::type());
        query.params.push_back(pg::Traits<std::string>::to_datum(words.at(word)));
        query.sql += (query.types.size() > 1 ? " AND " : "") + pg::quote_name(column) + " = $" + std::to_string(query.types.size()) + "::" +
                     (attribute != nullptr ? attribute->type_name : "text");
    }
    if (table.attribute(kAccountColumn) != nullptr) query.sql += std::string{" AND "} + kAccountColumn + " = " + std::to_string(reader.model.account_id);
    try {
        pg::Subtransaction look;
        pg::RoleScope as_owner{reader.target->targets.main.owner, pg::Constraints::as_they_are};
        pg::Plan plan{query.sql + " LIMIT 1", query.types};
        std::vector<Parent> rows = read_parents(parent, plan.run(query.params.data(), query.params.size()));
        as_owner.leave();
        look.release();
        return rows.empty() ? std::nullopt : std::optional{std::move(rows.front())};
    } catch (const pg::Error& error) {
        if (ERRCODE_TO_CATEGORY(error.sqlerrcode()) != ERRCODE_DATA_EXCEPTION) throw;
        return std::nullopt;
    }
}

// Sets the column that says when a parent was read, and nothing else.
void touch(const RunContext& run, const core::Parent& parent, const pg::Table& table, const core::Words& words, core::Timestamp started_at) {
    std::string sql = "UPDATE " + table.qualified + " SET " + pg::quote_name(parent.touch) + " = $1 WHERE ";
    std::vector<Oid> types{pg::Traits<pg::Time>::type()};
    std::vector<pg::Param> params{pg::Traits<pg::Time>::to_datum(started_at)};
    for (const auto& [word, column] : parent.key) {
        const pg::Attribute* attribute = table.attribute(column);
        types.push_back(pg::Traits<std::string>::type());
        params.push_back(pg::Traits<std::string>::to_datum(words.at(word)));
        sql += (types.size() > 2 ? " AND " : "") + pg::quote_name(column) + " = $" + std::to_string(types.size()) + "::" +
               (attribute != nullptr ? attribute->type_name : "text");
    }
    if (!parent.stream.empty() && table.attribute(kAccountColumn) != nullptr)
        sql += std::string{" AND "} + kAccountColumn + " = " + std::to_string(run.model.account_id);
    pg::Plan plan{sql, types};
    plan.run(params.data(), params.size());
}

}  // namespace

core::Result<std::vector<core::Part>> find_parts(Catalog& catalog, const RunContext& run, const core::FindParts& find) {
    Finder finder{catalog, run, find};
    if (!run.stream->parent) {
        finder.look_at({Parent{}});
        return finder.take();
    }
    const core::Parent& parent = *run.stream->parent;
    const auto relation = relation_of(catalog, run, parent);
    if (!relation) return relation.error();
    const pg::Table table = pg::describe(*relation);
    auto query = query_of(run, parent, table, find.started_at);
    if (!query) return query.error();
    const Oid owner = run.target->targets.main.owner;
    std::optional<pg::Portal> rows;
    {
        pg::RoleScope as_owner{owner, pg::Constraints::as_they_are};
        rows.emplace(query->sql, query->types, query->params);
    }
    while (!finder.has_enough()) {
        std::vector<Parent> parents;
        {
            pg::RoleScope as_owner{owner, pg::Constraints::as_they_are};
            parents = read_parents(parent, rows->fetch(kRowsAtOnce));
        }
        if (parents.empty()) break;
        finder.look_at(parents);
    }
    return finder.take();
}

std::vector<core::Part> find_list(Catalog& catalog, const RunContext& reader, const core::FindParts& find) {
    const core::Parent& parent = *reader.stream->parent;
    const auto relation = relation_of(catalog, reader, parent);
    if (!relation) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, relation.error().message, "", relation.error().hint);
    const auto found = row_of(reader, parent, pg::describe(*relation), find.parent);
    if (!found) return {};
    Finder finder{catalog, reader, find};
    finder.look_at({*found});
    return finder.take();
}

void finish_part(Catalog& catalog, const RunContext& run, const core::PartEnd& end, core::Timestamp started_at, core::Timestamp done_at) {
    const core::Part& part = end.part;
    std::string done = "[";
    for (std::size_t i = 0; i < part.ids.size(); ++i)
        done += (i == 0 ? "" : ",") + Finder::entry(part.ids[i], i < part.seen.size() ? part.seen[i] : std::nullopt);
    const core::State state{.cursor = part.cursor, .opaque = part.opaque};
    catalog.finish_partitions(run.model.id, done + "]", to_stored(state, *run.stream).cursor, core::to_json(core::Kept{.validator = part.validator}),
                              done_at, end.skipped);
    if (!run.stream->parent || run.stream->parent->touch.empty() || end.skipped) return;
    const core::Parent& parent = *run.stream->parent;
    const auto relation = relation_of(catalog, run, parent);
    if (!relation) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, relation.error().message);
    const pg::Table table = pg::describe(*relation);
    pg::RoleScope owner{run.target->targets.main.owner};
    for (const core::Words& words : part.values.parents) touch(run, parent, table, words, started_at);
    owner.leave();
}

}  // namespace upstream::worker
