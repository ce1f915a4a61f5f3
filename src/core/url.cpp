// Joining, comparing and cleaning URLs (RFC 3986), and reading Link headers (RFC 8288).
//
// What is compared here decides where credentials may go, so origin() accepts less than the RFC: no user, no
// characters that two readers could understand differently.
#include "core/url.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace upstream::core {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string to_lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool encoded = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        out += encoded ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
        if (encoded) i += 2;
    }
    return out;
}

// Takes everything before the first of `stops` off the front of `text`.
std::string_view take_until(std::string_view& text, std::string_view stops) {
    const std::string_view taken = text.substr(0, text.find_first_of(stops));
    text.remove_prefix(taken.size());
    return taken;
}

// The five parts of RFC 3986, each with its delimiter, or "" if it is absent: "https:" "//host" "/path" "?query" "#fragment".
struct Parts {
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;
    std::string_view query;
    std::string_view fragment;
};

Parts split(std::string_view url) {
    Parts parts;
    const std::size_t colon = url.find_first_of(":/?#");
    if (colon != std::string_view::npos && colon > 0 && url[colon] == ':' && is_alpha(url[0])) {
        parts.scheme = url.substr(0, colon + 1);
        url.remove_prefix(colon + 1);
    }
    if (url.starts_with("//")) {
        parts.authority = url.substr(0, std::min(url.find_first_of("/?#", 2), url.size()));
        url.remove_prefix(parts.authority.size());
    }
    parts.path = take_until(url, "?#");
    parts.query = take_until(url, "#");
    parts.fragment = url;
    return parts;
}

std::string concat(std::initializer_list<std::string_view> pieces) {
    std::string out;
    for (const std::string_view piece : pieces) out += piece;
    return out;
}

// RFC 3986 5.2.4.
std::string remove_dot_segments(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const bool rooted = path.starts_with('/');
        const std::size_t end = std::min(path.find('/', rooted ? 1 : 0), path.size());
        const std::string_view segment = path.substr(rooted ? 1 : 0, end - (rooted ? 1 : 0));
        const bool last = end == path.size();
        if (segment == "." || segment == "..") {
            if (segment == "..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
            if (last && rooted) out += '/';
            if (!rooted && !last) {
                path.remove_prefix(end + 1);
                continue;
            }
        } else {
            out += path.substr(0, end);
        }
        path.remove_prefix(end);
    }
    return out;
}

// RFC 3986 5.2.3.
std::string merge(const Parts& base, std::string_view path) {
    if (base.path.empty()) return concat({"/", path});
    return concat({base.path.substr(0, base.path.rfind('/') + 1), path});
}

bool has_space_or_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= 0x20 || byte == 0x7F;
    });
}

bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
    });
}

bool is_ipv6(std::string_view host) {
    return host.find(':') != std::string_view::npos &&
           std::all_of(host.begin(), host.end(), [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
}

// The value of one link, and the rest of the header behind it.
struct Link {
    std::string_view target;
    std::string rel;
};

void skip_space(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }

std::string_view trim(std::string_view text) {
    skip_space(text);
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

// A parameter's value: a quoted string or what stands before the next delimiter.
std::string take_value(std::string_view& text) {
    if (!take(text, '"')) return std::string(trim(take_until(text, ";,")));
    std::string value;
    while (!text.empty() && !take(text, '"')) {
        if (text.size() > 1) take(text, '\\');
        value += text[0];
        text.remove_prefix(1);
    }
    take_until(text, ";,");
    return value;
}

// Takes the next link off a header (RFC 8288 B.2); nothing at its end. What is not a link is skipped.
std::optional<Link> take_link(std::string_view& text) {
    const std::size_t open = text.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    text.remove_prefix(open + 1);
    const std::size_t close = text.find('>');
    if (close == std::string_view::npos) return std::nullopt;
    Link link{trim(text.substr(0, close)), {}};
    text.remove_prefix(close + 1);

    bool has_rel = false;
    take_until(text, ";,");
    while (take(text, ';')) {
        skip_space(text);
        const std::string name = to_lower(trim(take_until(text, "=;,")));
        if (!take(text, '=')) continue;
        skip_space(text);
        std::string value = take_value(text);
        if (name == "rel" && !has_rel) {  // a second one does not count
            link.rel = std::move(value);
            has_rel = true;
        }
    }
    return link;
}

bool has_relation(std::string_view relations, const std::string& wanted) {
    while (!relations.empty()) {
        if (to_lower(take_until(relations, " \t")) == wanted) return true;
        skip_space(relations);
    }
    return false;
}

}  // namespace

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    return out;
}

std::string join_url(std::string_view base, std::string_view path, const Query& query) {
    const Parts front = split(base);
    const Parts back{.scheme = {}, .authority = {}, .path = take_until(path, "?#"), .query = take_until(path, "#"), .fragment = {}};
    std::string url = concat({front.scheme, front.authority, front.path});
    if (!back.path.empty()) {
        while (url.ends_with('/')) url.pop_back();
        url += concat({"/", back.path.substr(std::min(back.path.find_first_not_of('/'), back.path.size()))});
    }

    std::string parameters;
    const auto append = [&parameters](std::string_view more) {
        if (!parameters.empty() && !parameters.ends_with('&') && !more.empty()) parameters += '&';
        parameters += more;
    };
    for (const std::string_view own : {front.query, back.query})
        if (!own.empty()) append(own.substr(1));
    for (const auto& [name, value] : query) append(percent_encode(name) + "=" + percent_encode(value));
    if (!parameters.empty()) url += "?" + parameters;
    return url;
}

std::optional<Origin> origin(std::string_view url) {
    if (has_space_or_control(url)) return std::nullopt;
    const Parts parts = split(url);
    Origin origin;
    origin.scheme = to_lower(parts.scheme.substr(0, parts.scheme.find(':')));
    if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
    if (!parts.authority.starts_with("//")) return std::nullopt;
    std::string_view rest = parts.authority.substr(2);

    if (take(rest, '[')) {
        const std::string_view host = take_until(rest, "]");
        if (!take(rest, ']') || !is_ipv6(host)) return std::nullopt;
        origin.host = to_lower(host);
    } else {
        const std::string_view host = take_until(rest, ":");
        if (!is_host(host)) return std::nullopt;  // nor has it an "@"
        origin.host = to_lower(host);
    }

    origin.port = origin.scheme == "https" ? 443 : 80;
    if (rest.empty() || rest == ":") return origin;
    if (!take(rest, ':') || rest.size() > 5 || !std::all_of(rest.begin(), rest.end(), is_digit)) return std::nullopt;
    std::from_chars(rest.data(), rest.data() + rest.size(), origin.port);
    if (origin.port < 1 || origin.port > 65535) return std::nullopt;
    return origin;
}

std::string authority(std::string_view url) {
    const auto found = origin(url);
    if (!found) return "";
    const bool usual = found->port == (found->scheme == "https" ? 443 : 80);
    return usual ? found->host : found->host + ":" + std::to_string(found->port);
}

std::optional<std::string> resolve_url(std::string_view base, std::string_view reference) {
    if (!origin(base) || has_space_or_control(reference)) return std::nullopt;
    const Parts from = split(base);
    const Parts to = split(reference);
    std::string url;
    if (!to.scheme.empty()) {
        url = concat({to.scheme, to.authority, remove_dot_segments(to.path), to.query, to.fragment});
    } else if (!to.authority.empty()) {
        url = concat({from.scheme, to.authority, remove_dot_segments(to.path), to.query, to.fragment});
    } else if (!to.path.empty()) {
        const std::string path = remove_dot_segments(to.path.starts_with('/') ? std::string(to.path) : merge(from, to.path));
        url = concat({from.scheme, from.authority, path, to.query, to.fragment});
    } else {
        url = concat({from.scheme, from.authority, from.path, to.query.empty() ? from.query : to.query, to.fragment});
    }
    return origin(url) ? std::optional(std::move(url)) : std::nullopt;
}

std::string without_params(std::string_view url, const std::vector<std::string>& names) {
    const Parts parts = split(url);
    std::string kept;
    std::string_view rest = parts.query;
    while (!rest.empty()) {
        rest.remove_prefix(1);  // "?" or "&"
        const std::string_view parameter = take_until(rest, "&");
        const std::string name = percent_decode(parameter.substr(0, parameter.find('=')));
        if (std::find(names.begin(), names.end(), name) == names.end()) kept += concat({kept.empty() ? "?" : "&", parameter});
    }
    return concat({parts.scheme, parts.authority, parts.path, kept, parts.fragment});
}

std::optional<std::string> link_target(const std::vector<std::string>& headers, std::string_view rel) {
    const std::string wanted = to_lower(rel);
    for (std::string_view header : headers)
        while (const std::optional<Link> link = take_link(header))
            if (has_relation(trim(link->rel), wanted)) return std::string(link->target);
    return std::nullopt;
}

}  // namespace upstream::core
