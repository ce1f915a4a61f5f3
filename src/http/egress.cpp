// Judges URLs and addresses; see egress.hpp.
#include "http/egress.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace upstream::http {
namespace {

struct RangeV4 {
    std::uint32_t network;
    unsigned length;
};

// IANA's special-purpose registry, and multicast. 255.255.255.255 is part of 240/4.
constexpr std::array kSpecialV4{
    RangeV4{0x00000000, 8},   // 0/8: this network
    RangeV4{0x0a000000, 8},   // 10/8: private
    RangeV4{0x64400000, 10},  // 100.64/10: carrier-grade NAT
    RangeV4{0x7f000000, 8},   // 127/8: loopback
    RangeV4{0xa9fe0000, 16},  // 169.254/16: link-local, where clouds serve machine credentials
    RangeV4{0xac100000, 12},  // 172.16/12: private
    RangeV4{0xc0000000, 24},  // 192.0.0/24: protocol assignments
    RangeV4{0xc0000200, 24},  // 192.0.2/24: documentation
    RangeV4{0xc0586300, 24},  // 192.88.99/24: 6to4 relays
    RangeV4{0xc0a80000, 16},  // 192.168/16: private
    RangeV4{0xc6120000, 15},  // 198.18/15: benchmarking
    RangeV4{0xc6336400, 24},  // 198.51.100/24: documentation
    RangeV4{0xcb007100, 24},  // 203.0.113/24: documentation
    RangeV4{0xe0000000, 4},   // 224/4: multicast
    RangeV4{0xf0000000, 4},   // 240/4: reserved, broadcast
};

struct RangeV6 {
    std::uint32_t network;  // the first 32 bits; no range below needs more
    unsigned length;
};

// 2000::/3 is the only block of global unicast, so everything outside of it is refused without a list: ::, ::1,
// v4-mapped, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), 100::/64, ULA, link-local, site-local, multicast, unassigned.
constexpr RangeV6 kGlobalV6{0x20000000, 3};

// The special ranges inside 2000::/3.
constexpr std::array kSpecialV6{
    RangeV6{0x20010000, 23},  // 2001::/23: protocol assignments, Teredo among them
    RangeV6{0x20010db8, 32},  // 2001:db8::/32: documentation
    RangeV6{0x20020000, 16},  // 2002::/16: 6to4
    RangeV6{0x3fff0000, 20},  // 3fff::/20: documentation
};

constexpr bool contains(std::uint32_t network, unsigned length, std::uint32_t address) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - length);
    return (address & mask) == network;
}

bool is_global_v4(std::uint32_t address) {
    return std::ranges::none_of(kSpecialV4,
                                [address](const RangeV4& range) { return contains(range.network, range.length, address); });
}

bool is_global_v6(std::uint32_t first) {
    return contains(kGlobalV6.network, kGlobalV6.length, first) &&
           std::ranges::none_of(kSpecialV6, [first](const RangeV6& range) { return contains(range.network, range.length, first); });
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
    return result;
}

std::string_view without_brackets(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') return host.substr(1, host.size() - 2);
    return host;
}

// Two spellings of a host are equal if this is.
std::string canonical_host(std::string_view host) {
    host = without_brackets(host);
    if (host.ends_with('.')) host.remove_suffix(1);
    return lower(host);
}

bool matches(std::string_view pattern, std::string_view host) {
    if (pattern.starts_with("*.")) {
        const std::string_view suffix = pattern.substr(1);
        return host.size() > suffix.size() && host.ends_with(suffix);
    }
    return pattern == host;
}

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};

std::string part(CURLU* url, CURLUPart which) {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(url, which, &text, CURLU_DEFAULT_PORT);
    const std::unique_ptr<char, FreeText> owner(text);
    if (code != CURLUE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_url_strerror(code));
    return text;
}

core::Error refusal(std::string message, std::string hint = {}) {
    return core::Error{.code = core::Code::invalid_spec, .message = std::move(message), .hint = std::move(hint)};
}

}  // namespace

bool host_allowed(const EgressPolicy& policy, std::string_view host) {
    const std::string wanted = canonical_host(host);
    bool any = true;
    for (const std::string& entry : policy.allowed_hosts) {
        if (entry.empty()) continue;
        if (matches(canonical_host(entry), wanted)) return true;
        any = false;
    }
    return any;
}

bool is_global(const sockaddr* address) {
    if (address == nullptr) return false;
    // Copied, since the caller's buffer need not be aligned for the larger type.
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        return is_global_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address, sizeof v6);
        std::uint32_t first = 0;
        std::memcpy(&first, &v6.sin6_addr, sizeof first);
        return is_global_v6(ntohl(first));
    }
    return false;
}

core::Result<core::Origin> judge_url(const EgressPolicy& policy, const std::string& url) {
    // libcurl reads a C string, so a NUL would hide the rest of the URL from it.
    if (std::ranges::any_of(url, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        return refusal("URL contains a control character");

    // libcurl reads "https:/x" and "https:///x" as host x; others see no host there, and origins must mean the same to all.
    const std::size_t colon = url.find(':');
    if (colon == std::string::npos || url.compare(colon, 3, "://") != 0 || url.compare(colon, 4, ":///") == 0)
        return refusal("URL is not absolute");

    const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
    if (!parsed) throw std::bad_alloc();
    const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code == CURLUE_USER_NOT_ALLOWED)
        return refusal("URL contains a user name or password", "Credentials belong in the account, not in a URL.");
    if (code != CURLUE_OK) {
        core::Error error = refusal("URL is not valid");
        error.detail = curl_url_strerror(code);
        return error;
    }

    core::Origin origin;
    origin.scheme = lower(part(parsed.get(), CURLUPART_SCHEME));
    if (origin.scheme != "https" && origin.scheme != "http")
        return refusal("URL has scheme \"" + origin.scheme + "\", but only https is supported");
    origin.host = lower(without_brackets(part(parsed.get(), CURLUPART_HOST)));
    const std::string port = part(parsed.get(), CURLUPART_PORT);
    std::from_chars(port.data(), port.data() + port.size(), origin.port);  // digits: libcurl has checked them

    if (origin.scheme == "http" && !policy.allow_http)
        return refusal("plain http to " + host_and_port(origin) + " is not allowed", "Use https, or turn on upstream.allow_http.");
    if (!host_allowed(policy, origin.host))
        return refusal("host " + origin.host + " is not allowed", "Add the host to upstream.allowed_hosts.");
    return origin;
}

std::string host_and_port(const core::Origin& origin) {
    const bool v6 = origin.host.find(':') != std::string::npos;
    return (v6 ? "[" + origin.host + "]" : origin.host) + ":" + std::to_string(origin.port);
}

}  // namespace upstream::http
