#include "pg/postgres.hpp"

#include "worker/one_request.hpp"

#include <utility>

#include "http/client.hpp"
#include "pg/wait_set.hpp"
#include "worker/instance.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {

core::Result<core::Response> fetch(const core::Request& request) {
    check_may_send();
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
