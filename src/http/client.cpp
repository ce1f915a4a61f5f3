// The multi handle and the transfers on it; see client.hpp.
#include "http/client.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <curl/curl.h>

#include "http/global.hpp"
#include "http/socket_set.hpp"
#include "http/transfer.hpp"

namespace upstream::http {
namespace {

using Clock = std::chrono::steady_clock;

// More would only keep memory: a handle costs little to make.
constexpr std::size_t kSpareHandles = 64;

struct FreeMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using MultiHandle = std::unique_ptr<CURLM, FreeMulti>;

bool is_token_character(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

// RFC 9110 5.6.2: what a method or a header's name consists of.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

// A line end in a value would begin a new header, a NUL would end the value early.
bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

// Headers that frame the message or name its receiver: libcurl writes them, and a second opinion would be a way to
// smuggle a request past the list of hosts.
bool is_framing(const std::string& name) {
    constexpr std::array kNames{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE", "Trailer"};
    return std::ranges::any_of(kNames, [&name](const char* other) { return curl_strequal(name.c_str(), other) != 0; });
}

core::Error refusal(std::string message) {
    return core::Error{.code = core::Code::invalid_spec, .message = std::move(message)};
}

// Why a request would not mean on the wire what it says here. Names headers, never their values: those may be secrets.
std::optional<core::Error> malformed(const core::Request& request) {
    if (!is_token(request.method)) return refusal("request method is not valid");
    if (request.method == "HEAD" && request.body) return refusal("a HEAD request cannot have a body");
    for (const auto& [name, value] : request.headers) {
        if (!is_token(name)) return refusal("header has an invalid name");
        if (has_control(value)) return refusal("value of header \"" + name + "\" contains a control character");
        if (is_framing(name)) return refusal("header \"" + name + "\" cannot be set");
    }
    if (request.basic) {
        const auto& [user, password] = *request.basic;
        if (has_control(user) || user.find(':') != std::string::npos)
            return refusal("user name for basic authentication contains a colon or a control character");
        if (has_control(password)) return refusal("password for basic authentication contains a control character");
    }
    return std::nullopt;
}

}  // namespace

struct Client::Impl {
    explicit Impl(Options given);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void begin(TransferId id, const core::Request& request, core::Origin origin);
    void leave(Transfer& transfer);
    void act(curl_socket_t fd, int events);
    void collect();
    void end(Transfer& transfer, CURLcode code);
    void end_overdue();
    std::optional<Clock::time_point> next_deadline() const;
    EasyHandle take_handle();

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused) noexcept;
    static int on_timer(CURLM* multi, long milliseconds, void* self) noexcept;

    // The callbacks use these for as long as a handle lives, so they are declared first and destroyed last.
    const Options options;
    SocketSet sockets;
    std::optional<Clock::time_point> deadline;

    TransferId last_id = 0;
    std::vector<Finished> finished;
    MultiHandle multi;
    std::vector<EasyHandle> spare;
    std::unordered_map<TransferId, std::unique_ptr<Transfer>> transfers;
};

Client::Impl::Impl(Options given) : options(std::move(given)) {
    initialize_libcurl();
    if (has_control(options.user_agent)) throw std::invalid_argument("user agent contains a control character");
    multi.reset(curl_multi_init());
    if (!multi) throw std::bad_alloc();
    check(curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, &Impl::on_socket));
    check(curl_multi_setopt(multi.get(), CURLMOPT_SOCKETDATA, this));
    check(curl_multi_setopt(multi.get(), CURLMOPT_TIMERFUNCTION, &Impl::on_timer));
    check(curl_multi_setopt(multi.get(), CURLMOPT_TIMERDATA, this));
    check(curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX)));
    check(curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options.max_connections_per_host)));
    // By itself libcurl keeps four times as many connections as there are transfers at the moment: few, while their answers are written.
    check(curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options.max_connections_per_host)));
}

Client::Impl::~Impl() {
    // An easy handle must leave before either handle is freed. It fails only for handles that are not in use here,
    // and a destructor could not report it.
    for (const auto& [id, transfer] : transfers) curl_multi_remove_handle(multi.get(), transfer->easy());
}

EasyHandle Client::Impl::take_handle() {
    if (!spare.empty()) {
        EasyHandle handle = std::move(spare.back());
        spare.pop_back();
        return handle;
    }
    EasyHandle handle(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    return handle;
}

void Client::Impl::begin(TransferId id, const core::Request& request, core::Origin origin) {
    auto transfer = std::make_unique<Transfer>(id, request, std::move(origin), options, take_handle());
    CURL* easy = transfer->easy();
    const auto place = transfers.emplace(id, std::move(transfer)).first;
    const SignalMask mask;
    const CURLMcode code = curl_multi_add_handle(multi.get(), easy);
    if (code != CURLM_OK) transfers.erase(place);
    check(code);
}

// Takes a transfer off the multi handle, which may keep its connection, and forgets it.
void Client::Impl::leave(Transfer& transfer) {
    check(curl_multi_remove_handle(multi.get(), transfer.easy()));
    EasyHandle easy = transfer.release();
    transfers.erase(transfer.id());
    if (spare.size() < kSpareHandles) spare.push_back(std::move(easy));
}

void Client::Impl::act(curl_socket_t fd, int events) {
    {
        const SignalMask mask;
        int running = 0;
        check(curl_multi_socket_action(multi.get(), fd, events, &running));
    }
    collect();
}

void Client::Impl::collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        end(Transfer::of(message->easy_handle), message->data.result);  // frees the message, too
    }
}

void Client::Impl::end(Transfer& transfer, CURLcode code) {
    finished.push_back({transfer.id(), transfer.finish(code), transfer.age(), transfer.is_late()});
    leave(transfer);
}

// Ends what libcurl does not: transfers that got no connection in time, or no first byte.
void Client::Impl::end_overdue() {
    const Clock::time_point now = Clock::now();
    std::vector<Transfer*> overdue;
    for (const auto& [id, transfer] : transfers)
        if (transfer->overdue() <= now) overdue.push_back(transfer.get());
    for (Transfer* transfer : overdue) end(*transfer, transfer->lacks_first_byte() ? CURLE_OPERATION_TIMEDOUT : CURLE_NO_CONNECTION_AVAILABLE);
}

// libcurl's or that of a transfer, whichever is first.
std::optional<Clock::time_point> Client::Impl::next_deadline() const {
    std::optional<Clock::time_point> first = deadline;
    for (const auto& [id, transfer] : transfers)
        if (!first || transfer->overdue() < *first) first = transfer->overdue();
    return first;
}

int Client::Impl::on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* /*unused*/) noexcept {
    SocketSet& sockets = static_cast<Impl*>(self)->sockets;
    try {
        if (what == CURL_POLL_REMOVE) sockets.forget(fd);
        else sockets.want(fd, (what & CURL_POLL_IN) != 0, (what & CURL_POLL_OUT) != 0);
        return 0;
    } catch (const std::bad_alloc&) {
        return -1;  // the call that led here reports CURLM_ABORTED_BY_CALLBACK
    }
}

int Client::Impl::on_timer(CURLM* /*multi*/, long milliseconds, void* self) noexcept {
    auto& deadline = static_cast<Impl*>(self)->deadline;
    if (milliseconds < 0) deadline.reset();
    else deadline = Clock::now() + std::chrono::milliseconds(milliseconds);
    return 0;
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Client::~Client() = default;

TransferId Client::start(const core::Request& request) {
    const TransferId id = ++impl_->last_id;
    std::optional<core::Error> error = malformed(request);
    if (!error) {
        core::Result<core::Origin> origin = judge_url(impl_->options.egress, request.url);
        if (origin) {
            impl_->begin(id, request, std::move(*origin));
            return id;
        }
        error = origin.error();
    }
    impl_->finished.push_back({id, std::move(*error), std::chrono::microseconds(0)});
    return id;
}

void Client::cancel(TransferId id) {
    const auto found = impl_->transfers.find(id);
    if (found != impl_->transfers.end()) impl_->leave(*found->second);
    else std::erase_if(impl_->finished, [id](const Finished& ended) { return ended.id == id; });
}

std::size_t Client::in_flight() const {
    return impl_->transfers.size();
}

std::size_t Client::received() const {
    std::size_t bytes = 0;
    for (const auto& [id, transfer] : impl_->transfers) bytes += transfer->received();
    return bytes;
}

int Client::descriptor() const { return impl_->sockets.descriptor(); }

void Client::prepare_wait() { impl_->sockets.apply(); }

std::optional<std::chrono::milliseconds> Client::timeout() const {
    if (!impl_->finished.empty()) return std::chrono::milliseconds(0);
    const std::optional<Clock::time_point> deadline = impl_->next_deadline();
    if (!deadline) return std::nullopt;
    // Rounded up: a wait that ends too early would only be repeated.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
    return std::max(left, std::chrono::milliseconds(0));
}

void Client::on_ready() {
    // What one of them ends may close another: libcurl takes no notice of a socket that it does not know.
    for (const SocketSet::Ready& socket : impl_->sockets.ready()) impl_->act(socket.fd, (socket.read ? CURL_CSELECT_IN : 0) | (socket.write ? CURL_CSELECT_OUT : 0));
}

void Client::on_timeout() {
    if (impl_->deadline && *impl_->deadline <= Clock::now()) {
        impl_->deadline.reset();  // libcurl sets the next one during the call
        impl_->act(CURL_SOCKET_TIMEOUT, 0);
    }
    impl_->end_overdue();
}

std::vector<Finished> Client::take_finished() {
    return std::exchange(impl_->finished, {});
}

}  // namespace upstream::http
