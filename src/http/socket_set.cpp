#include "http/socket_set.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <sys/epoll.h>
#include <unistd.h>

namespace upstream::http {

SocketSet::SocketSet() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

SocketSet::~SocketSet() { close(epoll_); }

SocketSet::Socket& SocketSet::note(int fd) {
    Socket& socket = sockets_[fd];
    if (!socket.noted) changed_.push_back(fd);
    socket.noted = true;
    return socket;
}

void SocketSet::want(int fd, bool read, bool write) { note(fd).wanted = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U); }

void SocketSet::forget(int fd) {
    Socket& socket = note(fd);
    socket.wanted = 0;
    socket.forgotten = true;
}

void SocketSet::apply() {
    for (const int fd : changed_) {
        const auto found = sockets_.find(fd);
        Socket& socket = found->second;
        if (socket.wanted == 0) {
            // It may have left by itself, when it was closed.
            if (socket.watched != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
            sockets_.erase(found);
            continue;
        }
        if (socket.wanted != socket.watched || socket.forgotten) watch(fd, socket);
        socket = {.wanted = socket.wanted, .watched = socket.wanted};
    }
    changed_.clear();
}

// If the number stands for another socket than the last time, the kernel knows it, and we do not.
void SocketSet::watch(int fd, const Socket& socket) const {
    epoll_event event{.events = socket.wanted, .data = {.fd = fd}};
    const int first = socket.watched != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll_, first, fd, &event) == 0) return;
    const int other = errno == ENOENT ? EPOLL_CTL_ADD : errno == EEXIST ? EPOLL_CTL_MOD : 0;
    if (other == 0 || epoll_ctl(epoll_, other, fd, &event) != 0) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

std::vector<SocketSet::Ready> SocketSet::ready() const {
    std::array<epoll_event, 256> events{};
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    std::vector<Ready> result;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        result.push_back({.fd = event.data.fd, .read = broken || (event.events & EPOLLIN) != 0, .write = broken || (event.events & EPOLLOUT) != 0});
    }
    return result;
}

}  // namespace upstream::http
