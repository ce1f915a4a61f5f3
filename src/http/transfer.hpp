// One request on one libcurl easy handle: its options, what its callbacks collect, and what became of it.
//
// The callbacks are noexcept and answer failure with a return code, because libcurl is C: an exception must not pass
// through it. They leave a note of why they stopped the transfer, from which finish() makes the error.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <netinet/in.h>

#include "core/request.hpp"
#include "core/result.hpp"
#include "core/url.hpp"
#include "http/client.hpp"

namespace upstream::http {

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using EasyHandle = std::unique_ptr<CURL, FreeEasy>;

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

class Transfer {
  public:
    // The request is well-formed, `origin` is its URL's. `options` outlives the transfer.
    Transfer(TransferId id, const core::Request& request, core::Origin origin, const Options& options, EasyHandle easy);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    [[nodiscard]] TransferId id() const { return id_; }
    [[nodiscard]] CURL* easy() const { return easy_.get(); }
    [[nodiscard]] std::chrono::microseconds age() const;
    [[nodiscard]] std::size_t received() const { return response_.body.size(); }  // of the body, so far

    // The transfer of an easy handle.
    [[nodiscard]] static Transfer& of(CURL* easy);

    // When the total timeout is over for certain: libcurl watches it, but not while the transfer waits for one of the connections that a host is allowed, and
    // its clock starts a little later. Or when the first byte should have come, which libcurl does not watch.
    [[nodiscard]] std::chrono::steady_clock::time_point overdue() const { return first_byte_due_ ? std::min(overdue_, *first_byte_due_) : overdue_; }
    [[nodiscard]] bool lacks_first_byte() const { return first_byte_due_ && *first_byte_due_ < overdue_; }

    // The answer or the error, once the transfer has ended with `code`: libcurl's, or CURLE_NO_CONNECTION_AVAILABLE if it
    // got no connection before it was overdue.
    [[nodiscard]] core::Result<core::Response> finish(CURLcode code);

    // Whether it was stopped because its time to be sent had passed.
    [[nodiscard]] bool is_late() const { return stop_ == Stop::late; }

    // Gives the easy handle back without its options. It must have left the multi handle.
    [[nodiscard]] EasyHandle release();

  private:
    enum class Stop { none, body_too_large, headers_too_large, address, late, no_memory, libcurl };

    void set_target(const core::Request& request);
    void set_message(const core::Request& request);
    void set_limits(const core::Request& request);
    void set_callbacks();

    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
    static int on_connected(void* self, char* remote, char* local, int remote_port, int local_port) noexcept;

    Stop take_header(std::string_view line);
    Stop end_headers();
    void make_room();
    bool admit(const sockaddr* address) noexcept;

    [[nodiscard]] core::Error failure(CURLcode code) const;
    [[nodiscard]] core::Error timed_out(CURLcode code) const;
    [[nodiscard]] std::string phase(CURLcode code) const;
    [[nodiscard]] core::Error stopped() const;
    [[nodiscard]] core::Error too_large(const std::string& what, std::size_t limit) const;
    [[nodiscard]] core::Error not_allowed() const;
    [[nodiscard]] std::string detail(CURLcode code) const;
    [[nodiscard]] std::chrono::microseconds time(CURLINFO phase) const;

    TransferId id_;
    core::Origin origin_;
    const Options& options_;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point overdue_;

    std::optional<core::Uptime> send_by_;
    std::optional<core::Duration> first_byte_timeout_;
    std::optional<std::chrono::steady_clock::time_point> first_byte_due_{};  // while the request is sent and not answered

    // libcurl and the callbacks use all of these until easy_ is gone, so they are declared before it.
    std::optional<std::string> body_;
    core::Response response_;
    std::size_t header_bytes_ = 0;
    bool headers_complete_ = false;
    bool admitted_ = false;                         // an address was good enough to connect to
    std::array<char, INET6_ADDRSTRLEN> refused_{};  // the last address that was not
    Stop stop_ = Stop::none;
    std::array<char, CURL_ERROR_SIZE> message_{};
    HeaderList headers_;
    EasyHandle easy_;
};

}  // namespace upstream::http
