// Where a request may go.
//
// A URL's text proves nothing (2130706433, 0x7f.1 and a name that resolves to 127.0.0.1 all reach loopback), so the
// address is judged after it was resolved and before it is connected to. What the text does settle is judged before
// anything is sent: the scheme, the list of hosts, and that no credential is in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/url.hpp"

struct sockaddr;

namespace upstream::http {

struct EgressPolicy {
    bool operator==(const EgressPolicy&) const = default;
    bool allow_http = false;                // plain http, not just https
    bool allow_private = false;             // loopback, private, link-local and other addresses that are not global
    std::vector<std::string> allowed_hosts{};  // "" or none: any host; "api.x.com" or "*.x.com", lower case
};

// Whether the host of a URL (any case, with or without brackets or a final dot) is in the list. "*.x.com" stands for
// every name below x.com, but not for x.com itself. Empty entries do not count: a list of nothing else allows any host.
[[nodiscard]] bool host_allowed(const EgressPolicy& policy, std::string_view host);

// Whether an address is global: not loopback, private, CGNAT, link-local, multicast, unspecified, reserved, documentation,
// benchmarking, ULA, v4-mapped, NAT64, 6to4 or Teredo (the last four stand for a v4 address; they are refused whatever it is).
[[nodiscard]] bool is_global(const sockaddr* address);

// The origin of a URL as libcurl reads it, or why no request may be sent there. The error names the host at most:
// paths and queries may hold secrets.
[[nodiscard]] core::Result<core::Origin> judge_url(const EgressPolicy& policy, const std::string& url);

// "host:port", with brackets around an IPv6 address.
[[nodiscard]] std::string host_and_port(const core::Origin& origin);

}  // namespace upstream::http
