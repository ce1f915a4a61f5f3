// Carrying out control commands. Each reads all its options before it changes anything.
#include "control.hpp"

#include <csignal>

#include "options.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kMany = 1'000'000'000;

Reply json_reply(std::string body) {
    Reply reply;
    reply.body = std::move(body);
    return reply;
}

Reply done() { return json_reply(R"({"ok":true})"); }

std::vector<std::pair<std::string, std::string>> read_header_list(Options& options) {
    std::vector<std::pair<std::string, std::string>> headers;
    const rapidjson::Value* object = options.object("headers");
    if (object == nullptr) return headers;
    for (const auto& member : object->GetObject()) {
        if (!member.value.IsString()) {
            options.refuse("headers must be strings");
            break;
        }
        headers.emplace_back(text_of(member.name), text_of(member.value));
    }
    return headers;
}

Fault read_fault(Options& options) {
    Fault fault;
    fault.account = options.text("account", "*");
    fault.stream = options.text("stream", "*");
    fault.skip = options.integer("skip", 0, 0, kMany);
    fault.times = options.integer("times", 1, -1, kMany);
    const auto kind = parse_fault_kind(options.text("kind", ""));
    if (!kind) options.refuse("unknown kind of fault");
    fault.kind = kind.value_or(FaultKind::status);
    fault.status = static_cast<int>(options.integer("status", 500, 200, 599));
    fault.headers = read_header_list(options);
    fault.body = options.text("body", fault.body);
    fault.hang = options.flag("hang", false);
    fault.ms = options.integer("ms", fault.kind == FaultKind::drip ? 1 : 1000, 0, kMany);
    fault.at = options.integer("at", -1, -1, kMany);
    fault.bytes = options.integer("bytes", 1 << 20, 0, 1 << 30);
    fault.pid = static_cast<pid_t>(options.integer("pid", 0, 0, 1 << 30));
    fault.signal = static_cast<int>(options.integer("signal", SIGKILL, 0, 64));
    const std::string when = options.text("when", "request");
    if (when != "request" && when != "response") options.refuse("when must be request or response");
    fault.on_response = when == "response";
    if (options.has("process")) fault.process = options.flag("process", true);
    // 0 and 1 would be our own process group and init.
    if (fault.kind == FaultKind::kill && fault.pid < 2) options.refuse("kill needs the pid of a process");
    return fault;
}

}  // namespace

Reply Control::handle(const Request& request, std::string_view command) {
    if (request.method == "GET") return get(request, command);
    if (request.method == "POST") return post(request.body, command);
    return error_reply(405, "use GET or POST");
}

Reply Control::get(const Request& request, std::string_view command) {
    if (command == "stats") return json_reply(stats_json(*world_));
    if (command == "log") {
        const Parameters query(request.query);
        const auto since = parse_integer(query.find("since").value_or("0"));
        if (!since) return error_reply(400, "since must be an integer");
        Reply reply = text_reply(world_->stats.log.text(*since, query.find("times").has_value()));
        reply.headers.emplace_back("X-Log-Next", std::to_string(world_->stats.log.next()));
        return reply;
    }
    return error_reply(404, "unknown control command");
}

Reply Control::post(std::string_view body, std::string_view command) {
    if (command == "setup") return setup(body);
    if (command == "mutate") return mutate(body);
    if (command == "fault") return fault(body);
    if (command == "rain") return rain(body);
    if (command == "expire_access") return expire_access(body);
    if (command == "reseed_token") return reseed_token(body);
    if (command == "clear_faults") {
        world_->faults.clear();
        return done();
    }
    if (command == "expire_tokens") {
        ++world_->token_generation;
        return done();
    }
    if (command == "reset_stats") {
        reset_stats(*world_);
        return done();
    }
    if (command == "release") {
        Reply reply = done();
        reply.release_hanging = true;
        return reply;
    }
    return error_reply(404, "unknown control command");
}

Reply Control::setup(std::string_view body) {
    std::string problem;
    auto world = make_world(body, seed_, world_->token_generation + 1, problem);
    if (world == nullptr) return error_reply(400, problem);
    world_ = std::move(world);
    return done();
}

Reply Control::mutate(std::string_view body) {
    Options options(body);
    Json json;
    json.open();
    const bool found = world_->dialect->mutate(options, *world_, json);
    const std::string problem = options.problem();
    if (!problem.empty()) return error_reply(400, problem);
    if (!found) return error_reply(404, "unknown account or stream");
    json.close();
    return json_reply(json.take());
}

Reply Control::fault(std::string_view body) {
    Options options(body);
    Fault fault = read_fault(options);
    const std::string problem = options.problem();
    if (!problem.empty()) return error_reply(400, problem);
    world_->faults.add(std::move(fault));
    return done();
}

Reply Control::rain(std::string_view body) {
    Options options(body);
    Rain rain;
    rain.percent = options.integer("percent", 0, 0, 100);
    rain.random = Random(static_cast<std::uint64_t>(options.integer("seed", 1, 0, kMany)));
    rain.token = options.flag("token", false);
    const auto headers = read_header_list(options);
    const std::int64_t ms = options.integer("ms", 100, 0, kMany);
    const auto names =
        options.texts("kinds", {"status500", "reset", "truncate", "bad_json", "status429"});
    for (const std::string& name : names) {
        auto fault = parse_rain_kind(name);
        if (!fault) {
            options.refuse("unknown kind of rain: " + name);
            continue;
        }
        fault->headers = headers;
        fault->ms = fault->kind == FaultKind::drip ? 1 : ms;
        fault->bytes = 1 << 20;
        rain.kinds.push_back(std::move(*fault));
    }
    const std::string problem = options.problem();
    if (!problem.empty()) return error_reply(400, problem);
    world_->faults.set_rain(std::move(rain));
    return done();
}

Reply Control::expire_access(std::string_view body) {
    Options options(body);
    const std::string account = options.text("account", "*");
    const std::string problem = options.problem();
    if (!problem.empty()) return error_reply(400, problem);
    return world_->auth.expire_access(account) ? done() : error_reply(404, "unknown account");
}

Reply Control::reseed_token(std::string_view body) {
    Options options(body);
    const std::string account = options.text("account", "");
    const std::string problem = options.problem();
    if (!problem.empty()) return error_reply(400, problem);
    const auto pair = world_->auth.reseed(account);
    if (!pair) return error_reply(404, "unknown account");
    return json_reply(R"({"refresh_token":")" + pair->refresh + R"(","access_token":")" + pair->access + R"("})");
}

}  // namespace simulator
