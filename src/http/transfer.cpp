// Sets up one transfer and takes in its answer; see transfer.hpp. What its end means is transfer_end.cpp's subject.
#include "http/transfer.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "http/egress.hpp"
#include "http/global.hpp"

namespace upstream::http {
namespace {

// An answer that has begun and then delivers less than this for so long is broken.
constexpr long kStallBytesPerSecond = 100;
constexpr long kStallSeconds = 30;

// Reading the system's certificates costs more than a handshake; a renewed file is seen after this.
constexpr long kCertificateCacheSeconds = 3600;

// An answer that says that it is longer has to show it first.
constexpr std::size_t kMostAnnounced = 1024 * 1024;

// What is read from a socket at a time: most pages take one or two of it.
constexpr long kBufferBytes = 64 * 1024;

// So long libcurl may take to notice a timeout by itself; its message says more.
constexpr std::chrono::milliseconds kGrace{100};

// libcurl reads its options from a va_list: a bool, int or std::size_t would be read as something else.
template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    static_assert(std::is_same_v<Value, long> || std::is_same_v<Value, curl_off_t> || std::is_pointer_v<Value>);
    check(curl_easy_setopt(easy, option, value));
}

void set(CURL* easy, CURLoption option, const std::string& value) {
    check(curl_easy_setopt(easy, option, value.c_str()));
}

// Never zero, which to libcurl means its own default.
long to_milliseconds(core::Duration duration) {
    return std::max<long>(1, std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool has_header(const core::Request& request, const char* name) {
    return std::ranges::any_of(request.headers,
                               [name](const auto& header) { return curl_strequal(header.first.c_str(), name) != 0; });
}

void append(HeaderList& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
}

}  // namespace

Transfer::Transfer(TransferId id, const core::Request& request, core::Origin origin, const Options& options, EasyHandle easy)
    : id_(id),
      origin_(std::move(origin)),
      options_(options),
      overdue_(started_ + request.total_timeout + kGrace),
      send_by_(request.send_by),
      first_byte_timeout_(request.first_byte_timeout),
      body_(request.body),
      easy_(std::move(easy)) {
    set_callbacks();
    set_target(request);
    set_message(request);
    set_limits(request);
}

std::chrono::microseconds Transfer::age() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started_);
}

Transfer& Transfer::of(CURL* easy) {
    char* self = nullptr;
    check(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self));
    return *reinterpret_cast<Transfer*>(self);
}

EasyHandle Transfer::release() {
    curl_easy_reset(easy_.get());
    return std::move(easy_);
}

void Transfer::set_callbacks() {
    CURL* easy = easy_.get();
    set(easy, CURLOPT_PRIVATE, this);
    set(easy, CURLOPT_ERRORBUFFER, message_.data());
    set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
    set(easy, CURLOPT_OPENSOCKETDATA, this);
    set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
    set(easy, CURLOPT_PREREQDATA, this);
}

// Where the request goes, and whom it trusts. Nothing in the environment or in a home directory has a say.
void Transfer::set_target(const core::Request& request) {
    CURL* easy = easy_.get();
    set(easy, CURLOPT_URL, request.url);
    set(easy, CURLOPT_PROTOCOLS_STR, options_.egress.allow_http ? "http,https" : "https");
    set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);

    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) set(easy, CURLOPT_CAINFO, options_.ca_file);
    // Without this the system's directory would be trusted next to the given file; and with a directory libcurl
    // does not cache certificates. It is kept if the system has no file.
    if (!options_.ca_file.empty() || curl_version_info(CURLVERSION_NOW)->cainfo != nullptr)
        set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    set(easy, CURLOPT_CA_CACHE_TIMEOUT, kCertificateCacheSeconds);
}

void Transfer::set_message(const core::Request& request) {
    CURL* easy = easy_.get();
    if (body_) {
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_->size()));
        set(easy, CURLOPT_POSTFIELDS, body_->data());
        if (request.method != "POST") set(easy, CURLOPT_CUSTOMREQUEST, request.method);
    } else if (request.method == "POST") {
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{0});
        set(easy, CURLOPT_POSTFIELDS, "");
    } else if (request.method == "HEAD") {
        set(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET") {
        set(easy, CURLOPT_CUSTOMREQUEST, request.method);
    }

    for (const auto& [name, value] : request.headers) {
        const std::string_view text = trim(value);
        // "Name:" would remove a header; "Name;" is libcurl's way to send an empty one.
        append(headers_, text.empty() ? name + ";" : name + ": " + std::string(text));
    }
    append(headers_, "Expect:");  // waiting for 100-continue costs a round trip or a second
    // libcurl would call every body a form.
    if (!has_header(request, "Content-Type")) append(headers_, "Content-Type:");
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    set(easy, CURLOPT_USERAGENT, options_.user_agent);
    set(easy, CURLOPT_ACCEPT_ENCODING, "");

    if (request.basic) {
        set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_USERNAME, request.basic->first);
        set(easy, CURLOPT_PASSWORD, request.basic->second);
    }
}

void Transfer::set_limits(const core::Request& request) {
    CURL* easy = easy_.get();
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, to_milliseconds(request.connect_timeout));
    set(easy, CURLOPT_TIMEOUT_MS, to_milliseconds(request.total_timeout));
    set(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // A transfer that ends during a name lookup would otherwise wait for the resolver thread, and all others with it.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
        transfer.stop_ = transfer.take_header({data, size * count});
    } catch (const std::bad_alloc&) {
        transfer.stop_ = Stop::no_memory;
    }
    return transfer.stop_ == Stop::none ? size * count : CURL_WRITEFUNC_ERROR;
}

Transfer::Stop Transfer::take_header(std::string_view line) {
    first_byte_due_.reset();
    header_bytes_ += line.size();  // 1xx blocks and trailers count, too
    if (header_bytes_ > options_.max_header) return Stop::headers_too_large;
    if (headers_complete_) return Stop::none;  // a trailer
    if (line.starts_with("HTTP/")) {
        response_.headers.clear();  // what came before belonged to a 1xx answer
        return Stop::none;
    }
    const std::string_view text = trim(line);
    if (text.empty()) return end_headers();
    if (line.front() == ' ' || line.front() == '\t') {  // obsolete folding: goes on with the last value
        if (!response_.headers.empty()) response_.headers.back().second.append(" ").append(text);
        return Stop::none;
    }
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos) response_.headers.emplace_back(trim(text.substr(0, colon)), trim(text.substr(colon + 1)));
    return Stop::none;
}

// As much as the upstream announces: a body that grows piece by piece is copied several times. What is compressed gets longer, and grows all the same.
void Transfer::make_room() {
    curl_off_t announced = -1;
    if (curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced) != CURLE_OK || announced <= 0) return;
    response_.body.reserve(std::min(static_cast<std::size_t>(announced), std::min(options_.max_body, kMostAnnounced)));
}

Transfer::Stop Transfer::end_headers() {
    long status = 0;
    if (curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) return Stop::libcurl;
    if (status < 200) return Stop::none;
    headers_complete_ = true;
    make_room();
    // Only now: an upstream may think for as long as the total timeout allows before it says anything.
    if (curl_easy_setopt(easy_.get(), CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond) != CURLE_OK) return Stop::libcurl;
    if (curl_easy_setopt(easy_.get(), CURLOPT_LOW_SPEED_TIME, kStallSeconds) != CURLE_OK) return Stop::libcurl;
    return Stop::none;
}

// Counts decoded bytes, since a few on the wire may stand for gigabytes.
std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string& body = transfer.response_.body;
    const std::size_t length = size * count;
    if (length > transfer.options_.max_body - body.size()) {
        transfer.stop_ = Stop::body_too_large;
        return CURL_WRITEFUNC_ERROR;
    }
    try {
        body.append(data, length);
    } catch (const std::bad_alloc&) {
        transfer.stop_ = Stop::no_memory;
        return CURL_WRITEFUNC_ERROR;
    }
    return length;
}

bool Transfer::admit(const sockaddr* address) noexcept {
    if (options_.egress.allow_private || is_global(address)) return true;
    const void* bytes = nullptr;
    if (address->sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    if (address->sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (bytes == nullptr || inet_ntop(address->sa_family, bytes, refused_.data(), refused_.size()) == nullptr)
        std::strcpy(refused_.data(), "?");
    return false;
}

// Called with each resolved address before a connection is made to it.
curl_socket_t Transfer::on_open(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    if (purpose != CURLSOCKTYPE_IPCXN || !transfer.admit(&address->addr)) return CURL_SOCKET_BAD;
    transfer.admitted_ = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Called before the request is sent, also on a connection that an earlier transfer opened.
int Transfer::on_connected(void* self, char* remote, char* /*local*/, int /*remote_port*/, int /*local_port*/) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    sockaddr_storage storage{};
    if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage); inet_pton(AF_INET, remote, &v4->sin_addr) == 1)
        storage.ss_family = AF_INET;
    else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage); inet_pton(AF_INET6, remote, &v6->sin6_addr) == 1)
        storage.ss_family = AF_INET6;
    const auto now = std::chrono::steady_clock::now();
    if (!transfer.admit(reinterpret_cast<const sockaddr*>(&storage))) {
        transfer.stop_ = Stop::address;
    } else if (transfer.send_by_ && now.time_since_epoch() > *transfer.send_by_) {
        transfer.stop_ = Stop::late;
    } else {
        if (transfer.first_byte_timeout_) transfer.first_byte_due_ = now + *transfer.first_byte_timeout_;
        return CURL_PREREQFUNC_OK;
    }
    return CURL_PREREQFUNC_ABORT;
}

}  // namespace upstream::http
