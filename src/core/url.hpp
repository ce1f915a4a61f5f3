// URLs: just enough to join, compare and clean them. Resolving and parsing by the letter is libcurl's work (http/client).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace upstream::core {

// Percent-encodes everything but unreserved characters (RFC 3986 2.3); slashes too.
[[nodiscard]] std::string percent_encode(std::string_view text);

using Query = std::vector<std::pair<std::string, std::string>>;

// base + path with exactly one slash between them, then the query, each name and value encoded. A query that `path` already has
// is kept and extended, a fragment dropped. Without a path it is the base.
[[nodiscard]] std::string join_url(std::string_view base, std::string_view path, const Query& query);

struct Origin {
    std::string scheme;  // lower case
    std::string host;    // lower case, without brackets
    int port = 0;        // explicit or the scheme's
    bool operator==(const Origin&) const = default;
};

// Scheme, host and port of an absolute http(s) URL; nothing if it is not one, or if it carries user or password,
// spaces, control characters, or a host other than ASCII letters, digits, "-._" or an IPv6 address.
[[nodiscard]] std::optional<Origin> origin(std::string_view url);

// Host, and port unless it is the scheme's, as a Host header names them; "" if the URL has no origin().
[[nodiscard]] std::string authority(std::string_view url);

// `reference` (absolute, "//host/...", "/path", "path", "?query") seen from `base`; RFC 3986 5.2, dot segments removed.
// Nothing unless both `base` and the result have an origin().
[[nodiscard]] std::optional<std::string> resolve_url(std::string_view base, std::string_view reference);

// The URL without those query parameters (names compared decoded). For showing and storing URLs that carry a credential.
[[nodiscard]] std::string without_params(std::string_view url, const std::vector<std::string>& names);

// The target of the first link with that relation in the values of Link headers (RFC 8288); nothing if there is none.
// As written: resolve it before use.
[[nodiscard]] std::optional<std::string> link_target(const std::vector<std::string>& headers, std::string_view rel);

}  // namespace upstream::core
