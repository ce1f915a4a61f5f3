// Accepting, dispatching events and timers. Sockets are edge-triggered and registered once, for speed.
#include "server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.hpp"

namespace simulator {

namespace {

constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kSignals = 1;
constexpr std::uint32_t kGone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

bool watch(int epoll, int fd, std::uint64_t id, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

Server::~Server() {
    for (const int fd : {epoll_, listener_, signals_}) {
        if (fd >= 0) close(fd);
    }
}

int Server::listen(int port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener_ < 0) return -1;
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(listener_, 1024) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return -1;
    }
    return ntohs(address.sin_port);
}

bool Server::run() {
    buffer_.resize(64 * 1024);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    signals_ = stop_signals();
    if (epoll_ < 0 || signals_ < 0 || !watch(epoll_, listener_, kListener, EPOLLIN) ||
        !watch(epoll_, signals_, kSignals, EPOLLIN)) {
        return false;
    }
    std::array<epoll_event, 256> events{};
    while (!stopping_) {
        const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms());
        if (count < 0 && errno != EINTR) return false;
        const auto end = events.begin() + std::max(count, 0);
        // Departures first: a request that its client has given up must not overlap with the client's next one.
        std::partition(events.begin(), end, [](const epoll_event& event) { return (event.events & kGone) != 0; });
        // Everything that has arrived is taken before anything is answered: requests of one batch were all sent before
        // any of them had an answer, so they do overlap, however fast the answers would have been.
        for (auto event = events.begin(); event != end; ++event) take(event->data.u64, event->events);
        for (auto event = events.begin(); event != end; ++event) answer(event->data.u64);
        fire_timers();
    }
    return true;
}

void Server::take(std::uint64_t id, std::uint32_t events) {
    if (id == kListener) {
        accept_all();
        return;
    }
    if (id == kSignals) {
        stopping_ = true;
        return;
    }
    const auto at = connections_.find(id);
    if (at == connections_.end()) return;
    Connection& connection = *at->second;
    if ((events & (EPOLLIN | kGone)) != 0) connection.read(buffer_);
    if ((events & kGone) != 0) connection.read(buffer_);  // behind the last bytes is the end itself
    if (connection.gone()) {
        connections_.erase(at);
        return;
    }
    connection.take([this](const Request& request) { return api_.handle(request); });
}

void Server::answer(std::uint64_t id) {
    if (const auto at = connections_.find(id); at != connections_.end()) advance(*at->second);
}

void Server::accept_all() {
    for (;;) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;  // none left, or none that could be accepted now
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const std::uint64_t id = next_id_++;
        auto connection = std::make_unique<Connection>(fd, id);
        if (!watch(epoll_, fd, id, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) continue;
        connections_.emplace(id, std::move(connection));
    }
}

void Server::advance(Connection& connection) {
    for (;;) {
        switch (connection.step([this](const Request& request) { return api_.handle(request); })) {
            case Connection::Step::idle: return;
            case Connection::Step::again: break;
            case Connection::Step::timer: timers_.emplace(connection.due_us(), connection.id()); return;
            case Connection::Step::release: release_hanging(); break;
            case Connection::Step::closed: connections_.erase(connection.id()); return;
        }
    }
}

void Server::release_hanging() {
    std::vector<std::uint64_t> hanging;
    for (const auto& [id, connection] : connections_) {
        if (connection->hanging()) hanging.push_back(id);
    }
    std::sort(hanging.begin(), hanging.end());
    for (const std::uint64_t id : hanging) {
        const auto at = connections_.find(id);
        if (at == connections_.end() || !at->second->hanging()) continue;
        at->second->release();
        advance(*at->second);
    }
}

void Server::fire_timers() {
    const std::int64_t now = monotonic_us();
    while (!timers_.empty() && timers_.top().first <= now) {
        const std::uint64_t id = timers_.top().second;
        timers_.pop();
        // A connection that is gone or busy with something else by now takes no harm from being asked.
        answer(id);
    }
}

int Server::timeout_ms() const {
    if (timers_.empty()) return -1;
    const std::int64_t wait = timers_.top().first - monotonic_us();
    return static_cast<int>(std::clamp<std::int64_t>((wait + 999) / 1000, 0, 60'000));
}

}  // namespace simulator
