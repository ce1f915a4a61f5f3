// The event loop: one thread, one epoll, connections that are each in one request at a time, and timers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api.hpp"
#include "connection.hpp"

namespace simulator {

class Server {
  public:
    explicit Server(Api& api) : api_(api) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // Listens on 127.0.0.1 only; 0 lets the system choose. Answers the port, or -1 with errno set.
    int listen(int port);

    // Serves until SIGTERM or SIGINT. False if the system refused what is needed.
    bool run();

  private:
    using Timer = std::pair<std::int64_t, std::uint64_t>;  // when, and which connection

    void accept_all();
    void take(std::uint64_t id, std::uint32_t events);
    void answer(std::uint64_t id);
    void advance(Connection& connection);
    void release_hanging();
    void fire_timers();
    [[nodiscard]] int timeout_ms() const;

    Api& api_;
    int epoll_ = -1;
    int listener_ = -1;
    int signals_ = -1;
    bool stopping_ = false;
    std::uint64_t next_id_ = 2;  // 0 and 1 are the listener and the signals
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
    std::vector<char> buffer_;
};

}  // namespace simulator
