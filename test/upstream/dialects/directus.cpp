#include "dialects/directus.hpp"

#include <algorithm>

#include <rapidjson/document.h>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

Reply directus_error(int status, std::string_view code, std::string_view message) {
    Json json;
    json.open().open_list("errors").open().text("message", message).open("extensions").text("code", code).close().close().close_list().close();
    return json_answer(status, json);
}

// "filter[date_updated][_gte]=x" says what {"date_updated": {"_gte": "x"}} says.
void read_brackets(const Parameters& query, rapidjson::Document& filter) {
    for (const char* field : {"id", "status", "date_created", "date_updated"}) {
        for (const char* op : {"_eq", "_neq", "_lt", "_lte", "_gt", "_gte", "_null", "_nnull"}) {
            const auto value = query.find(std::string("filter[") + field + "][" + op + "]");
            if (!value) continue;
            auto& memory = filter.GetAllocator();
            rapidjson::Value test(rapidjson::kObjectType);
            test.AddMember(rapidjson::Value(op, memory), rapidjson::Value(value->data(), static_cast<unsigned>(value->size()), memory), memory);
            filter.AddMember(rapidjson::Value(field, memory), test, memory);
        }
    }
}

std::string scalar_text(const rapidjson::Value& value) {
    if (value.IsString()) return text_of(value);
    if (value.IsInt64()) return std::to_string(value.GetInt64());
    return value.IsTrue() ? "true" : "false";
}

// null never passes a comparison.
bool holds(std::string_view op, const std::optional<std::int64_t>& value, std::int64_t bound) {
    if (op == "_null") return !value;
    if (op == "_nnull") return value.has_value();
    if (!value) return false;
    return op == "_eq"    ? *value == bound
           : op == "_neq" ? *value != bound
           : op == "_lt"  ? *value < bound
           : op == "_lte" ? *value <= bound
           : op == "_gt"  ? *value > bound
                          : op == "_gte" && *value >= bound;
}

}  // namespace

std::int64_t Directus::tick(Project& project, std::int64_t i) {
    if (i % 3 == 0) project.last_us = std::max(wall_us() / 1000 * 1000, project.last_us + 1000);
    return project.last_us;
}

void Directus::add(Project& project, std::int64_t at_us) {
    const std::uint64_t key = project.random();
    project.articles.push_back(
        {project.next++, "About " + std::string(name_of(key)), key % 2 == 0 ? "published" : "draft", at_us, 0, static_cast<std::int64_t>(key % 100)});
}

void Directus::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::sliding, 0};  // none unless asked for, as an installation has it
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t articles = options.integer("articles", 450, 0, 1'000'000);
    if (!options.problem().empty()) return;
    for (const std::string& name : settings.accounts) {
        Project& project = projects_[name];
        project.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("directus/" + name));
        const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
        for (std::int64_t i = 0; i < articles; ++i) {
            add(project, end - (articles - i) / 3 * 600 * kSecondUs);
            if (i % 4 == 0) project.articles.back().updated_us = project.articles.back().created_us + 1500 * 1000;
        }
    }
}

std::optional<Reply> Directus::route(const Call& call, Subject& subject) {
    const std::string account = account_of_token(call.world, bearer_token(call.request));
    if (account.empty()) return directus_error(401, "INVALID_CREDENTIALS", "Invalid user credentials.");
    if (call.request.path != "/items/articles") return directus_error(403, "FORBIDDEN", "You don't have permission to access this.");
    subject = {account, "articles"};
    return std::nullopt;
}

std::optional<Reply> Directus::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return directus_error(405, "METHOD_NOT_ALLOWED", "use GET");
    if (limits_.ask(subject.account, monotonic_us()).admitted) return std::nullopt;
    return directus_error(429, "REQUESTS_EXCEEDED", "Too many requests, retry after 1s.");
}

bool Directus::passes(const Article& article, const rapidjson::Value& filter, std::string& problem) {
    if (!filter.IsObject()) {
        problem = "filter must be an object";
        return false;
    }
    for (const auto& member : filter.GetObject()) {
        const std::string name = text_of(member.name);
        if ((name == "_or" || name == "_and") && member.value.IsArray()) {
            bool any = false, all = true;
            for (const auto& part : member.value.GetArray()) {
                const bool one = passes(article, part, problem);
                any = any || one;
                all = all && one;
            }
            if (name == "_or" ? !any : !all) return false;
            continue;
        }
        std::optional<std::int64_t> value;
        if (name == "id") value = article.id;
        if (name == "date_created") value = article.created_us;
        if (name == "date_updated" && article.updated_us != 0) value = article.updated_us;
        if (!member.value.IsObject() || (name != "id" && name != "date_created" && name != "date_updated" && name != "status")) {
            problem = "unknown field in filter: " + name;
            return false;
        }
        for (const auto& test : member.value.GetObject()) {
            const std::string text = scalar_text(test.value);
            if (name == "status") {
                if ((text_of(test.name) == "_eq") != (article.status == text)) return false;
                continue;
            }
            const auto bound = name == "id" ? parse_integer(text) : parse_time(text);
            if (!bound && text_of(test.name) != "_null" && text_of(test.name) != "_nnull") problem = "not a value of " + name + ": " + text;
            if (!holds(text_of(test.name), value, bound.value_or(0))) return false;
        }
    }
    return true;
}

Answer Directus::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    return articles(call, projects_.find(subject.account)->second);
}

Answer Directus::articles(const Call& call, const Project& project) const {
    const auto limit = integer_parameter(call.query, "limit", 100, -1, 1'000'000),
               offset = integer_parameter(call.query, "offset", 0, 0, 1'000'000'000);
    const auto page = integer_parameter(call.query, "page", 1, 1, 1'000'000);
    if (!limit || !offset || !page) return {directus_error(400, "INVALID_QUERY", "Invalid query.")};
    rapidjson::Document filter(rapidjson::kObjectType);
    if (const auto text = call.query.find("filter")) filter.Parse(text->data(), text->size());
    if (filter.HasParseError()) return {directus_error(400, "INVALID_QUERY", "Invalid query. \"filter\" is not JSON.")};
    if (filter.IsObject()) read_brackets(call.query, filter);
    std::string problem;
    std::vector<const Article*> found;
    for (const Article& article : project.articles) {
        if (passes(article, filter, problem)) found.push_back(&article);
    }
    if (!problem.empty()) return {directus_error(400, "INVALID_QUERY", problem)};
    const auto sorts = split(call.query.find("sort").value_or("id"), ',');
    std::stable_sort(found.begin(), found.end(), [&](const Article* a, const Article* b) {
        for (std::string_view sort : sorts) {
            const bool descending = sort.starts_with('-');
            if (descending) sort.remove_prefix(1);
            const auto key = [&](const Article* row) {
                return sort == "date_updated" ? row->updated_us : sort == "date_created" ? row->created_us : row->id;
            };
            if (key(a) != key(b)) return descending ? key(b) < key(a) : key(a) < key(b);
        }
        return false;
    });
    const std::size_t begin = std::min(found.size(), static_cast<std::size_t>(*offset + (*limit > 0 ? (*page - 1) * *limit : 0)));
    const std::size_t end = *limit < 0 ? found.size() : std::min(found.size(), begin + static_cast<std::size_t>(*limit));
    const std::string fields = "," + std::string(call.query.find("fields").value_or("*")) + ",";
    const auto wants = [&](const char* name) { return fields == ",*," || fields.find("," + std::string(name) + ",") != std::string::npos; };
    Json json;
    json.open();
    const std::string_view meta = call.query.find("meta").value_or("");
    if (!meta.empty()) {
        json.open("meta");
        if (meta.find("filter_count") != meta.npos || meta == "*") json.number("filter_count", static_cast<std::int64_t>(found.size()));
        if (meta.find("total_count") != meta.npos || meta == "*") json.number("total_count", static_cast<std::int64_t>(project.articles.size()));
        json.close();
    }
    json.open_list("data");
    for (std::size_t i = begin; i < end; ++i) {
        const Article& row = *found[i];
        json.open().number("id", row.id);
        if (wants("status")) json.text("status", row.status);
        if (wants("title")) json.text("title", row.title);
        if (wants("views")) json.number("views", row.views);
        if (wants("date_created")) json.text("date_created", iso_ms(row.created_us));
        if (wants("date_updated")) json.text_or_null("date_updated", row.updated_us == 0 ? "" : iso_ms(row.updated_us));
        json.close();
    }
    json.close_list().close();
    return {json_answer(200, json), end - begin};
}

bool Directus::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    const std::int64_t create = options.integer("create", 0, 0, 100'000), edit = options.integer("edit", 0, 0, 100'000),
                       remove = options.integer("delete", 0, 0, 100'000);
    if (!options.problem().empty()) return true;
    const bool found = for_accounts(projects_, account, [&](const std::string&, Project& project) {
        auto& rows = project.articles;
        for (std::int64_t i = 0; i < remove && !rows.empty(); ++i)
            rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(project.random.below(rows.size())));
        for (std::int64_t i = 0; i < edit && !rows.empty(); ++i) {
            Article& row = rows[project.random.below(rows.size())];
            ++row.views;
            row.updated_us = tick(project, i);
        }
        for (std::int64_t i = 0; i < create; ++i) add(project, tick(project, i));
    });
    world.stats.mutations += create + edit + remove;
    done.number("changed", create + edit + remove);
    return found;
}

// articles: id, title, status, views, date_created, date_updated.
std::optional<std::string> Directus::oracle(std::string_view account, std::string_view table) const {
    const auto at = projects_.find(account);
    if (at == projects_.end() || table != "articles") return std::nullopt;
    Copy copy;
    for (const Article& row : at->second.articles) {
        copy.number(row.id).text(row.title).text(row.status).number(row.views).text(iso_ms(row.created_us));
        copy.text_or_null(row.updated_us == 0 ? "" : iso_ms(row.updated_us)).end_row();
    }
    return copy.take();
}

}  // namespace simulator
