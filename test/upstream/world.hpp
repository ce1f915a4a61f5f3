// Everything a setup creates: accounts, models with their rows, credentials, faults and counters.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth.hpp"
#include "faults.hpp"
#include "random.hpp"
#include "stats.hpp"
#include "stream.hpp"

namespace simulator {

struct Settings {
    std::int64_t seed = 1;
    std::vector<std::string> accounts;
    std::map<std::string, StreamShape> streams;
    AuthRules auth;
    std::int64_t latency_ms = 0;
    std::int64_t mutate_every = 0;  // 0: rows change by command only
    std::int64_t mutate_total = 0;  // 0: without end
    std::int64_t max_limit = 1000;
    bool gzip = false;
};

// A stream of an account.
struct Model {
    Stream rows;
    std::int64_t* next_seq;  // of all models of this stream
    std::shared_ptr<ModelCounters> counters = std::make_shared<ModelCounters>();
};

struct World {
    using Streams = std::map<std::string, Model, std::less<>>;

    Settings settings;
    std::map<std::string, std::int64_t> next_seq;  // by stream; a map's values stay where they are
    std::map<std::string, Streams, std::less<>> models;
    Auth auth;
    FaultList faults;
    Stats stats;
    Random random{1};
    std::int64_t mutations_on_request = 0;
    std::int64_t requests_since_mutation = 0;
    std::uint64_t token_generation = 0;  // page tokens of another generation are expired

    [[nodiscard]] Model* find(std::string_view account, std::string_view stream);

    // After a data request of that model: changes a row when one is due.
    void count_request(Model& model);
};

// Reads a setup command. Answers what is wrong with it, "" if it could be read.
[[nodiscard]] std::string read_settings(std::string_view json, std::int64_t default_seed, Settings& settings);

// A new world as the settings say; page tokens of the old one expire.
[[nodiscard]] std::unique_ptr<World> make_world(const Settings& settings, std::uint64_t token_generation);

}  // namespace simulator
