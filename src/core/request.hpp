// What goes out and what comes back, as plain data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.hpp"

namespace upstream::core {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string method = "GET";
    std::string url;
    Headers headers;
    std::optional<std::string> body{};
    std::optional<std::pair<std::string, std::string>> basic{};  // user and password for HTTP basic
    Duration connect_timeout = std::chrono::seconds(10);
    std::optional<Duration> first_byte_timeout{};  // from the moment at which the request is sent
    Duration total_timeout = std::chrono::seconds(60);
    std::optional<Uptime> send_by{};  // it is not sent afterwards, however long a connection took or the process was stopped
};

struct Response {
    int status = 0;
    Headers headers{};  // names as sent; the final answer's only
    std::string body{};  // decoded from gzip and the like
    std::size_t wire_bytes = 0;  // body bytes on the wire

    // The first header of that name, any case.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

    // Every value of that header.
    [[nodiscard]] std::vector<std::string> all_headers(std::string_view name) const;
};

}  // namespace upstream::core
