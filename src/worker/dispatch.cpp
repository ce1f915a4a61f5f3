#include "worker/dispatch.hpp"

#include <utility>

namespace upstream::worker {

Dispatcher::Dispatcher(http::Options options) : client_(std::move(options)) {}

Ticket Dispatcher::send(Errand errand) { return client_.start(errand.request); }

void Dispatcher::cancel(Ticket ticket) { client_.cancel(ticket); }

std::vector<Delivered> Dispatcher::take_delivered() {
    std::vector<Delivered> delivered;
    for (http::Finished& finished : client_.take_finished())
        delivered.push_back({.ticket = finished.id, .result = std::move(finished.result), .duration = finished.duration});
    return delivered;
}

}  // namespace upstream::worker
