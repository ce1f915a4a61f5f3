// Sockets behind one descriptor.
#include "http/socket_set.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace upstream::http {
namespace {

// Two ends; what is written to one can be read from the other.
class Pair {
  public:
    Pair() {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()) != 0) throw std::runtime_error("no sockets");
    }
    ~Pair() {
        for (const int end : ends_) close(end);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    [[nodiscard]] int fd() const { return ends_[0]; }
    void speak() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
    void hang_up() { shutdown(ends_[1], SHUT_RDWR); }

    // Puts this pair's socket in the place of another's: the number is the same, the socket is not.
    void take_place_of(const Pair& other) {
        EXPECT_EQ(dup2(ends_[0], other.ends_[0]), other.ends_[0]);
        close(ends_[0]);
        ends_[0] = dup(other.ends_[0]);
    }

  private:
    std::array<int, 2> ends_{};
};

bool is_readable(const SocketSet& set) {
    pollfd descriptor{set.descriptor(), POLLIN, 0};
    return poll(&descriptor, 1, 0) == 1;
}

void watch_for_reading(SocketSet& set, const Pair& pair) {
    set.want(pair.fd(), true, false);
    set.apply();
}

void expect_only(const SocketSet& set, const Pair& pair, bool read, bool write) {
    const auto ready = set.ready();
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_EQ(ready[0].fd, pair.fd());
    EXPECT_EQ(ready[0].read, read);
    EXPECT_EQ(ready[0].write, write);
}

TEST(SocketSet, TellsWhichSocketIsReady) {
    SocketSet set;
    const Pair quiet, loud;
    set.want(quiet.fd(), true, false);
    set.want(loud.fd(), true, false);
    set.apply();
    EXPECT_FALSE(is_readable(set));
    loud.speak();
    EXPECT_TRUE(is_readable(set));
    expect_only(set, loud, true, false);
}

TEST(SocketSet, TakesTheLastOfSeveralWishes) {
    SocketSet set;
    const Pair pair;
    set.want(pair.fd(), true, false);
    set.want(pair.fd(), true, true);
    set.want(pair.fd(), false, true);
    set.apply();
    pair.speak();
    expect_only(set, pair, false, true);
}

TEST(SocketSet, SaysNothingOfASocketThatIsForgotten) {
    SocketSet set;
    const Pair pair;
    watch_for_reading(set, pair);
    set.forget(pair.fd());
    set.apply();
    pair.speak();
    EXPECT_FALSE(is_readable(set));
    watch_for_reading(set, pair);
    EXPECT_TRUE(is_readable(set));
}

TEST(SocketSet, AHangUpCountsAsBoth) {
    SocketSet set;
    Pair pair;
    watch_for_reading(set, pair);
    pair.hang_up();
    expect_only(set, pair, true, true);
}

TEST(SocketSet, SeesThatANumberCameBackAsAnotherSocket) {
    SocketSet set;
    const Pair first;
    Pair second;
    watch_for_reading(set, first);
    set.forget(first.fd());
    second.take_place_of(first);
    watch_for_reading(set, first);
    second.speak();
    EXPECT_TRUE(is_readable(set));
}

TEST(SocketSet, ForgetsWhatWasClosedWithoutAWord) {
    SocketSet set;
    int fd = -1;
    {
        const Pair pair;
        fd = pair.fd();
        watch_for_reading(set, pair);
    }
    set.forget(fd);
    set.apply();
    EXPECT_FALSE(is_readable(set));
    EXPECT_TRUE(set.ready().empty());
}

}  // namespace
}  // namespace upstream::http
