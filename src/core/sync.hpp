// One run of one model, as a state machine without I/O. It never calls anything: it is told what happened and says what to do next.
//
//   a run   = reads, one for each partition (parents x lists); a plain stream has one
//   a read  = slices (cursor.step), each with its bounds
//   a slice = pages
//
//     start() --> FindParts --PartsFound--> Fetch --Answered, ok--> Apply{..., next Fetch} --Applied--> ... --> Apply{last} --Applied--> Done
//                 (partitioned               |  ^
//                  streams only)    token old|  |TokenReady
//                                            v  |
//                                          GetToken  <-- 401, once for this request
//
//   anything that fails --> Fail{error, retry_at, state}: the run is over; what was committed stays, and the state says where the next run goes on.
//
// Pipelining. With an Apply the machine gives the request of the page that follows; it is to leave before the rows are written. So answers and the end of an
// Apply may come in either order, and several Applies may be outstanding; each is answered by one Applied or Refused, in order. Await means that
// nothing is to be done till one of them, or the answer, comes. A failure waits until all that was given is applied. On Refused everything since the last
// Applied is void: the state falls back to the committed one, and the caller drops the request in flight and the Applies that it still holds.
//
// Lists inside records that go on elsewhere (expand.more) are read by a run within the run: a Sync of the stream that reads the rest, for one parent. It
// begins when the page that holds the record is applied, one list after the other; its requests and pages are those of this run, and so are its failures.
// How far it is stands in this run's state.
//
//     Apply{page with two such lists} --Applied--> FindParts{list} --PartsFound--> Fetch, Apply{list} ... the run within is Done --> FindParts{list} ... --> Fetch{next page}
//
// Deletions by absence (deletes.mode missing). After the last page of a full run comes an Apply without rows that says `sweeps`: what the run has not met is
// gone upstream. It comes only if nothing was left out; the run is then complete with it and not with its last page, so that what was read stays if so many rows
// are missing that the deletion is refused. Then the next run begins anew.
//
// What it guarantees, given that the caller commits each Apply's rows together with its state:
//   - the cursor in the state is never ahead of the rows applied (I3). Only a list that is known to be ascending moves it page by page;
//     otherwise the highest position seen stays `pending` until the slice has reached its end or, newest-first, the old cursor;
//   - the cursor is a value seen in the data (or, if the spec says so, the end of a slice) and, if a time, never beyond the run's start;
//   - the cursor does not pass a record before the lists inside it are complete, and nothing is marked as read before;
//   - a partition is marked as read in the very commit that holds its last rows, so that a run that was cut off does not read it again;
//   - a page token that comes twice, a page that repeats, a hundred empty pages or a page that lies in the far future end the run with the reason;
//   - a page token that the upstream no longer takes (a 4xx that says nothing else) restarts the read from the committed cursor, once;
//     a list that shifts while it is read restarts its slice, at most three times.
//
// Writes that replace (write replace, replace_window). Each page says whether its slice begins with it, and whether it completes what is replaced at once: the
// slice, or the read. Till then its rows only wait (worker/apply), so that the cursor does not move within a slice, whatever the order. A slice that begins anew
// begins with slice_begins; one that may lack rows, because its list kept shifting or its partition was left out, never completes anything.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/account.hpp"
#include "core/batch.hpp"
#include "core/build_request.hpp"
#include "core/decode.hpp"
#include "core/loop_guard.hpp"
#include "core/occurrences.hpp"
#include "core/reaction.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "core/state.hpp"
#include "core/window.hpp"

namespace upstream::core {

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

// Which partitions come next: those of the parents (if the stream has some) times `combinations` that are not done since `started_at`, in the parents' order.
struct FindParts {
    std::vector<Words> combinations;
    std::int64_t at_most;  // parents and combinations
    Timestamp started_at;
    const Stream* list = nullptr;  // of this stream, for the one parent that has these values; nothing if it is not there, or has not changed since it was read
    Words parent{};
};

// A partition that ends with an Apply.
struct PartEnd {
    Part part;             // with the cursor that it has reached
    bool skipped = false;  // left out of this run: only that it is done is noted
};

struct Apply {
    Batch batch;
    const Stream* list = nullptr;  // whose page it is, if not of the run's own stream: it reads the rest of a list inside a record
    State state;  // true once the batch is committed
    Tally tally;
    bool last = false;          // the run is complete: finish it in the same transaction
    bool slice_begins = false;  // with this page: what waits of it from before is void
    bool slice_ends = false;    // with this page
    std::int64_t slice = 0;     // its number in the read
    bool completes = false;     // of a stream that replaces: the slice, or the read, has ended, and its pages are all that there is within its bounds
    bool abandons = false;      // it has ended, but rows may be missing: what waits goes
    std::optional<PartEnd> part_end{};  // of a partitioned stream
    PartitionValues partition{};        // what was read
    Timestamp started_at{};             // of the run: the generation of the rows
    bool full = false;                  // it reads everything
    Bounds bounds{};                    // of the slice, as they are meant; absent where its rows are not bounded
    std::optional<Marks> marks{};       // to be kept while the slice lasts, if equal rows are numbered; none of any record: nothing is kept any more
    bool sweeps = false;                // with last: all rows that the upstream has were met by the run
    Timestamp read_began{};             // when the first page was asked for, or before: later requests for a sync are still to be met
    std::string notice{};               // with last: what a person should know
    std::optional<Fetch> next{};        // to be sent before the batch is written
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
struct Await {};
using Action = std::variant<Fetch, GetToken, FindParts, Apply, Fail, Done, Await>;

struct Answered {
    Response response;
};
struct Broken {  // no answer, or no list of partitions
    Error error;
};
struct TokenReady {
    Token token;
};
struct TokenRefused {
    Error error;
    std::optional<Timestamp> retry_at{};
};
struct PartsFound {
    std::vector<Part> parts;  // none: there are no more
};
struct Applied {};
struct Refused {  // Postgres did not take the batch
    enum class From { page, slice, run };
    Error error;
    From from = From::page;  // where the next run goes on
};
using Event = std::variant<Answered, Broken, TokenReady, TokenRefused, PartsFound, Applied, Refused>;

// A stream that reads the rest of lists inside another one's records.
struct ListReader {
    const Stream* stream = nullptr;
    Layout layout{};
};

class Sync {
  public:
    // `source` and `stream` must outlive the object. `seed` drives the jitter only. `readers`: one for each stream that an inner list names in `more`.
    Sync(const Source& source, const Stream& stream, Layout layout, Account account, State state, std::uint64_t seed, std::vector<ListReader> readers = {});

    // Before start(): what is kept of the slice that is half done (Apply::marks), in the order in which it was given.
    void recall(const Marks& marks) { occurrences_.recall(marks); }

    [[nodiscard]] Action start(Timestamp now);
    [[nodiscard]] Action on(Event event, Timestamp now);

    [[nodiscard]] bool incremental() const { return stream_.incremental && !(state_.read ? state_.read->full : state_.full_refresh); }
    [[nodiscard]] const Account& account() const { return account_; }
    [[nodiscard]] const State& state() const { return state_; }

    // Whose list is being read: the run's own stream, or one that reads the rest of a list inside a record.
    [[nodiscard]] const Stream& reading() const { return within_ ? within_->stream_ : stream_; }

    // Batches that were given and are neither applied nor refused.
    [[nodiscard]] std::size_t unapplied() const { return within_ ? within_->unapplied() : given_.size(); }

  private:
    struct Given {  // with an Apply that is outstanding
        State state;
        Tally tally;
        bool last;
    };
    struct Ending {  // what a page brings to its end
        std::optional<Page> next{};  // nothing: the slice ends
        bool skipped = false;        // and with it the partition
        bool unread = false;         // the list was not read: it is left out, or the same as before
        std::optional<Marks> marks{};
    };

    Action on_event(Answered event, Timestamp now);
    Action on_event(Broken event, Timestamp now);
    Action on_event(TokenReady event, Timestamp now);
    Action on_event(TokenRefused event, Timestamp now);
    Action on_event(PartsFound event, Timestamp now);
    Action on_event(Applied event, Timestamp now);
    Action on_event(Refused event, Timestamp now);

    // The run.
    [[nodiscard]] bool has_read_nothing() const;
    void begin_run(Timestamp now);
    std::optional<Error> prepare();
    Action go_on(Timestamp now);
    Action ordered(Action action);
    Action find_parts();
    Action finish_without_rows();
    Action fail(Error error, Timestamp now, std::optional<Duration> asked_wait = std::nullopt);
    void finish_run();

    // One request.
    Action fetch(Timestamp now);
    std::optional<Fetch> fetch_ahead(Timestamp now);
    Result<Request> next_request(Timestamp now);
    Fetch send(Request request);
    Action react_to(Reaction reaction, const Response& response, Timestamp now);
    Action unauthorized(Error error, Timestamp now);
    Action restart_read(Error error, Timestamp now);
    Action shrink(Error error, Timestamp now);

    // One read (sync_read.cpp).
    void open_part(Part part);
    [[nodiscard]] Lookup column_values() const;
    [[nodiscard]] Batch empty_batch() const;
    void open_read();
    void begin_slice();
    void restart_slice();
    Action take_page(const Response& response, std::shared_ptr<const json::Document> document, std::uint64_t mark, Timestamp now);
    Action take_nothing(const Response& response, bool skipped, Timestamp now);
    void say_what_is_replaced(Apply& apply, const Ending& ending) const;
    Action give(Batch batch, Ending ending, Timestamp now);
    void end_part(Apply& apply, bool skipped);
    Result<std::optional<Page>> page_after(const Response& response, const Decoded& page, std::uint64_t mark);
    void learn_positions(const Decoded& page);
    void notice_ignored_filter(const Decoded& page);
    [[nodiscard]] bool reached_known_rows(const Decoded& page) const;
    void leave_out(const char* what);
    [[nodiscard]] bool has_more_slices() const;
    [[nodiscard]] bool finish_slice();
    void keep_validator(const Response& response, bool single_page);
    void notice(std::string text);
    [[nodiscard]] bool is_plain() const { return !stream_.is_partitioned(); }
    [[nodiscard]] std::optional<Position>& cursor() { return is_plain() ? state_.cursor : state_.read->part->cursor; }
    [[nodiscard]] std::optional<std::string>& opaque() { return is_plain() ? state_.opaque : state_.read->part->opaque; }
    [[nodiscard]] Validator& validator() { return is_plain() ? state_.kept.validator : state_.read->part->validator; }
    [[nodiscard]] bool filters(Cursor::Filter filter) const { return stream_.cursor && stream_.cursor->filter == filter; }

    // Lists inside records that go on elsewhere (sync_list.cpp).
    void note_lists(const Batch& batch);
    Action open_list(Timestamp now);
    Action begin_list(std::vector<Part> parts, Timestamp now);
    Action resume_list(Timestamp now);
    Action finish_list(Timestamp now);
    Action pass_on(Action action, Timestamp now);
    void make_within(State state);
    [[nodiscard]] State with_list(const State& within) const;
    [[nodiscard]] const ListReader* reader_of(std::string_view stream) const;
    [[nodiscard]] bool waits_for_lists() const { return state_.read && (!state_.read->lists.empty() || state_.read->ended); }
    void advance(State& state) const;

    [[nodiscard]] double random();
    [[nodiscard]] Tally take_tally();

    const Source& source_;
    const Stream& stream_;
    std::vector<ListReader> readers_;
    std::unique_ptr<Sync> within_{};  // reads the rest of a list
    bool is_within_ = false;          // so does this one: it has one part, and ends with it
    bool was_unsure_ = false;         // and of that rows may be missing
    Layout layout_;
    Account account_;
    State state_;
    State committed_;
    std::deque<Given> given_;
    std::optional<Action> deferred_{};  // what waits until all that was given is applied
    bool in_flight_ = false;
    std::uint64_t random_;

    // The request in flight.
    std::string url_;
    bool token_was_refreshed_ = false;  // for this request: it is tried as it is, however short-lived
    bool refused_before_ = false;       // for this request: a second 401 is final

    // This run.
    Window window_{};
    std::vector<Words> combinations_{};
    std::deque<Part> queue_{};  // partitions that come next
    Tally tally_;
    std::string done_notice_{};
    std::int64_t run_requests_ = 0;
    Timestamp began_{};  // of what this run has read
    bool restarted_ = false;

    // This slice.
    LoopGuard guard_{};
    Occurrences occurrences_{};
    int restarts_ = 0;
    bool order_holds_ = true;
    bool from_first_page_ = true;  // or the order of the pages before a crash is not known
    bool filter_ignored_ = false;
    std::optional<Position> previous_;  // last position of the former page, to check the order across pages
};

}  // namespace upstream::core
