// Sockets to wait for, behind one descriptor: an epoll instance that is kept, because building one for every wait costs a system call for each socket.
//
// What libcurl wants of a socket changes several times between two waits, and most of it cancels out: the end of one transfer and the start of the next on the same
// connection. So wishes are only noted, and apply() brings the instance up to date.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace upstream::http {

class SocketSet {
  public:
    struct Ready {
        int fd;
        bool read;  // an error or hang-up counts as both
        bool write;
    };

    SocketSet();  // throws std::system_error
    ~SocketSet();
    SocketSet(const SocketSet&) = delete;
    SocketSet& operator=(const SocketSet&) = delete;

    void want(int fd, bool read, bool write);
    void forget(int fd);  // it may be closed afterwards, and its number may come back as another socket

    // Readable when one of the sockets is ready, as of the last apply().
    [[nodiscard]] int descriptor() const { return epoll_; }
    void apply();  // throws std::system_error

    // Those that are ready now; not all of very many.
    [[nodiscard]] std::vector<Ready> ready() const;

  private:
    struct Socket {
        std::uint32_t wanted = 0;   // EPOLLIN, EPOLLOUT
        std::uint32_t watched = 0;  // by the instance, unless the socket is another one by now
        bool noted = false;         // in changed_
        bool forgotten = false;     // since the last apply()
    };

    Socket& note(int fd);
    void watch(int fd, const Socket& socket) const;

    int epoll_;
    std::unordered_map<int, Socket> sockets_;
    std::vector<int> changed_;
};

}  // namespace upstream::http
