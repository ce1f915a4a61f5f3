// Parsing requests strictly (whatever is not understood is malformed) and writing the heads of answers.
#include "http.hpp"

#include <cctype>

#include "stats.hpp"
#include "text.hpp"

namespace simulator {

namespace {

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::int64_t kMaxBody = 16 * 1024 * 1024;

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 410: return "Gone";
        case 429: return "Too Many Requests";
        case 500: return "Internal Server Error";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        default: return "Status";
    }
}

bool read_request_line(std::string_view line, Request& request) {
    const auto parts = split(line, ' ');
    if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[1].front() != '/') return false;
    if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return false;
    request.method = parts[0];
    request.target = parts[1];
    for (const char c : request.target) {
        if (c <= ' ' || c > '~') return false;  // a client has to encode everything else
    }
    for (const char c : request.method) {
        if (c < 'A' || c > 'Z') return false;
    }
    const auto question = request.target.find('?');
    request.path = request.target.substr(0, question);
    request.query = question == std::string_view::npos ? "" : request.target.substr(question + 1);
    request.keep_alive = parts[2] == "HTTP/1.1";
    return true;
}

bool read_headers(std::string_view text, Request& request) {
    request.headers.clear();
    while (!text.empty()) {
        const auto end = text.find("\r\n");
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0 || std::isspace(static_cast<unsigned char>(line[0])) != 0) {
            return false;
        }
        request.headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
    }
    return true;
}

// A header's value comes from a control command: a line break in it would become another header.
void append_header(std::string& out, std::string_view name, std::string_view value) {
    for (const std::string_view part : {name, std::string_view(": "), value}) {
        for (const char c : part) {
            if (c != '\r' && c != '\n') out += c;
        }
    }
    out += "\r\n";
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (equal_ignoring_case(key, name)) return value;
    }
    return {};
}

Reading read_request(std::string_view input, Request& request, std::size_t& length) {
    const auto head = input.substr(0, kMaxHead).find("\r\n\r\n");
    if (head == std::string_view::npos) return input.size() < kMaxHead ? Reading::incomplete : Reading::malformed;
    const auto line = input.find("\r\n");
    if (!read_request_line(input.substr(0, line), request)) return Reading::malformed;
    const std::string_view headers = line < head ? input.substr(line + 2, head - line - 2) : "";
    if (!read_headers(headers, request)) return Reading::malformed;

    std::size_t body = 0;
    if (const std::string_view text = request.header("content-length"); !text.empty()) {
        const auto size = parse_integer(text);
        if (!size || *size < 0 || *size > kMaxBody) return Reading::malformed;
        body = static_cast<std::size_t>(*size);
    }
    if (!request.header("transfer-encoding").empty()) return Reading::malformed;  // nobody sends us chunks
    const std::string_view connection = request.header("connection");
    if (equal_ignoring_case(connection, "close")) request.keep_alive = false;
    if (equal_ignoring_case(connection, "keep-alive")) request.keep_alive = true;

    length = head + 4 + body;
    if (input.size() < length) return Reading::incomplete;
    request.body = input.substr(head + 4, body);
    return Reading::complete;
}

InFlight::InFlight(std::shared_ptr<ModelCounters> counters) : counters_(std::move(counters)) {
    if (counters_->in_flight++ > 0) ++counters_->overlaps;
}

InFlight& InFlight::operator=(InFlight&& other) noexcept {
    if (this != &other) {
        if (counters_) --counters_->in_flight;
        counters_ = std::move(other.counters_);
    }
    return *this;
}

InFlight::~InFlight() {
    if (counters_) --counters_->in_flight;
}

Reply error_reply(int status, std::string_view message) {
    Reply reply;
    reply.status = status;
    reply.body = R"({"error":)";
    append_json_string(reply.body, message);
    reply.body += '}';
    return reply;
}

Reply text_reply(std::string body) {
    Reply reply;
    reply.content_type = "text/plain; charset=utf-8";
    reply.body = std::move(body);
    return reply;
}

std::string reply_head(const Reply& reply, bool keep_alive) {
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) + ' ';
    out += reason(reply.status);
    out += "\r\nContent-Type: " + reply.content_type + "\r\n";
    // These statuses have no body, and a length with one of them would confuse a correct client.
    if (reply.status != 204 && reply.status != 304) {
        out += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
    }
    for (const auto& [name, value] : reply.headers) append_header(out, name, value);
    out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    return out;
}

}  // namespace simulator
