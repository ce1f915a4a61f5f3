// Reading requests from a socket and delivering answers, in every way a test may want them delivered.
#include "connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.hpp"

namespace simulator {

namespace {

constexpr std::size_t kMaxInput = 32 * 1024 * 1024;  // pipelined requests that pile up behind an answer

}  // namespace

Connection::~Connection() {
    if (fd_ >= 0) close(fd_);
}

void Connection::read(std::vector<char>& buffer) {
    while (!closed_) {
        const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
        if (got > 0) {
            input_.append(buffer.data(), static_cast<std::size_t>(got));
            if (input_.size() > kMaxInput) closed_ = true;
            // A read that did not fill the buffer has emptied the socket (epoll(7)), which saves a call per request.
            if (static_cast<std::size_t>(got) < buffer.size()) return;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            if (got == 0 || errno != EAGAIN) closed_ = true;
            return;
        }
    }
}

void Connection::discard(std::size_t length) {
    input_.erase(0, length);
    consumed_ = 0;
}

void Connection::begin(Reply reply, bool keep_alive) {
    reply_.emplace(std::move(reply));
    keep_alive_ = keep_alive && !reply_->truncate;
    head_ = reply_head(*reply_, keep_alive || reply_->truncate);  // a cut answer is not announced
    sent_ = 0;
    allowed_ = head_.size();
    if (reply_->truncate) {
        allowed_ += reply_->truncate_at;
    } else if (reply_->drip_us == 0) {
        allowed_ += reply_->body.size();
    }
    due_us_ = reply_->delay_us > 0 ? monotonic_us() + reply_->delay_us : 0;
}

Connection::Step Connection::deliver() {
    if (reply_->hang) return Step::idle;
    if (due_us_ > 0) {
        if (monotonic_us() < due_us_) return Step::timer;
        due_us_ = 0;
    }
    if (reply_->reset) {
        abort();
        return Step::closed;
    }
    if (!write_some()) return closed_ ? Step::closed : Step::idle;
    if (reply_->drip_us > 0 && sent_ < head_.size() + reply_->body.size()) {
        ++allowed_;
        due_us_ = monotonic_us() + reply_->drip_us;
        return Step::timer;
    }
    return finish();
}

// True once everything that may be sent has been sent.
bool Connection::write_some() {
    while (sent_ < allowed_) {
        std::array<iovec, 2> parts{};
        std::size_t count = 0;
        if (sent_ < head_.size()) parts[count++] = {head_.data() + sent_, head_.size() - sent_};
        const std::size_t from = std::max(sent_, head_.size());
        if (from < allowed_) parts[count++] = {reply_->body.data() + (from - head_.size()), allowed_ - from};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        const ssize_t put = sendmsg(fd_, &message, MSG_NOSIGNAL);
        if (put < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) closed_ = true;
            return false;
        }
        sent_ += static_cast<std::size_t>(put);
    }
    return true;
}

Connection::Step Connection::finish() {
    if (reply_->kill_pid > 1) kill(reply_->kill_pid, reply_->kill_signal);
    const bool releases = reply_->release_hanging;
    reply_.reset();
    closed_ = !keep_alive_;
    return releases ? Step::release : Step::again;
}

// Closing with a linger time of zero sends RST instead of FIN.
void Connection::abort() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd_);
    fd_ = -1;
    closed_ = true;
}

}  // namespace simulator
