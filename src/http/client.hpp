// Many transfers at once over one libcurl multi handle (HTTP/2 where TLS offers it, keep-alive, compression), driven from outside.
//
// The client never waits: its owner waits for one descriptor and a time, together with whatever else it waits for
// (worker/engine waits on the process latch too), and then has the client look at what happened. No callback of libcurl
// throws, calls Postgres, or outlives the client. Redirects are not followed (a 302 is an answer like any other), proxies
// and netrc are ignored, URLs with credentials are refused; where a connection may lead is decided by an EgressPolicy
// against the resolved address. What goes wrong with one transfer is in its Finished; what goes wrong with libcurl itself
// is thrown as std::exception, after which the client can only be destroyed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/request.hpp"
#include "core/result.hpp"
#include "http/egress.hpp"

namespace upstream::http {

using TransferId = std::uint64_t;

struct Options {
    bool operator==(const Options&) const = default;
    std::size_t max_body = 16 * 1024 * 1024;  // decoded bytes of one answer
    std::size_t max_header = 100 * 1024;      // bytes of all headers of one answer
    std::size_t max_connections_per_host = 16;
    std::string ca_file{};                    // "" for the system's
    std::string user_agent = "pg_upstream";
    EgressPolicy egress{};
};

struct Finished {
    TransferId id;
    // An Error has a net_* code, too_large, decode (compression), internal, or invalid_spec for a request that is refused.
    core::Result<core::Response> result;
    std::chrono::microseconds duration;  // from start(), so with the wait for a free connection
    bool late = false;                   // not sent, because send_by had passed; the result is a net_timeout
};

class Client {
  public:
    explicit Client(Options options);  // calls curl_global_init once per process
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Starts a transfer. What can be refused at once (URL, header characters) is reported by take_finished(), too.
    TransferId start(const core::Request& request);

    // Forgets a transfer; it will not be reported.
    void cancel(TransferId id);

    // How many have been started, and have neither ended nor been cancelled.
    [[nodiscard]] std::size_t in_flight() const;

    // How many bytes of their answers' bodies have come.
    [[nodiscard]] std::size_t received() const;

    // What to wait for: the descriptor is readable when a socket is ready. Before a wait, prepare_wait() brings it up to date.
    [[nodiscard]] int descriptor() const;
    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const;  // nothing: no timer is set
    void prepare_wait();

    // What happened.
    void on_ready();    // call when the descriptor is readable; harmless if it is not
    void on_timeout();  // call when timeout() has passed; harmless if early

    // The transfers that ended since the last call.
    std::vector<Finished> take_finished();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace upstream::http
