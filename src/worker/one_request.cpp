#include "pg/postgres.hpp"

#include "worker/one_request.hpp"

#include <utility>
#include <vector>

#include "http/client.hpp"
#include "pg/wait_set.hpp"
#include "worker/instance.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {

core::Result<core::Response> fetch(const core::Request& request) {
    check_may_send();
    http::Client client{client_options()};
    client.start(request);
    for (;;) {
        for (http::Finished& finished : client.take_finished()) return std::move(finished.result);
        std::vector<pg::Socket> sockets;
        for (const http::Interest& interest : client.interests()) sockets.push_back({.fd = interest.fd, .read = interest.read, .write = interest.write});
        const pg::Woken woken = pg::wait(sockets, client.timeout());
        for (const pg::Socket& socket : woken.ready) client.on_ready(socket.fd, socket.read, socket.write);
        client.on_timeout();
    }
}

}  // namespace upstream::worker
