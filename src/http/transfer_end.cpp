// What the end of a transfer means: the answer, or an error in the words of core::Code.
//
// The texts name host and port, but no path, query or header: those may hold secrets and personal data.
#include <algorithm>
#include <utility>

#include "http/egress.hpp"
#include "http/global.hpp"
#include "http/transfer.hpp"

namespace upstream::http {
namespace {

using core::Code;
using std::chrono::microseconds;

// Independent of the locale, unlike printf.
std::string seconds(microseconds time) {
    const auto count = std::chrono::round<std::chrono::milliseconds>(time).count();
    const std::string fraction = std::to_string(count % 1000);
    return std::to_string(count / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction + " s";
}

Code code_of(CURLcode code) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return Code::net_dns;
        case CURLE_COULDNT_CONNECT:
        case CURLE_INTERFACE_FAILED:
            return Code::net_connect;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_SHUTDOWN_FAILED:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_USE_SSL_FAILED:
            return Code::net_tls;
        case CURLE_OPERATION_TIMEDOUT:
            return Code::net_timeout;
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_SEND_FAIL_REWIND:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_WRITE_ERROR:  // not from this client's callbacks: those are in stopped()
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9; schemes were judged before the start
            return Code::net_partial;
        case CURLE_BAD_CONTENT_ENCODING:
            return Code::decode;
        case CURLE_URL_MALFORMAT:
        case CURLE_LOGIN_DENIED:  // a user in the URL
            return Code::invalid_spec;
        default:
            return Code::internal;
    }
}

std::string summary(Code code, const std::string& peer) {
    switch (code) {
        case Code::net_dns:
            return "could not find the address of " + peer;
        case Code::net_connect:
            return "could not connect to " + peer;
        case Code::net_tls:
            return "could not set up a trusted connection to " + peer;
        case Code::net_partial:
            return "answer of " + peer + " broke off";
        case Code::decode:
            return "answer of " + peer + " could not be decompressed";
        case Code::invalid_spec:
            return "URL for " + peer + " is not valid";
        default:
            return "request to " + peer + " failed";
    }
}

}  // namespace

core::Result<core::Response> Transfer::finish(CURLcode code) {
    if (code != CURLE_OK) return failure(code);
    long status = 0;
    check(curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status));
    curl_off_t wire_bytes = 0;
    check(curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_DOWNLOAD_T, &wire_bytes));
    response_.status = static_cast<int>(status);
    response_.wire_bytes = static_cast<std::size_t>(wire_bytes);
    return std::move(response_);
}

core::Error Transfer::failure(CURLcode code) const {
    if (stop_ != Stop::none) return stopped();
    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_NO_CONNECTION_AVAILABLE) return timed_out(code);
    if (code == CURLE_COULDNT_CONNECT && refused_[0] != '\0' && !admitted_) return not_allowed();
    // libcurl has no other word for a header line above its own limit of 100 kB.
    if (code == CURLE_OUT_OF_MEMORY && header_bytes_ > 0 && !headers_complete_)
        return too_large("answer's headers are", options_.max_header);

    core::Error error;
    error.code = code_of(code);
    error.message = summary(error.code, host_and_port(origin_));
    error.detail = detail(code);
    if (code == CURLE_COULDNT_CONNECT && refused_[0] != '\0')
        error.detail += "; address " + std::string(refused_.data()) + " is not allowed";
    if (code == CURLE_SSL_CACERT_BADFILE)
        error.hint = "Check that the file of trusted certificates exists, is readable and in PEM form.";
    return error;
}

core::Error Transfer::stopped() const {
    switch (stop_) {
        case Stop::body_too_large:
            return too_large("answer is", options_.max_body);
        case Stop::headers_too_large:
            return too_large("answer's headers are", options_.max_header);
        case Stop::address:
            return not_allowed();
        case Stop::late:
            return {.code = Code::net_timeout, .message = "request to " + host_and_port(origin_) + " was not sent: its time had passed"};
        case Stop::no_memory:
            return {.code = Code::internal, .message = "out of memory while reading the answer of " + host_and_port(origin_)};
        case Stop::libcurl:
        case Stop::none:
            break;
    }
    return {.code = Code::internal, .message = "libcurl refuses an option while reading the answer of " + host_and_port(origin_)};
}

core::Error Transfer::too_large(const std::string& what, std::size_t limit) const {
    return {.code = Code::too_large,
            .message = what + " larger than " + std::to_string(limit) + " bytes",
            .detail = "The request went to " + host_and_port(origin_) + "."};
}

core::Error Transfer::not_allowed() const {
    return {.code = Code::net_connect,
            .message = "address " + std::string(refused_.data()) + " of host " + origin_.host + " is not allowed",
            .hint = "Only global addresses are, unless upstream.allow_private_addresses is on."};
}

core::Error Transfer::timed_out(CURLcode code) const {
    core::Error error;
    error.code = Code::net_timeout;
    error.message =
        "request to " + host_and_port(origin_) + " timed out after " + seconds(age()) + " while waiting for " + phase(code);
    error.detail = detail(CURLE_OPERATION_TIMEDOUT);
    const auto add = [&](const char* name, CURLINFO info) {
        if (const microseconds value = time(info); value > microseconds(0))
            error.detail += std::string("; ") + name + " after " + seconds(value);
    };
    add("name lookup", CURLINFO_NAMELOOKUP_TIME_T);
    add("connection", CURLINFO_CONNECT_TIME_T);
    add("TLS handshake", CURLINFO_APPCONNECT_TIME_T);
    add("first byte", CURLINFO_STARTTRANSFER_TIME_T);
    return error;
}

// Each of libcurl's times is zero until its phase is over. On a connection that is shared with another transfer the early
// ones stay zero, so the last phase is asked for first.
std::string Transfer::phase(CURLcode code) const {
    if (code == CURLE_NO_CONNECTION_AVAILABLE) return "a free connection";
    if (time(CURLINFO_STARTTRANSFER_TIME_T) > microseconds(0)) return "the rest of the answer";
    if (time(CURLINFO_PRETRANSFER_TIME_T) > microseconds(0)) return "the first byte";
    // libcurl sets the time of the connection only with that of the handshake, but the address at once.
    const char* address = nullptr;
    check(curl_easy_getinfo(easy_.get(), CURLINFO_PRIMARY_IP, &address));
    if (address != nullptr && *address != '\0' && origin_.scheme == "https") return "the TLS handshake";
    if (time(CURLINFO_NAMELOOKUP_TIME_T) > microseconds(0)) return "the connection";
    return "the name lookup";
}

// libcurl's own words, unless a URL is in them.
std::string Transfer::detail(CURLcode code) const {
    std::string text = message_.data();
    if (text.empty() || text.find('?') != std::string::npos || text.find("://") != std::string::npos)
        text = curl_easy_strerror(code);
    // It may quote what the upstream sent, in any encoding.
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
}

microseconds Transfer::time(CURLINFO phase) const {
    curl_off_t value = 0;
    check(curl_easy_getinfo(easy_.get(), phase, &value));
    return microseconds(value);
}

}  // namespace upstream::http
