// A dialect: one API that the simulator can speak, with its rows, its paths, its limits and what it answers to whom.
//
// A setup names the dialect ("plain" if it names none) and makes a new one. For each request that is neither a command, an
// oracle's nor a token's, the simulator asks it three things in turn:
//
//     route()   which model's rows are asked for; or an answer for what is no request of any
//     admit()   credentials, limits, method: nothing, or the refusal
//     answer()  the page. Only requests that come this far meet faults.
//
// Everything that all dialects have in common (counters, log, faults, latency, compression) is the simulator's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialects/json.hpp"
#include "faults.hpp"
#include "http.hpp"
#include "options.hpp"
#include "text.hpp"

namespace simulator {

struct Settings;
struct World;

// One request on its way through the simulator.
struct Call {
    const Request& request;
    const Parameters& query;
    std::string_view origin;  // "http://127.0.0.1:port"
    World& world;
    std::function<Reply(const Request&)> serve;  // answers a request that lies inside this one, as in a batch
};

// The model that a request is about: a stream of an account.
struct Subject {
    std::string account;
    std::string stream;
};

struct Answer {
    Reply reply;
    std::size_t rows = 0;  // how many the body carries
};

class Dialect {
  public:
    Dialect() = default;
    Dialect(const Dialect&) = delete;
    Dialect& operator=(const Dialect&) = delete;
    virtual ~Dialect() = default;

    // Reads its own options of a setup, and makes its rows unless something is wrong with them.
    virtual void set_up(Options& options, const Settings& settings) = 0;

    virtual std::optional<Reply> route(const Call& call, Subject& subject) = 0;
    virtual std::optional<Reply> admit(const Call& call, const Subject& subject) = 0;
    virtual Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) = 0;

    // After a request that was admitted has been answered.
    virtual void after_answer(World&, const Subject&) {}

    // Reads what to change, and unless something is wrong with it changes that many rows of the account ("*": of each);
    // writes into `done` what was done. False: no such account or stream.
    virtual bool mutate(Options& options, World& world, Json& done) = 0;

    // The rows that a table must hold for that account in the end, as COPY text; nullopt if there is no such table.
    [[nodiscard]] virtual std::optional<std::string> oracle(std::string_view account, std::string_view table) const = 0;

    // Members of its own for the stats, and how many rows a model has.
    virtual void write_stats(Json&) const {}
    [[nodiscard]] virtual std::size_t rows(std::string_view /*account*/, std::string_view /*stream*/) const { return 0; }
    virtual void reset_stats() {}

    // Where tokens are refreshed.
    [[nodiscard]] virtual std::string_view token_path() const { return "/oauth/token"; }
};

// null if there is no dialect of that name.
[[nodiscard]] std::unique_ptr<Dialect> make_dialect(std::string_view name);

}  // namespace simulator
