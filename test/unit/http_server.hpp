// A server in the test's own process, on loopback, and the loop of a client's owner: for tests of the HTTP client, each of which is a program of one file.
#pragma once

#include "http/client.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

// What the resolver below has seen, and the latch on which lookups of hang.test wait.
inline std::atomic<bool> g_lookup_had_signals{false};
inline std::mutex g_lookup_mutex;
inline std::condition_variable g_lookup_changed;
inline int g_lookups_hanging = 0;
inline bool g_lookups_released = false;

// Takes the place of libc's for libcurl: names below .test resolve without a network.
extern "C" int getaddrinfo(const char* __restrict name, const char* __restrict service, const addrinfo* __restrict hints,
                           addrinfo** __restrict result) {
    using Resolve = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto resolve = reinterpret_cast<Resolve>(dlsym(RTLD_NEXT, "getaddrinfo"));
    const std::string host = name == nullptr ? "" : name;
    if (!host.ends_with(".test")) return resolve(name, service, hints, result);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    if (sigismember(&blocked, SIGTERM) == 0 || sigismember(&blocked, SIGUSR1) == 0) g_lookup_had_signals = true;
    if (host == "hang.test") {
        std::unique_lock lock(g_lookup_mutex);
        ++g_lookups_hanging;
        g_lookup_changed.notify_all();
        g_lookup_changed.wait(lock, [] { return g_lookups_released; });
        --g_lookups_hanging;
        g_lookup_changed.notify_all();
    }
    if (host != "loopback.test") return EAI_NONAME;
    return resolve("127.0.0.1", service, hints, result);
}

namespace upstream::http {

using core::Code;
using std::chrono::milliseconds;

class Socket {
  public:
    explicit Socket(int fd) : fd_(fd) {
        if (fd < 0) throw std::runtime_error("no socket");
    }
    ~Socket() { close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

// The server's side of one connection; blocking.
class Peer {
  public:
    explicit Peer(int fd) : socket_(fd) {}

    // The next request, head and body; "" if the client has closed.
    std::string read_request() {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
            if (!receive()) return "";
        std::size_t length = 0;
        if (const std::size_t at = buffer_.find("Content-Length: "); at < end) length = std::stoul(buffer_.substr(at + 16));
        while (buffer_.size() < end + 4 + length)
            if (!receive()) return "";
        std::string request = buffer_.substr(0, end + 4 + length);
        buffer_.erase(0, request.size());
        return request;
    }

    void send(const std::string& text) {
        std::size_t done = 0;
        while (done < text.size()) {
            const ssize_t count = ::send(socket_.fd(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
            if (count <= 0) return;
            done += static_cast<std::size_t>(count);
        }
    }

    void wait_for_close() {
        while (receive()) {}
    }

    // Makes the close that follows a reset.
    void reset_on_close() {
        const linger now{.l_onoff = 1, .l_linger = 0};
        setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

    void interrupt() { shutdown(socket_.fd(), SHUT_RDWR); }

  private:
    bool receive() {
        std::array<char, 65536> chunk{};
        const ssize_t count = recv(socket_.fd(), chunk.data(), chunk.size(), 0);
        if (count <= 0) return false;
        buffer_.append(chunk.data(), static_cast<std::size_t>(count));
        return true;
    }

    Socket socket_;
    std::string buffer_;
};

inline sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline int bind_loopback(int fd) {
    sockaddr_in address = loopback(0);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot bind");
    socklen_t size = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

// Listens on a free port and runs `handler` in a thread for each connection.
class Server {
  public:
    explicit Server(std::function<void(Peer&)> handler)
        : socket_(socket(AF_INET, SOCK_STREAM, 0)), port_(bind_loopback(socket_.fd())), handler_(std::move(handler)) {
        if (listen(socket_.fd(), 512) != 0) throw std::runtime_error("cannot listen");
        acceptor_ = std::thread([this] { accept_all(); });
    }

    ~Server() {
        shutdown(socket_.fd(), SHUT_RDWR);
        acceptor_.join();
        for (const auto& peer : peers_)
            if (const auto alive = peer.lock()) alive->interrupt();
        for (std::thread& thread : threads_) thread.join();
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }
    [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] int connections() const { return connections_; }

  private:
    void accept_all() {
        while (true) {
            const int fd = accept(socket_.fd(), nullptr, nullptr);
            if (fd < 0) return;
            ++connections_;
            auto peer = std::make_shared<Peer>(fd);
            peers_.push_back(peer);
            threads_.emplace_back([this, peer = std::move(peer)]() mutable {
                handler_(*peer);
                peer.reset();
            });
        }
    }

    Socket socket_;
    int port_;
    std::function<void(Peer&)> handler_;
    std::atomic<int> connections_{0};
    std::vector<std::weak_ptr<Peer>> peers_;  // the acceptor's, until it has ended
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

inline std::string answer(const std::string& body, const std::string& headers = "", const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Answers every request of a connection with the same text.
inline std::function<void(Peer&)> always(std::string text) {
    return [text = std::move(text)](Peer& peer) {
        while (!peer.read_request().empty()) peer.send(text);
    };
}

// Answers one request, then closes.
inline std::function<void(Peer&)> once(std::string text) {
    return [text = std::move(text)](Peer& peer) {
        peer.read_request();
        peer.send(text);
    };
}

// Answers with the request itself as the body.
inline void echo(Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) peer.send(answer(request));
}

inline void silence(Peer& peer) {
    peer.wait_for_close();
}

inline Options local() {
    Options options;
    options.egress.allow_http = true;
    options.egress.allow_private = true;
    return options;
}

inline core::Request get(const std::string& url) {
    core::Request request;
    request.url = url;
    return request;
}

// One turn of the owner's loop: waits for what the client asks for, and tells it.
inline void turn(Client& client) {
    client.prepare_wait();
    const auto timeout = client.timeout();
    if (client.in_flight() == 0 && !timeout) throw std::runtime_error("client waits for nothing");
    pollfd descriptor{client.descriptor(), POLLIN, 0};
    poll(&descriptor, 1, timeout ? static_cast<int>(timeout->count()) : -1);
    client.on_ready();
    client.on_timeout();
}

inline std::vector<Finished> drive(Client& client, std::size_t count) {
    std::vector<Finished> all;
    while (all.size() < count) {
        turn(client);
        for (Finished& finished : client.take_finished()) all.push_back(std::move(finished));
    }
    return all;
}

inline core::Result<core::Response> fetch(Client& client, const core::Request& request) {
    const TransferId id = client.start(request);
    Finished finished = std::move(drive(client, 1).front());
    EXPECT_EQ(finished.id, id);
    EXPECT_EQ(client.in_flight(), 0U);
    return std::move(finished.result);
}

inline core::Result<core::Response> fetch(const core::Request& request, Options options = local()) {
    Client client(std::move(options));
    return fetch(client, request);
}

inline void expect_error(const core::Result<core::Response>& result, Code code, const std::string& message) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find(message), std::string::npos) << result.error().message;
    EXPECT_EQ((result.error().message + result.error().detail).find("sesame"), std::string::npos)
        << result.error().message << result.error().detail;
}

}  // namespace upstream::http
