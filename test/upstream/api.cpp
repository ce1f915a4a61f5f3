// Routing requests, and the order of things within a data request: credentials, faults, the page, its damage.
#include "api.hpp"

#include <csignal>

#include "clock.hpp"
#include "gzip.hpp"
#include "page.hpp"

namespace simulator {

namespace {

constexpr std::string_view kControl = "/_control/";
constexpr std::string_view kOracle = "/_oracle/";
constexpr std::string_view kData = "/v1/";

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

    Reply reply;
    if (path.starts_with(kData)) {
        reply = data(request, path.substr(kData.size()));
    } else if (path == "/oauth/token") {
        reply = token(request);
    } else {
        reply = error_reply(404, "no such path");
    }
    world_->stats.log.add(request.method, request.target, logged_status(reply));
    return reply;
}

Reply Api::data(const Request& request, std::string_view path) {
    Stats& stats = world_->stats;
    ++stats.requests;
    stats.last_request_us = monotonic_us();
    const auto parts = split(path, '/');
    if (parts.size() != 3) return error_reply(404, "no such path");
    const auto account = percent_decode(parts[0], false);
    const auto stream = percent_decode(parts[1], false);
    if (!account || !stream) return error_reply(400, "malformed percent encoding");
    Model* model = world_->find(*account, *stream);
    if (model == nullptr) return error_reply(404, "unknown account or stream");

    InFlight in_flight(model->counters);
    ++model->counters->requests;
    const Parameters parameters(request.query);
    Reply reply;
    if (request.method != "GET") {
        reply = error_reply(405, "use GET");
    } else if (auto refusal = world_->auth.refuse(request, parameters, *account)) {
        reply = std::move(*refusal);
    } else {
        reply = page(request, parameters, *account, *stream, parts[2], *model);
    }
    reply.delay_us += world_->settings.latency_ms * 1000;
    reply.in_flight = std::move(in_flight);
    if (!reply.reset) {
        stats.bytes += static_cast<std::int64_t>(reply.truncate ? reply.truncate_at : reply.body.size());
    }
    return reply;
}

Reply Api::page(const Request& request, const Parameters& parameters, std::string_view account,
                std::string_view stream, std::string_view paging, Model& model) {
    const auto kind = parse_paging(paging);
    if (!kind) return error_reply(404, "unknown pagination");
    const auto fault = world_->faults.draw(account, stream);
    if (fault) {
        ++world_->stats.faults;
        strike(*fault);
    }

    const std::string name = std::string(account) + "/" + std::string(stream);
    const QueryContext context{name, *kind, world_->settings.max_limit, world_->token_generation};
    Query query;
    std::string problem;
    Reply reply;
    if (const int status = parse_query(parameters, context, query, problem); status != 0) {
        reply = error_reply(status, problem);
    } else {
        const bool repeat = fault && fault->kind == FaultKind::repeat_token;
        Page page = make_page(model.rows, query, context, origin_, request.path, repeat);
        reply = std::move(page.reply);
        if (!fault || serves_rows(*fault)) model.counters->rows_served += static_cast<std::int64_t>(page.rows);
    }
    if (fault) {
        damage(reply, *fault);
        if (reply.status == 401) world_->auth.note_refusal(request, account);
    }
    if (world_->settings.gzip) compress(request, reply);
    if (fault) finish_damage(reply, *fault);
    world_->count_request(model);
    return reply;
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

Reply Api::oracle(std::string_view path) {
    const auto parts = split(path, '/');
    Model* model = parts.size() == 2 ? world_->find(parts[0], parts[1]) : nullptr;
    if (model == nullptr) return error_reply(404, "unknown account or stream");
    std::string out;
    for (const std::uint32_t index : model->rows.by_id()) append_copy_line(out, model->rows.row(index));
    return text_reply(std::move(out));
}

}  // namespace simulator
