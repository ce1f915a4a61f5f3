// One client connection: its unread input, and the answer it is busy with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http.hpp"

namespace simulator {

class Connection {
  public:
    // What there is to do after a step.
    enum class Step : std::uint8_t {
        idle,     // wait for input or for room to write
        again,    // something is done, take the next step
        timer,    // wait until due_us()
        release,  // all answers that hang are to be let go, then take the next step
        closed,   // nothing more; destroy it
    };

    Connection(int fd, std::uint64_t id) : fd_(fd), id_(id) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] std::int64_t due_us() const { return due_us_; }
    [[nodiscard]] bool gone() const { return closed_; }
    [[nodiscard]] bool hanging() const { return reply_ && reply_->hang; }

    // Takes what has arrived. The peer having closed ends everything: nobody is left to read an answer.
    void read(std::vector<char>& buffer);

    // Lets an answer go that hangs.
    void release() { reply_->hang = false; }

    // Takes the next request from the input and has `handle` answer it, if it is not busy with one. Apart from step()
    // so that all requests that have arrived can be taken before the first of them is answered.
    template <typename Handle>
    bool take(Handle handle) {
        if (closed_ || reply_) return false;
        Request request;
        std::size_t length = 0;
        switch (read_request(std::string_view(input_).substr(consumed_), request, length)) {
            case Reading::incomplete: discard(consumed_); return false;
            case Reading::malformed: begin(error_reply(400, "malformed request"), false); return true;
            case Reading::complete: break;
        }
        begin(handle(request), request.keep_alive);
        consumed_ += length;
        return true;
    }

    // Does one thing: takes a request, waits, or writes.
    template <typename Handle>
    Step step(Handle handle) {
        if (closed_) return Step::closed;
        if (reply_) return deliver();
        return take(handle) ? Step::again : Step::idle;
    }

  private:
    void begin(Reply reply, bool keep_alive);
    void discard(std::size_t length);
    Step deliver();
    Step finish();
    bool write_some();
    void abort();

    int fd_;
    std::uint64_t id_;
    bool closed_ = false;
    std::string input_;
    std::size_t consumed_ = 0;  // of the input, by requests already answered

    std::optional<Reply> reply_;
    bool keep_alive_ = true;
    std::string head_;
    std::size_t sent_ = 0;      // of head and body together
    std::size_t allowed_ = 0;   // how far it may be sent now
    std::int64_t due_us_ = 0;   // when the next step may be taken; 0 is at once
};

}  // namespace simulator
