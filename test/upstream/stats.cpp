// Writing the counters as JSON, and the bounded request log.
#include "stats.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "world.hpp"

namespace simulator {

namespace {

constexpr std::size_t kKeptLines = 100'000;
constexpr std::size_t kShownLines = 200;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, const std::string& text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_member(Writer& writer, const char* name, std::int64_t value) {
    writer.Key(name);
    writer.Int64(value);
}

std::string masked(std::string_view target) {
    std::string out;
    for (;;) {
        const auto at = target.find("api_key=");
        if (at == std::string_view::npos) return out.append(target);
        const auto end = target.find('&', at);
        out.append(target.substr(0, at)).append("api_key=***");
        if (end == std::string_view::npos) return out;
        target.remove_prefix(end);
    }
}

void write_models(Writer& writer, const World& world) {
    writer.StartObject();
    for (const auto& [account, streams] : world.models) {
        for (const auto& [name, model] : streams) {
            write_text(writer, account + "/" + name);
            writer.StartObject();
            write_member(writer, "requests", model.counters->requests);
            write_member(writer, "overlaps", model.counters->overlaps);
            write_member(writer, "rows_served", model.counters->rows_served);
            write_member(writer, "in_flight", model.counters->in_flight);
            write_member(writer, "rows", static_cast<std::int64_t>(model.rows.size()));
            writer.EndObject();
        }
    }
    writer.EndObject();
}

void write_accounts(Writer& writer, const World& world) {
    writer.StartObject();
    for (const auto& [name, account] : world.auth.accounts()) {
        write_text(writer, name);
        writer.StartObject();
        write_member(writer, "refreshes", account.counters.refreshes);
        write_member(writer, "early_refreshes", account.counters.early_refreshes);
        write_member(writer, "grace_uses", account.counters.grace_uses);
        write_member(writer, "reuses", account.counters.reuses);
        write_member(writer, "unauthorized", account.counters.unauthorized);
        writer.Key("revoked");
        writer.Bool(account.revoked);
        writer.EndObject();
    }
    writer.EndObject();
}

}  // namespace

void RequestLog::add(std::string_view method, std::string_view target, int status) {
    std::string line(method);
    line += ' ';
    line += target.find("api_key=") == std::string_view::npos ? std::string(target) : masked(target);
    line += ' ' + std::to_string(status);
    lines_.push_back(std::move(line));
    if (lines_.size() > kKeptLines) {
        lines_.pop_front();
        ++first_;
    }
}

void RequestLog::clear() {
    lines_.clear();
    first_ = 0;
}

std::string RequestLog::text(std::int64_t since) const {
    std::string out;
    const std::int64_t begin = since > first_ ? since - first_ : 0;
    for (auto i = static_cast<std::size_t>(begin); i < lines_.size(); ++i) out += lines_[i] + '\n';
    return out;
}

std::string stats_json(const World& world) {
    std::int64_t overlaps = 0;
    for (const auto& [account, streams] : world.models) {
        for (const auto& [name, model] : streams) overlaps += model.counters->overlaps;
    }
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    const Stats& stats = world.stats;
    writer.StartObject();
    write_member(writer, "requests", stats.requests);
    write_member(writer, "token_requests", stats.token_requests);
    write_member(writer, "overlaps", overlaps);
    write_member(writer, "mutations", stats.mutations);
    write_member(writer, "faults", stats.faults);
    write_member(writer, "bytes", stats.bytes);
    write_member(writer, "last_request_us", stats.last_request_us);
    writer.Key("models");
    write_models(writer, world);
    writer.Key("accounts");
    write_accounts(writer, world);
    writer.Key("log");
    writer.StartArray();
    const auto& lines = stats.log.lines();
    for (std::size_t i = lines.size() > kShownLines ? lines.size() - kShownLines : 0; i < lines.size(); ++i) {
        write_text(writer, lines[i]);
    }
    writer.EndArray();
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void reset_stats(World& world) {
    world.stats = Stats{};
    for (auto& [account, streams] : world.models) {
        for (auto& [name, model] : streams) {
            ModelCounters& counters = *model.counters;
            counters.requests = counters.overlaps = counters.rows_served = 0;
        }
    }
    world.auth.reset_counters();
}

}  // namespace simulator
