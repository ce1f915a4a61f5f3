// The dispatcher: every HTTP request of a process leaves through it, those for tokens included.
//
// Whoever has a request hands it in as an Errand, and gets its answer back by the ticket it was given. Like http::Client, which it drives, the dispatcher
// never waits: its owner waits for interests() and timeout(), and tells it what happened.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/source.hpp"
#include "http/client.hpp"

namespace upstream::worker {

using Ticket = std::uint64_t;

// A request, and on whose behalf it is sent.
struct Errand {
    std::int32_t model = 0;  // 0 for a token's
    std::int32_t account = 0;
    std::int32_t source_id = 0;
    std::shared_ptr<const core::Source> source;
    std::string stream{};
    core::Request request{};
};

struct Delivered {
    Ticket ticket;
    core::Result<core::Response> result;
    std::chrono::microseconds duration;  // of the transfer
};

class Dispatcher {
  public:
    explicit Dispatcher(http::Options options);

    // Takes a request on; its answer comes with take_delivered().
    Ticket send(Errand errand);

    // Forgets a request; its answer will not come.
    void cancel(Ticket ticket);

    // Requests that are on the wire.
    [[nodiscard]] std::size_t in_flight() const { return client_.in_flight(); }

    // As http::Client's.
    [[nodiscard]] std::vector<http::Interest> interests() const { return client_.interests(); }
    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const { return client_.timeout(); }
    void on_ready(int fd, bool readable, bool writable) { client_.on_ready(fd, readable, writable); }
    void on_timeout() { client_.on_timeout(); }

    // The answers that came since the last call.
    [[nodiscard]] std::vector<Delivered> take_delivered();

  private:
    http::Client client_;
};

}  // namespace upstream::worker
