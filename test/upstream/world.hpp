// Everything a setup creates: accounts, credentials, faults, counters, and the dialect with its rows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth.hpp"
#include "dialects/dialect.hpp"
#include "faults.hpp"
#include "random.hpp"
#include "stats.hpp"

namespace simulator {

struct Settings {
    std::string dialect = "plain";
    std::int64_t seed = 1;
    std::vector<std::string> accounts;
    AuthRules auth;
    std::int64_t latency_ms = 0;
    bool gzip = false;
};

struct World {
    World();

    Settings settings;
    std::unique_ptr<Dialect> dialect;
    std::map<std::string, std::shared_ptr<ModelCounters>, std::less<>> counters;  // by "account/stream", once asked for
    Auth auth;
    FaultList faults;
    Stats stats;
    std::uint64_t token_generation = 0;  // page tokens of another generation are expired

    [[nodiscard]] const std::shared_ptr<ModelCounters>& counters_of(const Subject& subject);
};

// Names go into URLs, ids and page tokens unquoted.
[[nodiscard]] bool good_name(std::string_view name);

// A new world as a setup command says; page tokens of the old one expire. Null, and what is wrong with the command, if
// something is.
[[nodiscard]] std::unique_ptr<World> make_world(std::string_view json, std::int64_t default_seed,
                                                std::uint64_t token_generation, std::string& problem);

}  // namespace simulator
