// Shapes of short texts in a spec, by hand-written loops.
#include "core/source_shape.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

namespace upstream::core::shape {

namespace {

constexpr std::size_t kLongestName = 63;
constexpr int kLongestVarchar = 10'485'760;
constexpr int kLargestPrecision = 1000;

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_lower(char byte) { return byte >= 'a' && byte <= 'z'; }
bool is_letter(char byte) { return is_lower(byte) || (byte >= 'A' && byte <= 'Z'); }
bool is_hex(char byte) { return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
    return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

bool is_identifier(std::string_view text) {
    return all(text, [](char byte) { return is_lower(byte) || is_digit(byte) || byte == '_' || byte == '$'; }) &&
           !is_digit(text[0]) && text[0] != '$' && text.size() <= kLongestName;
}

// Takes `prefix` off the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

// Takes exactly `count` digits off the front, or at least one if `count` is 0.
bool take_digits(std::string_view& text, std::size_t count = 0) {
    std::size_t taken = 0;
    while (taken < text.size() && is_digit(text[taken]) && (count == 0 || taken < count)) ++taken;
    if (taken == 0 || taken < count) return false;
    text.remove_prefix(taken);
    return true;
}

bool take_date(std::string_view& text) {
    return take_digits(text, 4) && take(text, "-") && take_digits(text, 2) && take(text, "-") && take_digits(text, 2);
}

bool take_seconds(std::string_view& text) {
    if (!take(text, ":")) return true;
    if (!take_digits(text, 2)) return false;
    return !take(text, ".") || take_digits(text);
}

bool take_zone(std::string_view& text) {
    if (take(text, "Z")) return true;
    return (take(text, "+") || take(text, "-")) && take_digits(text, 2) && take(text, ":") && take_digits(text, 2);
}

std::string squeeze(std::string_view text) {
    std::string lower;
    for (const char byte : text) {
        const bool space = byte == ' ' || byte == '\t';
        if (space && (lower.empty() || lower.back() == ' ')) continue;
        lower += space ? ' ' : byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    }
    if (!lower.empty() && lower.back() == ' ') lower.pop_back();
    return lower;
}

// Takes a number within [least, most], and spaces around it.
std::optional<int> take_number(std::string_view& text, int least, int most) {
    while (take(text, " ")) {}
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < least || number > most) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (take(text, " ")) {}
    return number;
}

// varchar(n), numeric(p) and numeric(p,s).
std::optional<std::string> type_with_arguments(std::string_view type) {
    const std::size_t open = type.find('(');
    if (open == std::string_view::npos || !type.ends_with(')')) return std::nullopt;
    std::string_view name = type.substr(0, open);
    if (name.ends_with(' ')) name.remove_suffix(1);
    std::string_view arguments = type.substr(open + 1, type.size() - open - 2);
    if (name == "varchar") {
        const std::optional<int> length = take_number(arguments, 1, kLongestVarchar);
        if (!length || !arguments.empty()) return std::nullopt;
        return "varchar(" + std::to_string(*length) + ")";
    }
    if (name != "numeric") return std::nullopt;
    const std::optional<int> precision = take_number(arguments, 1, kLargestPrecision);
    if (!precision) return std::nullopt;
    std::string written = "numeric(" + std::to_string(*precision);
    if (take(arguments, ",")) {
        const std::optional<int> scale = take_number(arguments, 0, *precision);
        if (!scale) return std::nullopt;
        written += "," + std::to_string(*scale);
    }
    if (!arguments.empty()) return std::nullopt;
    return written + ")";
}

}  // namespace

bool is_name(std::string_view text) { return is_identifier(text) && text.find('$') == std::string_view::npos; }

bool is_column(std::string_view text) {
    return all(text, [](char byte) { return is_letter(byte) || is_digit(byte) || byte == '_' || byte == '$'; }) &&
           !is_digit(text[0]) && text[0] != '$' && text.size() <= kLongestName;
}

bool is_reserved_column(std::string_view text) {
    return text == "account_id" || text == "_synced_at" || text.starts_with("_upstream");
}

bool is_relation(std::string_view text) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return is_identifier(text);
    return is_identifier(text.substr(0, dot)) && is_identifier(text.substr(dot + 1));
}

bool is_host(std::string_view text) {
    take(text, "*.");
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos) {
        std::string_view port = text.substr(colon + 1);
        if (!take_number(port, 1, 65535) || !port.empty() || !is_digit(text.back()) || !is_digit(text[colon + 1])) return false;
        text = text.substr(0, colon);
    }
    constexpr std::string_view kOthers = "{}_.|-";
    return all(text, [kOthers](char byte) {
        return is_letter(byte) || is_digit(byte) || kOthers.find(byte) != std::string_view::npos;
    });
}

bool is_token(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+.^_`|~-";
    return all(text, [kOthers](char byte) {
        return is_letter(byte) || is_digit(byte) || kOthers.find(byte) != std::string_view::npos;
    });
}

bool breaks_header(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool is_interval(std::string_view text) {
    if (!take_digits(text) || (take(text, ".") && !take_digits(text)) || !take(text, " ")) return false;
    if (text.ends_with('s')) text.remove_suffix(1);
    constexpr std::array<std::string_view, 8> kUnits{"millisecond", "second", "minute", "hour",
                                                     "day",         "week",   "month",  "year"};
    return std::find(kUnits.begin(), kUnits.end(), text) != kUnits.end();
}

bool is_relative_instant(std::string_view text) {
    constexpr std::string_view kAgo = " ago";
    return text == "now" || (text.ends_with(kAgo) && is_interval(text.substr(0, text.size() - kAgo.size())));
}

bool is_instant(std::string_view text) {
    if (is_relative_instant(text)) return true;
    if (!take_date(text)) return false;
    if (text.empty()) return true;
    return take(text, "T") && take_digits(text, 2) && take(text, ":") && take_digits(text, 2) && take_seconds(text) &&
           take_zone(text) && text.empty();
}

bool is_uuid(std::string_view text) {
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.size() != kForm.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (kForm[i] == '-' ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

bool is_status_class(std::string_view text) {
    return text.size() == 3 && text[0] >= '1' && text[0] <= '5' && text.substr(1) == "xx";
}

std::optional<std::string> sql_type(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kTypes{{
        {"text", "text"},
        {"varchar", "varchar"},
        {"smallint", "smallint"},
        {"int", "integer"},
        {"integer", "integer"},
        {"int4", "integer"},
        {"bigint", "bigint"},
        {"int8", "bigint"},
        {"numeric", "numeric"},
        {"real", "real"},
        {"double", "double precision"},
        {"double precision", "double precision"},
        {"float8", "double precision"},
        {"bool", "boolean"},
        {"boolean", "boolean"},
        {"date", "date"},
        {"timestamp", "timestamp"},
        {"timestamptz", "timestamptz"},
        {"timestamp with time zone", "timestamptz"},
        {"timestamp without time zone", "timestamp"},
        {"uuid", "uuid"},
        {"jsonb", "jsonb"},
    }};
    const std::string type = squeeze(text);
    for (const auto& [written, name] : kTypes) {
        if (type == written) return std::string(name);
    }
    return type_with_arguments(type);
}

}  // namespace upstream::core::shape
