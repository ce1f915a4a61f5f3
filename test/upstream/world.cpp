// Creating the world from a setup command.
#include "world.hpp"

#include <algorithm>
#include <limits>

#include "options.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMany = 1'000'000'000;

void read_auth(Options& options, AuthRules& rules) {
    const bool require_auth = options.flag("require_auth", true);
    const auto kind = parse_auth_kind(options.text("auth", require_auth ? "oauth" : "none"));
    if (!kind) options.refuse("auth must be none, bearer, api_key, basic or oauth");
    rules.kind = require_auth ? kind.value_or(AuthKind::oauth) : AuthKind::none;
    rules.lifetime_us = options.integer("token_lifetime_s", 3600, 0, kMany) * kSecond;
    rules.grace_us = options.integer("grace_s", 0, 0, kMany) * kSecond;
    rules.initial_access_valid = options.flag("initial_access_valid", false);
}

// What every dialect has.
Settings read_settings(Options& options, std::int64_t default_seed) {
    Settings settings;
    settings.dialect = options.text("dialect", "plain");
    settings.seed = options.integer("seed", default_seed, 0, std::numeric_limits<std::int64_t>::max());
    settings.accounts = options.texts("accounts", {"a1"});
    for (const std::string& name : settings.accounts) {
        if (!good_name(name)) options.refuse("bad account name: " + name);
    }
    read_auth(options, settings.auth);
    settings.latency_ms = options.integer("latency_ms", 0, 0, 3'600'000);
    settings.gzip = options.flag("gzip", false);
    return settings;
}

}  // namespace

bool good_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    });
}

World::World() : dialect(make_dialect("plain")) {}

const std::shared_ptr<ModelCounters>& World::counters_of(const Subject& subject) {
    auto& counters_of_model = counters[subject.account + "/" + subject.stream];
    if (counters_of_model == nullptr) counters_of_model = std::make_shared<ModelCounters>();
    return counters_of_model;
}

std::unique_ptr<World> make_world(std::string_view json, std::int64_t default_seed, std::uint64_t token_generation,
                                  std::string& problem) {
    Options options(json);
    auto world = std::make_unique<World>();
    world->settings = read_settings(options, default_seed);
    world->token_generation = token_generation;
    world->dialect = make_dialect(world->settings.dialect);
    if (world->dialect == nullptr) {
        problem = "unknown dialect: " + world->settings.dialect;
        return nullptr;
    }
    world->dialect->set_up(options, world->settings);
    problem = options.problem();
    if (!problem.empty()) return nullptr;
    world->auth = Auth(world->settings.auth, world->settings.accounts, static_cast<std::uint64_t>(world->settings.seed));
    return world;
}

}  // namespace simulator
