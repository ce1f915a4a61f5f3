// HTTP/1.1 as far as a test server needs it: taking a request from a buffer, and what an answer consists of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace simulator {

// Views into the connection's input: valid until the request has been handled.
struct Request {
    std::string_view method;
    std::string_view target;  // path and query as sent
    std::string_view path;
    std::string_view query;
    std::string_view body;
    bool keep_alive = true;
    std::vector<std::pair<std::string_view, std::string_view>> headers;

    // The value of the first header of that name, "" if there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

enum class Reading : std::uint8_t { incomplete, complete, malformed };

// Takes one request from the front of `input`; `length` is how much of it the request occupies when complete.
Reading read_request(std::string_view input, Request& request, std::size_t& length);

struct ModelCounters;

// Counts a request of a model as unanswered for as long as it exists. The connection holds it until the last byte of
// the answer is written (or the peer is gone), which is what makes overlapping requests visible.
class InFlight {
  public:
    InFlight() = default;
    explicit InFlight(std::shared_ptr<ModelCounters> counters);
    InFlight(InFlight&& other) noexcept = default;
    InFlight& operator=(InFlight&& other) noexcept;
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight();

  private:
    std::shared_ptr<ModelCounters> counters_;
};

// An answer, and the ways in which it is to be delivered badly.
struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    std::int64_t delay_us = 0;          // before the first byte
    std::int64_t drip_us = 0;           // between the bytes of the body
    bool hang = false;                  // until released
    bool reset = false;                 // no answer, RST
    bool truncate = false;              // close after `truncate_at` bytes of the body
    std::size_t truncate_at = 0;
    pid_t kill_pid = 0;                 // signalled once the answer is written
    int kill_signal = 0;
    bool release_hanging = false;       // let go of every answer that hangs
    InFlight in_flight;
};

[[nodiscard]] Reply error_reply(int status, std::string_view message);
[[nodiscard]] Reply text_reply(std::string body);

// Status line and headers, with the empty line.
[[nodiscard]] std::string reply_head(const Reply& reply, bool keep_alive);

}  // namespace simulator
