// What the dialects' rows are made of, and the opaque tokens that lead to their next pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialects/dialect.hpp"
#include "random.hpp"

namespace simulator {

inline constexpr std::int64_t kSecondUs = 1'000'000;
inline constexpr std::int64_t kDayUs = 86'400 * kSecondUs;

[[nodiscard]] std::string iso_ms(std::int64_t us);                                    // 2026-01-01T00:00:00.123Z
[[nodiscard]] std::string iso_seconds(std::int64_t us, std::string_view zone = "Z");  // 2026-01-01T00:00:00Z
[[nodiscard]] std::string uuid_of(std::uint64_t key);
[[nodiscard]] std::string hex_of(std::uint64_t key, int digits);
[[nodiscard]] std::string decimal_of(std::int64_t hundredths);  // 1.05
[[nodiscard]] std::string_view name_of(std::uint64_t key);      // a person's, in many scripts

// A random number that depends on nothing but the key.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t key) { return Random(key)(); }

// An opaque token of these parts, good until page tokens are expired.
[[nodiscard]] std::string make_page_token(const World& world, const std::vector<std::string>& parts);
[[nodiscard]] std::optional<std::vector<std::string>> read_page_token(const World& world, std::string_view token);

// "Bearer static-<account>" and the like: the account whose static token this is, "" if it is nobody's.
[[nodiscard]] std::string account_of_token(const World& world, std::string_view token);
[[nodiscard]] std::string_view bearer_token(const Request& request);

// A parameter as an integer: nullopt if it is none or out of bounds, the fallback if it is absent.
[[nodiscard]] std::optional<std::int64_t> integer_parameter(const Parameters& query, std::string_view name, std::int64_t fallback, std::int64_t low,
                                                            std::int64_t high);

[[nodiscard]] Reply json_answer(int status, const Json& json);

// The accounts that a command means: one, or all for "*"; calls work(account, data) for each and answers whether there was any.
template <class Map, class Work>
bool for_accounts(Map& accounts, const std::string& wanted, Work&& work) {
    bool found = false;
    for (auto& [name, data] : accounts) {
        if (wanted != "*" && wanted != name) continue;
        found = true;
        work(name, data);
    }
    return found;
}

}  // namespace simulator
