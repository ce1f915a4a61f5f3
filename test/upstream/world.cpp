// Creating the world from a setup command, and the changes that requests bring about.
#include "world.hpp"

#include <algorithm>
#include <limits>

#include "clock.hpp"
#include "options.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMaxRows = 5'000'000;  // in all, about half a kilobyte each
constexpr std::int64_t kMany = 1'000'000'000;

// Names go into URLs, ids and page tokens unquoted.
bool good_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.';
    });
}

std::string read_shape(const rapidjson::Value& object, StreamShape& shape) {
    Options options(object);
    shape.rows = static_cast<std::size_t>(options.integer("rows", 1000, 0, kMaxRows));
    shape.tie = static_cast<std::size_t>(options.integer("tie", 1, 1, kMaxRows));
    shape.spacing_us = options.integer("spacing_ms", 1000, 0, 86'400'000) * 1000;
    const auto start = parse_time(options.text("start", "2026-01-01T00:00:00Z"));
    if (!start) options.refuse("start must be a time such as 2026-01-01T00:00:00Z");
    shape.start_us = start.value_or(0);

    // Rows of the future could not be told from later changes, so a series that is too long begins earlier.
    const auto groups = static_cast<std::int64_t>(shape.rows == 0 ? 0 : (shape.rows - 1) / shape.tie);
    const std::int64_t beyond = shape.start_us + groups * shape.spacing_us - (wall_us() - kSecond);
    if (beyond > 0) shape.start_us -= (beyond + kSecond - 1) / kSecond * kSecond;
    return options.problem();
}

std::string read_streams(const rapidjson::Value* object, Settings& settings) {
    if (object == nullptr) {
        rapidjson::Document defaults;
        defaults.SetObject();
        return read_shape(defaults, settings.streams["items"]);
    }
    std::int64_t rows = 0;
    for (const auto& member : object->GetObject()) {
        const std::string name = text_of(member.name);
        if (!good_name(name) || name == "token") return "bad stream name: " + name;
        StreamShape& shape = settings.streams[name];
        const std::string problem = read_shape(member.value, shape);
        if (!problem.empty()) return "stream " + name + ": " + problem;
        rows += static_cast<std::int64_t>(shape.rows * settings.accounts.size());
    }
    return rows > kMaxRows ? "more than " + std::to_string(kMaxRows) + " rows in all" : "";
}

}  // namespace

Model* World::find(std::string_view account, std::string_view stream) {
    const auto streams = models.find(account);
    if (streams == models.end()) return nullptr;
    const auto model = streams->second.find(stream);
    return model == streams->second.end() ? nullptr : &model->second;
}

void World::count_request(Model& model) {
    if (settings.mutate_every == 0 || ++requests_since_mutation < settings.mutate_every) return;
    requests_since_mutation = 0;
    if (settings.mutate_total > 0 && mutations_on_request >= settings.mutate_total) return;
    const auto changed = static_cast<std::int64_t>(model.rows.change(1, random, *model.next_seq));
    mutations_on_request += changed;
    stats.mutations += changed;
}

std::string read_settings(std::string_view json, std::int64_t default_seed, Settings& settings) {
    Options options(json);
    constexpr auto kAny = std::numeric_limits<std::int64_t>::max();
    settings.seed = options.integer("seed", default_seed, 0, kAny);
    settings.accounts = options.texts("accounts", {"a1"});
    for (const std::string& name : settings.accounts) {
        if (!good_name(name)) options.refuse("bad account name: " + name);
    }
    const bool require_auth = options.flag("require_auth", true);
    const auto kind = parse_auth_kind(options.text("auth", require_auth ? "oauth" : "none"));
    if (!kind) options.refuse("auth must be none, bearer, api_key, basic or oauth");
    settings.auth.kind = require_auth ? kind.value_or(AuthKind::oauth) : AuthKind::none;
    settings.auth.lifetime_us = options.integer("token_lifetime_s", 3600, 0, kMany) * kSecond;
    settings.auth.grace_us = options.integer("grace_s", 0, 0, kMany) * kSecond;
    settings.auth.initial_access_valid = options.flag("initial_access_valid", false);
    settings.latency_ms = options.integer("latency_ms", 0, 0, 3'600'000);
    settings.mutate_every = options.integer("mutate_every", 0, 0, kMany);
    settings.mutate_total = options.integer("mutate_total", 0, 0, kMany);
    settings.max_limit = options.integer("max_limit", 1000, 1, kMany);
    settings.gzip = options.flag("gzip", false);
    const rapidjson::Value* streams = options.object("streams");
    std::string problem = options.problem();
    if (problem.empty()) problem = read_streams(streams, settings);
    return problem;
}

std::unique_ptr<World> make_world(const Settings& settings, std::uint64_t token_generation) {
    auto world = std::make_unique<World>();
    world->settings = settings;
    world->token_generation = token_generation;
    world->random = Random(static_cast<std::uint64_t>(settings.seed));
    world->auth = Auth(settings.auth, settings.accounts, static_cast<std::uint64_t>(settings.seed));
    for (const auto& [name, shape] : settings.streams) {
        std::int64_t& next_seq = world->next_seq[name];
        next_seq = 1;
        for (const std::string& account : settings.accounts) {
            auto& streams = world->models[account];
            if (streams.contains(name)) continue;  // an account named twice
            Stream rows(account, name, shape, static_cast<std::uint64_t>(settings.seed), next_seq);
            streams.emplace(name, Model{std::move(rows), &next_seq});
        }
    }
    return world;
}

}  // namespace simulator
