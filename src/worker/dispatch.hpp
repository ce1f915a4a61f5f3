// The dispatcher: every HTTP request of a process leaves through it, those for tokens included.
//
// Whoever has a request hands it in as an Errand, and gets its answer back by the ticket it was given. An errand waits here until everything allows it:
//
//   concurrency   of its source, account and stream: requests of this process that are on the wire; of a stream one, unless stated
//   rate limits   what the upstream told about its host and credential, and a permit of every budget that covers it     (worker/budgets)
//   breaker       its host answers, or it is the one probe that asks whether it does                                      (worker/circuits)
//   lease         its model is its sender's until the answer has come: a process that was stopped meanwhile asks for nothing
//   batch         with `batch` in the spec, what may leave at the end of a turn leaves together                           (core/graph_batch)
//
// First come, first served; whoever has to wait holds up nobody behind it that need not. Like http::Client, which it drives, the dispatcher never waits: its owner
// calls pump() before it waits, waits for descriptor() and timeout(), and tells what happened. pump() and flush() may run short transactions.
//
// A model that would have to wait longer than `patience` gets no answer but the time at which to try again (Postponed), so that it does not keep its lease, and a place in
// the process, for nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/source.hpp"
#include "http/client.hpp"
#include "worker/budgets.hpp"
#include "worker/circuits.hpp"
#include "worker/setback.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {

using Ticket = std::uint64_t;

inline constexpr core::Duration kStillOnTheWay = std::chrono::seconds(1);  // what got no answer may reach the upstream for so long yet

// A request, and on whose behalf it is sent.
struct Errand {
    std::int32_t model = 0;  // 0 for a token's
    std::int32_t account = 0;
    std::int32_t source_id = 0;
    std::shared_ptr<const core::Source> source;
    std::string stream{};
    core::Request request{};
    std::optional<core::Timestamp> lease_until{};  // the answer has to be here by then: who holds the model, or the token's claim, afterwards may be somebody else
};

// Lets a request take a third of a lease at most: whoever has the model, or the token's claim, next could ask while it is in flight.
void bound_by_lease(core::Request& request);

// Not sent: it may be at that time.
struct Postponed {
    core::Uptime until;
    std::string waits_for;  // budget, rate limit, spacing, breaker, concurrency, or a new lease
};

struct Delivered {
    Ticket ticket;
    core::Result<core::Response> result;
    std::chrono::microseconds duration;  // of the transfer
    std::optional<Postponed> postponed{};
};

class Dispatcher {
  public:
    // Told what each model is doing: "waiting" and for what, or "requesting".
    using Tell = std::function<void(std::int32_t model, const char* phase, const std::string& waits_for)>;

    Dispatcher(Unit& unit, http::Options options, Tell tell);
    ~Dispatcher();

    // Takes a request on; its answer comes with take_delivered().
    Ticket send(Errand errand, const core::Account& account);

    // Forgets a request; its answer will not come. True if it had left.
    bool cancel(Ticket ticket);

    // A rule of the spec says that this account is to wait, without the upstream's having said how long in a header.
    void hold(std::int32_t source_id, const std::shared_ptr<const core::Source>& source, std::int32_t account_id, const core::Account& account,
              const std::string& url, core::Duration wait);

    // Sends what may be sent. Models that would have to wait longer than `patience` are postponed.
    void pump(core::Duration patience);

    // Writes down what is left to be written, as far as nobody holds it up.
    void flush();

    // Requests that are on the wire, and those that wait.
    [[nodiscard]] std::size_t in_flight() const { return flights_.size(); }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

    // What to wait for, and what happened.
    [[nodiscard]] std::size_t received() const { return client_.received(); }  // of answers that have not come to their end
    [[nodiscard]] int descriptor() const { return client_.descriptor(); }
    void prepare_wait() { client_.prepare_wait(); }
    [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const;
    void on_ready() { client_.on_ready(); }
    void on_timeout() { client_.on_timeout(); }

    // The answers that came since the last call.
    [[nodiscard]] std::vector<Delivered> take_delivered();

  private:
    struct Item;    // an errand on its way
    struct Flight;  // a transfer with the items that it carries
    struct Load;    // what is on the wire, by source, account and stream
    struct Books {  // of a source that requests were sent to
        std::string name{};
        bool read = false;                     // what other processes were told of its limits
        core::Uptime traffic_written{0};
        Setback setback{};                     // of its exchange
    };
    using Items = std::vector<std::unique_ptr<Item>>;

    void refresh(core::Uptime now);
    bool may_go(Item& item, Load& load, core::Uptime now);
    template <class Visit>
    void choose(core::Uptime now, Visit&& visit);
    void name_probes();
    void wait_for(Item& item, core::Uptime until, const std::string& what);
    [[nodiscard]] bool idle() const { return waiting_.empty() && flights_.empty(); }
    [[nodiscard]] std::optional<core::Uptime> next_exchange(std::int32_t source, const Books& books) const;
    bool exchange_due(core::Uptime now, core::Uptime tried_again);
    bool exchange(std::int32_t source, Books& books, Patience patience);
    void depart(Items ready);
    void start(Items items);
    void finish(http::Finished finished);
    void finish_item(std::unique_ptr<Item> item, core::Result<core::Response> result, core::Duration duration, core::Uptime now);
    void finish_batch(Flight flight, const core::Response& answer, core::Duration duration, core::Uptime now);
    void put_back(Flight flight, core::Uptime now);
    bool divide(Flight& flight, const core::Result<core::Response>& result);
    void postpone(core::Duration patience, core::Uptime now);

    Unit& unit_;
    Tell tell_;
    http::Client client_;
    Budgets budgets_;
    Circuits circuits_;
    std::list<std::unique_ptr<Item>> waiting_;  // in the order in which they came
    Items departing_;
    std::unordered_map<http::TransferId, Flight> flights_;
    std::vector<Delivered> delivered_;
    Ticket last_ticket_ = 0;
    std::int64_t last_group_ = 0;
    std::optional<std::uint64_t> seen_version_{};
    core::Uptime refreshed_{0};
    Setback reading_{};
    std::map<std::int32_t, Books> books_{};  // by source
    std::optional<core::Uptime> next_look_{};
};

}  // namespace upstream::worker
