// Writing the counters as JSON, and the bounded request log.
#include "stats.hpp"

#include <algorithm>

#include "clock.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::size_t kKeptLines = 100'000;
constexpr std::size_t kShownLines = 200;

// The values of api_key and access_token are secrets.
std::string masked(std::string_view target) {
    std::string out(target);
    for (const std::string_view name : {"api_key=", "access_token="}) {
        for (auto at = out.find(name); at != std::string::npos; at = out.find(name, at + name.size())) {
            const auto begin = at + name.size();
            const auto end = std::min(out.find('&', begin), out.size());
            out.replace(begin, end - begin, "***");
        }
    }
    return out;
}

void write_models(Json& json, const World& world) {
    json.open("models");
    for (const auto& [name, model] : world.counters) {
        const auto slash = name.find('/');
        json.open(name).number("requests", model->requests).number("overlaps", model->overlaps);
        json.number("rows_served", model->rows_served).number("in_flight", model->in_flight);
        json.number("rows", static_cast<std::int64_t>(world.dialect->rows(name.substr(0, slash), name.substr(slash + 1))));
        json.close();
    }
    json.close();
}

void write_accounts(Json& json, const World& world) {
    json.open("accounts");
    for (const auto& [name, account] : world.auth.accounts()) {
        json.open(name).number("refreshes", account.counters.refreshes);
        json.number("early_refreshes", account.counters.early_refreshes).number("grace_uses", account.counters.grace_uses);
        json.number("reuses", account.counters.reuses).number("unauthorized", account.counters.unauthorized);
        json.flag("revoked", account.revoked).close();
    }
    json.close();
}

}  // namespace

void RequestLog::add(std::string_view method, std::string_view target, int status) {
    std::string line(method);
    line += ' ';
    line += masked(target);
    line += ' ' + std::to_string(status);
    lines_.push_back(std::move(line));
    times_.push_back(monotonic_us());
    if (lines_.size() > kKeptLines) {
        lines_.pop_front();
        times_.pop_front();
        ++first_;
    }
}

void RequestLog::clear() {
    lines_.clear();
    times_.clear();
    first_ = 0;
}

std::string RequestLog::text(std::int64_t since, bool with_times) const {
    std::string out;
    const std::int64_t begin = since > first_ ? since - first_ : 0;
    for (auto i = static_cast<std::size_t>(begin); i < lines_.size(); ++i) out += (with_times ? std::to_string(times_[i]) + ' ' : std::string{}) + lines_[i] + '\n';
    return out;
}

std::string stats_json(const World& world) {
    std::int64_t overlaps = 0;
    for (const auto& [name, model] : world.counters) overlaps += model->overlaps;
    const Stats& stats = world.stats;
    Json json;
    json.open().number("requests", stats.requests).number("token_requests", stats.token_requests);
    json.number("overlaps", overlaps).number("mutations", stats.mutations).number("faults", stats.faults);
    json.number("bytes", stats.bytes).number("last_request_us", stats.last_request_us);
    write_models(json, world);
    write_accounts(json, world);
    world.dialect->write_stats(json);
    json.open_list("log");
    const auto& lines = stats.log.lines();
    for (std::size_t i = lines.size() > kShownLines ? lines.size() - kShownLines : 0; i < lines.size(); ++i) json.item(lines[i]);
    json.close_list().close();
    return json.take();
}

void reset_stats(World& world) {
    world.stats = Stats{};
    for (auto& [name, model] : world.counters) model->requests = model->overlaps = model->rows_served = 0;
    world.auth.reset_counters();
    world.dialect->reset_stats();
}

}  // namespace simulator
