#include "dialects/github.hpp"

#include <algorithm>

#include "clock.hpp"
#include "dialects/values.hpp"
#include "world.hpp"

namespace simulator {

namespace {

Reply github_error(int status, std::string_view message) {
    Json json;
    json.open().text("message", message).text("documentation_url", "https://docs.github.com/rest").text("status", std::to_string(status)).close();
    return json_answer(status, json);
}

}  // namespace

std::int64_t GitHub::tick(Repository& repository, std::int64_t i) {
    if (i % 3 == 0) repository.last_us = std::max(repository.last_us, wall_us() / kSecondUs * kSecondUs);
    return repository.last_us;
}

void GitHub::open(Repository& repository, std::int64_t at_us) {
    const std::uint64_t key = repository.random();
    const auto number = static_cast<std::int64_t>(repository.issues.size()) + 1;
    repository.issues.push_back({2'000'000'000 + number * 1000 + static_cast<std::int64_t>(key % 1000), number,
                                 "Issue by " + std::string(name_of(key)), key % 3 != 0, at_us, at_us, static_cast<std::int64_t>(key % 5)});
}

void GitHub::set_up(Options& options, const Settings& settings) {
    LimitRule rule{LimitRule::Kind::sliding, 5000, 3600 * kSecondUs};
    read_limit(options, rule);
    limits_ = Limits(rule);
    const std::int64_t issues = options.integer("issues", 250, 0, 1'000'000);
    if (!options.problem().empty()) return;
    for (const std::string& name : settings.accounts) {
        Repository& repository = repositories_[name];
        repository.random = Random(static_cast<std::uint64_t>(settings.seed) ^ hash_text("github/" + name));
        const std::int64_t end = wall_us() / kSecondUs * kSecondUs - 3600 * kSecondUs;
        for (std::int64_t i = 0; i < issues; ++i) open(repository, end - (issues - i) / 3 * 3600 * kSecondUs);
    }
}

std::optional<Reply> GitHub::route(const Call& call, Subject& subject) {
    if (call.request.header("user-agent").empty())
        return github_error(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header");
    const std::string account = account_of_token(call.world, bearer_token(call.request));
    if (account.empty()) return github_error(401, "Bad credentials");
    const auto parts = split(call.request.path, '/');
    const bool repository = parts.size() >= 4 && parts[1] == "repos" && parts[2] == "acme" && parts[3] == account;
    if (!repository || parts.size() > 5 || (parts.size() == 5 && parts[4] != "issues")) return github_error(404, "Not Found");
    subject = {account, parts.size() == 5 ? "issues" : "repository"};
    return std::nullopt;
}

// An answer that says nothing new costs nothing; whether it will is known only after it has been made.
std::optional<Reply> GitHub::admit(const Call& call, const Subject&) {
    if (call.request.method != "GET") return github_error(404, "Not Found");
    return std::nullopt;
}

void GitHub::add_limit(Reply& reply, const std::string& account, bool charged) {
    if (charged && !limits_.ask(account, monotonic_us()).admitted) {
        reply = github_error(403, "API rate limit exceeded for user ID 1.");
    }
    const std::int64_t limit = limits_.rule().limit, left = charged ? limits_.remaining(account) : limit;
    reply.headers.emplace_back("x-ratelimit-limit", std::to_string(limit));
    reply.headers.emplace_back("x-ratelimit-remaining", std::to_string(left));
    reply.headers.emplace_back("x-ratelimit-used", std::to_string(limit - left));
    reply.headers.emplace_back("x-ratelimit-reset", std::to_string((wall_us() + limits_.rule().window_us) / kSecondUs));
    reply.headers.emplace_back("x-ratelimit-resource", "core");
}

Answer GitHub::answer(const Call& call, const Subject& subject, const std::optional<Fault>&) {
    const Repository& repository = repositories_.find(subject.account)->second;
    Answer answer;
    if (subject.stream == "issues") {
        answer = issues(call, repository);
    } else {
        Json json;
        json.open().number("id", 1).text("full_name", "acme/" + subject.account).close();
        answer = {json_answer(200, json), 1};
    }
    const bool same = answer.reply.status == 304;
    if (same) ++not_modified_;
    add_limit(answer.reply, subject.account, !same);
    return answer;
}

// Numbered pages behind a Link header: with direction=asc they drift while issues change.
Answer GitHub::issues(const Call& call, const Repository& repository) {
    const auto size = integer_parameter(call.query, "per_page", 30, 1, 100);
    const auto page = integer_parameter(call.query, "page", 1, 1, 1'000'000);
    if (!size || !page) return {github_error(422, "Validation Failed")};
    std::int64_t since_us = INT64_MIN;
    if (const auto since = call.query.find("since")) {
        const auto time = parse_time(*since);
        if (!time) return {github_error(422, "Validation Failed: since is not a time")};
        since_us = *time;
    }
    const std::string_view state = call.query.find("state").value_or("open");
    std::vector<const Issue*> found;
    for (const Issue& issue : repository.issues) {
        if (issue.updated_us >= since_us && (state == "all" || issue.open == (state == "open"))) found.push_back(&issue);
    }
    const bool by_update = call.query.find("sort") == "updated", ascending = call.query.find("direction") == "asc";
    std::sort(found.begin(), found.end(), [&](const Issue* a, const Issue* b) {
        const auto key = [&](const Issue* issue) { return std::pair(by_update ? issue->updated_us : issue->created_us, issue->id); };
        return ascending ? key(a) < key(b) : key(b) < key(a);
    });
    const std::size_t begin = std::min(found.size(), static_cast<std::size_t>((*page - 1) * *size));
    const std::size_t end = std::min(found.size(), begin + static_cast<std::size_t>(*size));
    Json json;
    json.open_list();
    for (std::size_t i = begin; i < end; ++i) {
        const Issue& issue = *found[i];
        json.open().number("id", issue.id).number("number", issue.number).text("title", issue.title).text("state", issue.open ? "open" : "closed");
        json.number("comments", issue.comments).text("created_at", iso_seconds(issue.created_us)).text("updated_at", iso_seconds(issue.updated_us));
        json.open("user")
            .text("login", "user" + std::to_string(issue.number % 7))
            .number("id", issue.number % 7)
            .close()
            .open_list("labels")
            .close_list();
        if (issue.number % 4 == 0) json.open("pull_request").text("url", "https://api.github.com/pulls/" + std::to_string(issue.number)).close();
        json.close();
    }
    json.close_list();
    Answer answer{json_answer(200, json), end - begin};
    const std::string tag = "W/\"" + hex_of(hash_text(answer.reply.body + std::string(bearer_token(call.request))), 16) + "\"";
    answer.reply.headers.emplace_back("ETag", tag);
    if (call.request.header("if-none-match") == tag) {
        answer.reply.status = 304;
        answer.reply.body.clear();
        answer.rows = 0;
    }
    if (end < found.size()) {
        std::string url =
            std::string(call.origin) + std::string(call.request.path) + "?per_page=" + std::to_string(*size) + "&state=" + std::string(state);
        for (const char* name : {"sort", "direction", "since"}) {
            if (const auto value = call.query.find(name)) url += std::string("&") + name + "=" + percent_encode(*value);
        }
        const auto last = (static_cast<std::int64_t>(found.size()) + *size - 1) / *size;
        answer.reply.headers.emplace_back("Link", "<" + url + "&page=" + std::to_string(*page + 1) + ">; rel=\"next\", <" + url +
                                                      "&page=" + std::to_string(last) + ">; rel=\"last\"");
    }
    return answer;
}

bool GitHub::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    const std::int64_t create = options.integer("open", 0, 0, 100'000), edit = options.integer("edit", 0, 0, 100'000),
                       close = options.integer("close", 0, 0, 100'000);
    if (!options.problem().empty()) return true;
    const bool found = for_accounts(repositories_, account, [&](const std::string&, Repository& repository) {
        for (std::int64_t i = 0; i < edit + close && !repository.issues.empty(); ++i) {
            Issue& issue = repository.issues[repository.random.below(repository.issues.size())];
            ++issue.comments;
            if (i >= edit) issue.open = false;
            issue.updated_us = tick(repository, i);
        }
        for (std::int64_t i = 0; i < create; ++i) open(repository, tick(repository, i));
    });
    world.stats.mutations += create + edit + close;
    done.number("changed", create + edit + close);
    return found;
}

// issues: id, number, title, state, comments, is_pull_request, updated_at.
std::optional<std::string> GitHub::oracle(std::string_view account, std::string_view table) const {
    const auto at = repositories_.find(account);
    if (at == repositories_.end() || table != "issues") return std::nullopt;
    Copy copy;
    for (const Issue& issue : at->second.issues) {
        copy.number(issue.id).number(issue.number).text(issue.title).text(issue.open ? "open" : "closed").number(issue.comments);
        copy.flag(issue.number % 4 == 0).text(iso_seconds(issue.updated_us)).end_row();
    }
    return copy.take();
}

}  // namespace simulator
