// A load generator for the simulator: one thread, one epoll, a fixed number of requests over keep-alive connections.
//
// load PORT TARGET [CONNECTIONS [REQUESTS [HEADER]]]     e.g.  load 8080 '/v1/a1/items/cursor?limit=100' 16 100000
// Prints requests per second, the mean size of a body, and how many answers were not 200.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kMaxRequests = 10'000'000;
constexpr std::int64_t kMaxConnections = 1000;
constexpr int kPatienceMs = 10'000;  // a server that is silent for so long has failed the run

std::optional<std::int64_t> number(std::string_view text, std::int64_t low, std::int64_t high) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high) return std::nullopt;
    return value;
}

int connect_to(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

// One connection: sends a request when told, and counts the bytes of its answer away.
class Client {
  public:
    explicit Client(int fd) : fd_(fd) {}

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::int64_t body_size() const { return size_; }

    bool send_request(const std::string& request) {
        head_.clear();
        left_ = -1;
        return send(fd_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
    }

    // 1: the answer is complete, 0: more is to come, -1: the connection failed.
    int receive(std::vector<char>& buffer) {
        const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0) return -1;
        std::int64_t bytes = got;
        if (left_ < 0) {
            const auto before = static_cast<std::int64_t>(head_.size());
            head_.append(buffer.data(), static_cast<std::size_t>(std::min<std::int64_t>(got, 8192)));
            const auto end = head_.find("\r\n\r\n");
            if (end == std::string::npos) return 0;
            const auto at = head_.find("Content-Length: ");
            if (at == std::string::npos || at > end) return -1;
            size_ = std::strtoll(head_.c_str() + at + 16, nullptr, 10);
            ok_ = head_.compare(0, 12, "HTTP/1.1 200") == 0;
            left_ = size_;
            bytes -= static_cast<std::int64_t>(end) + 4 - before;
        }
        left_ -= bytes;
        return left_ <= 0 ? 1 : 0;
    }

  private:
    int fd_;
    bool ok_ = false;
    std::string head_;
    std::int64_t size_ = 0;
    std::int64_t left_ = -1;  // bytes of the body still to come; below zero while in the head
};

struct Result {
    std::int64_t done = 0;
    std::int64_t failed = 0;
    std::int64_t bytes = 0;
};

bool run(std::vector<Client>& clients, const std::string& request, std::int64_t requests, Result& result) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    std::int64_t started = 0;
    for (std::size_t i = 0; i < clients.size() && started < requests; ++i, ++started) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd(), &event);
        if (!clients[i].send_request(request)) return false;
    }
    std::vector<char> buffer(256 * 1024);
    std::array<epoll_event, 64> events{};
    while (result.done < requests) {
        const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), kPatienceMs);
        if (count <= 0) return false;
        for (int i = 0; i < count; ++i) {
            Client& client = clients[events[static_cast<std::size_t>(i)].data.u64];
            const int state = client.receive(buffer);
            if (state < 0) return false;
            if (state == 0) continue;
            ++result.done;
            result.bytes += client.body_size();
            if (!client.ok()) ++result.failed;
            if (started < requests) {
                ++started;
                if (!client.send_request(request)) return false;
            }
        }
    }
    close(epoll);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const auto port = number(argc > 1 ? argv[1] : "", 1, 65535);
    const auto connections = number(argc > 3 ? argv[3] : "16", 1, kMaxConnections);
    const auto requests = number(argc > 4 ? argv[4] : "100000", 1, kMaxRequests);
    if (argc < 3 || argc > 6 || !port || !connections || !requests) {
        std::fprintf(stderr, "usage: load PORT TARGET [CONNECTIONS [REQUESTS [HEADER]]]\n");
        return 2;
    }
    std::string request = "GET " + std::string(argv[2]) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    if (argc > 5) request += std::string(argv[5]) + "\r\n";
    request += "\r\n";

    std::vector<Client> clients;
    for (std::int64_t i = 0; i < *connections; ++i) {
        const int fd = connect_to(static_cast<int>(*port));
        if (fd < 0) {
            std::perror("load: connect");
            return 1;
        }
        clients.emplace_back(fd);
    }
    Result result;
    const auto begin = std::chrono::steady_clock::now();
    const bool completed = run(clients, request, *requests, result);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (const Client& client : clients) close(client.fd());
    if (result.done > 0) {
        std::printf("%.0f requests/s, %lld bytes each, %.1f MB/s, %lld not 200\n",
                    static_cast<double>(result.done) / seconds, static_cast<long long>(result.bytes / result.done),
                    static_cast<double>(result.bytes) / seconds / 1e6, static_cast<long long>(result.failed));
    }
    if (!completed) {
        std::fprintf(stderr, "load: the server failed after %lld answers\n", static_cast<long long>(result.done));
    }
    return completed ? 0 : 1;
}
