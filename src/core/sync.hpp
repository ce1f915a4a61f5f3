// One run of one model, as a state machine without I/O. It never calls anything: it is told what happened and says what to do next.
//
//             start()                        Answered, ok                     Applied
//   (State) ----------> Fetch ----------------------------------> Apply ----------------> Fetch ... or Done
//                        |  ^                  |
//            token old   |  | TokenReady       | 401, once for this request
//                        v  |                  v
//                     GetToken <---------------+
//
//   anything that fails --> Fail{error, retry_at, state}: the run is over; what was committed stays, and the state says where the next run goes on.
//
// What it guarantees, given that the caller commits each Apply's rows together with its state:
//   - the cursor in the state is never ahead of the rows applied (I3). Only a list that is known to be ascending moves it page by page;
//     otherwise the highest position seen stays `pending` until the read has reached its end or, newest-first, the old cursor;
//   - the cursor is always a value seen in the data and, if a time, never beyond the run's start;
//   - a page that the caller could not commit leaves the state as it was before;
//   - a page token that comes twice, a page that repeats, or a hundred empty pages end the run with the reason;
//   - a page token that the upstream no longer takes (a 4xx that says nothing else) restarts the read from the committed cursor, once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/account.hpp"
#include "core/batch.hpp"
#include "core/build_request.hpp"
#include "core/decode.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

// What model_state keeps between pages, runs and crashes.
struct State {
    std::optional<Position> cursor{};   // how far the committed data reaches
    int failures = 0;                   // in a row
    bool full_refresh = false;          // the next (or present) read takes everything
    bool reading = false;               // a read is half done; the fields below belong to it
    Timestamp started_at{};             // when that read began
    std::optional<Position> start{};    // its lower bound
    std::optional<Position> pending{};  // highest position seen in it
    Page page{};                        // the page that comes next
};

// Work done since the last commit; to be added to the counters in the same transaction.
struct Tally {
    std::int64_t requests = 0;
    std::int64_t pages = 0;
    std::int64_t received = 0;
    std::int64_t bytes = 0;  // on the wire
};

struct Fetch {
    Request request;
};
struct GetToken {
    std::optional<std::string> refused{};  // the access token that the upstream did not take, if that is why
};
struct Apply {
    Batch batch;
    State state;  // true once the batch is committed
    Tally tally;
    bool last = false;  // the read is complete: finish the run in the same transaction
};
struct Fail {
    Error error;
    State state;
    Tally tally;
    std::optional<Timestamp> retry_at{};  // absent: only a person helps (Code::needs_reauth)
};
struct Done {
    std::string message;
};
using Action = std::variant<Fetch, GetToken, Apply, Fail, Done>;

struct Answered {
    Response response;
};
struct Broken {  // no answer
    Error error;
};
struct TokenReady {
    Token token;
};
struct TokenRefused {
    Error error;
    std::optional<Timestamp> retry_at{};
};
struct Applied {};
struct Refused {  // Postgres did not take the batch
    Error error;
};
using Event = std::variant<Answered, Broken, TokenReady, TokenRefused, Applied, Refused>;

class Sync {
  public:
    // `source` and `stream` must outlive the object. `seed` drives the jitter only.
    Sync(const Source& source, const Stream& stream, Layout layout, Account account, State state, std::uint64_t seed);

    [[nodiscard]] Action start(Timestamp now);
    [[nodiscard]] Action on(Event event, Timestamp now);

    [[nodiscard]] bool incremental() const { return incremental_; }
    [[nodiscard]] const Account& account() const { return account_; }

  private:
    Action on_event(Answered event, Timestamp now);
    Action on_event(Broken event, Timestamp now);
    Action on_event(TokenReady event, Timestamp now);
    Action on_event(TokenRefused event, Timestamp now);
    Action on_event(Applied event, Timestamp now);
    Action on_event(Refused event, Timestamp now);

    void begin_read(Timestamp now);
    std::optional<Error> resolve_bounds();
    [[nodiscard]] std::optional<Position> ceiling() const;
    [[nodiscard]] Bounds bounds() const;
    [[nodiscard]] Lookup column_values() const;
    Action fetch(Timestamp now);
    Action unauthorized(Error error, Timestamp now);
    Action restart_read(Error error, Timestamp now);
    Action fail(Error error, Timestamp now, std::optional<Duration> asked_wait = std::nullopt);
    [[nodiscard]] std::optional<Error> check_loop(const std::optional<Page>& next, const std::string& body_mark, std::size_t records);
    [[nodiscard]] bool reached_known_rows(const Decoded& page) const;
    void learn_positions(const Decoded& page);
    void finish_read();
    [[nodiscard]] double random();
    [[nodiscard]] Tally take_tally();

    const Source& source_;
    const Stream& stream_;
    Layout layout_;
    Account account_;
    State state_;
    State before_page_{};  // what is committed while a page is being applied
    std::uint64_t random_;
    bool incremental_ = false;

    // The request in flight.
    std::string url_;
    bool token_was_refreshed_ = false;  // for this request: it is tried as it is, however short-lived
    bool refused_before_ = false;       // for this request: a second 401 is final

    // This run.
    Tally tally_;
    Tally applying_{};  // of the page that the caller is about to commit
    std::int64_t run_requests_ = 0;
    std::optional<Position> end_;
    std::set<std::string, std::less<>> seen_tokens_;
    std::string last_page_mark_;
    int empty_pages_ = 0;
    bool restarted_ = false;
    bool order_holds_ = true;
    std::optional<Position> previous_;  // last position of the former page, to check the order across pages
    bool last_applied_ = false;
};

}  // namespace upstream::core
