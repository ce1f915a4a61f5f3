// Routing requests, and the order of things within a data request: credentials, faults, the page, its damage.
#include "api.hpp"

#include <csignal>

#include "clock.hpp"
#include "gzip.hpp"

namespace simulator {

namespace {

constexpr std::string_view kControl = "/_control/";
constexpr std::string_view kOracle = "/_oracle/";

void strike(const Fault& fault) {
    if (fault.kind == FaultKind::kill && !fault.on_response) kill(fault.pid, fault.signal);
}

// What the log says of an answer: 0 if there was none.
int logged_status(const Reply& reply) { return reply.hang || reply.reset ? 0 : reply.status; }

}  // namespace

Api::Api(std::int64_t seed) : world_(std::make_unique<World>()), control_(world_, seed) { set_port(0); }

void Api::set_port(int port) { origin_ = "http://127.0.0.1:" + std::to_string(port); }

Reply Api::handle(const Request& request) {
    const std::string_view path = request.path;
    if (path.starts_with(kControl)) return control_.handle(request, path.substr(kControl.size()));
    if (path.starts_with(kOracle)) return oracle(path.substr(kOracle.size()));
    Reply reply = path == world_->dialect->token_path() ? token(request) : data(request);
    world_->stats.log.add(request.method, request.target, logged_status(reply));
    return reply;
}

Reply Api::data(const Request& request) {
    Stats& stats = world_->stats;
    ++stats.requests;
    stats.last_request_us = monotonic_us();
    const Parameters parameters(request.query);
    const Call call{request, parameters, origin_, *world_, [this](const Request& inner) { return data(inner); }};
    Subject subject;
    if (auto answer = world_->dialect->route(call, subject)) return std::move(*answer);

    const std::shared_ptr<ModelCounters>& counters = world_->counters_of(subject);
    InFlight in_flight(counters);
    ++counters->requests;
    Reply reply;
    if (auto refusal = world_->dialect->admit(call, subject)) {
        reply = std::move(*refusal);
    } else {
        reply = faulty(call, subject, *counters);
    }
    reply.delay_us += world_->settings.latency_ms * 1000;
    reply.in_flight = std::move(in_flight);
    if (!reply.reset) {
        stats.bytes += static_cast<std::int64_t>(reply.truncate ? reply.truncate_at : reply.body.size());
    }
    return reply;
}

// The answer of the dialect, damaged if a fault says so.
Reply Api::faulty(const Call& call, const Subject& subject, ModelCounters& counters) {
    const auto fault = world_->faults.draw(subject.account, subject.stream);
    if (fault) {
        ++world_->stats.faults;
        strike(*fault);
    }
    auto [reply, rows] = world_->dialect->answer(call, subject, fault);
    if (!fault || serves_rows(*fault)) counters.rows_served += static_cast<std::int64_t>(rows);
    if (fault) {
        damage(reply, *fault);
        if (reply.status == 401) world_->auth.note_refusal(call.request, subject.account);
    }
    if (world_->settings.gzip) compress(call.request, reply);
    if (fault) finish_damage(reply, *fault);
    world_->dialect->after_answer(*world_, subject);
    return std::move(reply);
}

Reply Api::token(const Request& request) {
    ++world_->stats.token_requests;
    const auto fault = world_->faults.draw(world_->auth.token_account(request), "token");
    if (!fault) return world_->auth.token(request);
    ++world_->stats.faults;
    strike(*fault);
    Reply reply = fault->takes_effect() ? world_->auth.token(request) : error_reply(503, "not processed");
    damage(reply, *fault);
    finish_damage(reply, *fault);
    return reply;
}

// The name of the dialect may come first, so that a test can say which it means: /_oracle/fanvue/a1/chats.
Reply Api::oracle(std::string_view path) {
    auto parts = split(path, '/');
    if (parts.size() == 3 && parts[0] == world_->settings.dialect) parts.erase(parts.begin());
    if (parts.size() == 2) {
        if (auto rows = world_->dialect->oracle(parts[0], parts[1])) return text_reply(std::move(*rows));
    }
    return error_reply(404, "unknown account or table");
}

}  // namespace simulator
