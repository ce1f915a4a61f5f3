#include "dialects/values.hpp"

#include <array>
#include <cstdio>

#include "clock.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::array<std::string_view, 12> kNames = {"Ann Example",
                                                     "Jos\u00e9 Mart\u00ednez",
                                                     "O'Brien \"Bob\"",
                                                     "\u65e5\u672c \u592a\u90ce",
                                                     "Zo\u00eb & Sons",
                                                     "\U0001F600 smile",
                                                     "back\\slash",
                                                     "tab\tname",
                                                     "\u041e\u043b\u044c\u0433\u0430",
                                                     "NULL",
                                                     "\\N",
                                                     "e\u0301lise"};

}  // namespace

std::string iso_seconds(std::int64_t us, std::string_view zone) { return format_time(us).substr(0, 19).append(zone); }

std::string iso_ms(std::int64_t us) { return format_time(us).substr(0, 23) + "Z"; }

std::string hex_of(std::uint64_t key, int digits) {
    std::array<char, 20> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(key));
    return std::string(text.data()).substr(0, static_cast<std::size_t>(digits));
}

std::string uuid_of(std::uint64_t key) {
    const std::string a = hex_of(mix(key), 16);
    const std::string b = hex_of(mix(key ^ 0x5bd1e995), 16);
    return a.substr(0, 8) + "-" + a.substr(8, 4) + "-4" + a.substr(13, 3) + "-8" + b.substr(1, 3) + "-" + b.substr(4, 12);
}

std::string decimal_of(std::int64_t hundredths) {
    const std::int64_t size = hundredths < 0 ? -hundredths : hundredths;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%s%lld.%02lld", hundredths < 0 ? "-" : "", static_cast<long long>(size / 100),
                  static_cast<long long>(size % 100));
    return text.data();
}

std::string_view name_of(std::uint64_t key) { return kNames[mix(key) % kNames.size()]; }

std::string make_page_token(const World& world, const std::vector<std::string>& parts) {
    std::string text = std::to_string(world.token_generation);
    for (const std::string& part : parts) text += '\x1f' + part;
    return base64url(text + '\x1f' + hex_of(hash_text(text), 8));
}

std::optional<std::vector<std::string>> read_page_token(const World& world, std::string_view token) {
    const auto text = base64_decode(token);
    if (!text) return std::nullopt;
    const auto end = text->rfind('\x1f');
    if (end == std::string::npos || text->substr(end + 1) != hex_of(hash_text(std::string_view(*text).substr(0, end)), 8)) return std::nullopt;
    const auto fields = split(std::string_view(*text).substr(0, end), '\x1f');
    if (fields[0] != std::to_string(world.token_generation)) return std::nullopt;
    return std::vector<std::string>(fields.begin() + 1, fields.end());
}

std::string_view bearer_token(const Request& request) {
    const std::string_view value = request.header("authorization");
    return equal_ignoring_case(value.substr(0, 7), "bearer ") ? trim(value.substr(7)) : std::string_view{};
}

std::string account_of_token(const World& world, std::string_view token) {
    constexpr std::string_view kStatic = "static-";
    if (!token.starts_with(kStatic)) return {};
    const std::string name(token.substr(kStatic.size()));
    return world.auth.accounts().contains(name) ? name : std::string{};
}

std::optional<std::int64_t> integer_parameter(const Parameters& query, std::string_view name, std::int64_t fallback, std::int64_t low,
                                              std::int64_t high) {
    const auto text = query.find(name);
    if (!text) return fallback;
    const auto value = parse_integer(*text);
    return value && *value >= low && *value <= high ? value : std::nullopt;
}

Reply json_answer(int status, const Json& json) {
    Reply reply;
    reply.status = status;
    reply.body = json.take();
    return reply;
}

}  // namespace simulator
