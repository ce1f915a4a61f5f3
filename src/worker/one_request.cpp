#include "pg/postgres.hpp"

#include "worker/one_request.hpp"

#include <optional>
#include <utility>

#include "core/url.hpp"
#include "http/client.hpp"
#include "pg/wait_set.hpp"
#include "worker/books.hpp"
#include "worker/budgets.hpp"
#include "worker/instance.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr core::Duration kLongestWait = std::chrono::minutes(1);

// Returns when there is room for the request; or why it is not waited for.
std::optional<core::Error> wait_for_room(const core::Request& request, const Asker& asker) {
    Budgets budgets;
    const Needs needs = budgets.needs_of(asker.source, asker.model.source_id, asker.model.account_id, asker.account, request, core::authority(request.url));
    const core::Uptime deadline = uptime() + kLongestWait;
    for (;;) {
        const core::Uptime now = uptime();
        with_catalog([&](Catalog& catalog) { budgets.look(catalog, needs, now); });
        const Earliest earliest = budgets.earliest(needs, now);
        if (earliest.at <= now) return std::nullopt;
        if (earliest.at > deadline)
            return core::Error{.code = core::Code::rate_limited,
                               .message = "the request would have to wait for more than a minute (" + earliest.waits_for + ")",
                               .hint = "upstream.rate_budgets shows what is left, and until when an upstream has asked to wait."};
        pg::wait(std::chrono::ceil<std::chrono::milliseconds>(earliest.at - now));
    }
}

}  // namespace

core::Result<core::Response> fetch(const core::Request& request, const Asker& asker) {
    check_may_send();
    if (auto error = wait_for_room(request, asker)) return std::move(*error);
    http::Client client{client_options()};
    pg::WaitSet wait{client.descriptor()};
    client.start(request);
    for (;;) {
        for (http::Finished& finished : client.take_finished()) return std::move(finished.result);
        client.prepare_wait();
        if (wait.wait(client.timeout()).ready) client.on_ready();
        client.on_timeout();
    }
}

}  // namespace upstream::worker
