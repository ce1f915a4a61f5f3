// Random histories: an upstream whose rows change between any two requests, which fails in every way, read by runs that crash at any point.
//
// Whatever happened, after it is over and one more run is complete, the table holds exactly the upstream's rows. And at every commit on the
// way: no row that the next run will not ask for is missing (I3), the cursor is a value seen in the data and has not moved
// backwards, and no run goes on for ever.
//
// UPSTREAM_HISTORIES sets how many there are per shape. A failure names its seed; UPSTREAM_SEED tells that one again, step by step.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "core/sync.hpp"
#include "unit/random_upstream.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

constexpr const char* kOAuth =
    R"("auth": {"type": "oauth2", "grant_type": "refresh_token", "token_url": "https://shop.test/token"}, "retry": {"base": "1 second", "max": "8 seconds"})";

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    if (text == nullptr) return otherwise;
    const std::string_view digits = text;
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// A property that does not hold.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& what) {
    if (!holds) throw Violation(what);
}

// The source of a stream's spec; many histories share one.
const Source& source_for(const std::string& stream) {
    static std::unordered_map<std::string, Source> known;
    const auto found = known.find(stream);
    return found != known.end() ? found->second : known.emplace(stream, source_of(stream, kOAuth)).first->second;
}

class History {
  public:
    History(const ListShape& shape, std::uint64_t seed, bool told)
        : random_(seed), upstream_(shape, random_), told_(told), source_(source_for(upstream_.stream())), stream_(source_.streams.front()) {
        const auto rate = [this] { return random_.one_of({0.0, 0.03, 0.1, 0.3}); };
        upstream_.faults = {.change = rate(), .failure = rate(), .expiry = rate(), .revoke = rate()};
        crash_ = rate();
        refuse_ = rate();
        tell([this] { return upstream_.stream(); });
    }

    void happen() {
        for (std::int64_t runs = random_.between(1, 12); runs > 0; --runs) {
            if (random_.chance(0.05)) request_full_refresh();
            (void)run();
            for (std::int64_t changes = random_.between(0, 5); changes > 0; --changes) upstream_.change(false);
        }
        upstream_.faults = {};
        crash_ = refuse_ = 0;
        upstream_.settle();
        tell([] { return "-- it is over"; });
        // The read that is half done goes on first. It may meet a page that no longer is what it was, and then fails once.
        for (int i = 0; state_.reading() && i < 3; ++i) (void)run();
        require(!state_.reading(), "a read that was half done is not completed");
        upstream_.settle();
        require(run(), "a run without any fault fails");
        compare();
    }

    [[nodiscard]] std::int64_t requests() const { return requests_; }

  private:
    // One run, to its end or its crash; whether it is complete. The answer that is on its way and the batches that are being written may come in any order.
    bool run() {
        state_ = through_text(std::move(state_));
        Field id{.column = "id", .paths = {*Path::parse("id")}, .key = true};
        Field revision{.column = "revision", .paths = {*Path::parse("revision")}};
        Sync sync{source_, stream_, {std::move(id), std::move(revision)}, {.token = token_}, state_, 1};
        asked_.reset();
        given_.clear();
        Action action = sync.start(upstream_.our_time());
        for (std::int64_t actions = 0;; ++actions) {
            require(actions < 12 * upstream_.changes() + 20000, "a run goes on for ever");
            if (random_.chance(crash_)) return crashed();
            if (std::holds_alternative<Done>(action)) return done();
            if (auto* fail = std::get_if<Fail>(&action)) return failed(*fail);
            std::optional<Event> event = std::visit([&](auto& what) { return carry_out(what); }, action);
            if (!event) event = next_event();
            if (!event || random_.chance(crash_)) return crashed();
            action = sync.on(std::move(*event), upstream_.our_time());
        }
    }

    std::optional<Event> carry_out(Fetch& fetch) {
        require(!asked_, "two requests are in flight");
        asked_ = std::move(fetch);
        return std::nullopt;
    }

    std::optional<Event> carry_out(GetToken&) {
        if (random_.chance(upstream_.faults.failure)) return TokenRefused{{.code = Code::server_error, .message = "no token"}, std::nullopt};
        constexpr Duration kLifetime = std::chrono::minutes(1);
        token_ = Token{.access = upstream_.access_token(), .expires_at = upstream_.our_time() + kLifetime, .lifetime = kLifetime};
        return TokenReady{*token_};
    }

    std::optional<Event> carry_out(FindParts& find) {
        require(given_.empty(), "partitions are looked for before all is applied");
        PartsFound found;
        for (const Words& lists : find.combinations) {
            const std::string id = partition_id({}, lists);
            const auto known = partitions_.find(id);
            if (known != partitions_.end() && known->second.done_at >= find.started_at) continue;
            if (static_cast<std::int64_t>(found.parts.size()) >= parts_at_once_) break;
            Part part{.values = {.lists = lists}, .ids = {id}};
            if (known != partitions_.end()) part.cursor = known->second.cursor;
            found.parts.push_back(std::move(part));
        }
        return found;
    }

    std::optional<Event> carry_out(Apply& apply) {
        if (apply.next) (void)carry_out(*apply.next);
        given_.push_back(std::move(apply));
        return std::nullopt;
    }

    static std::optional<Event> carry_out(Await&) { return std::nullopt; }
    static std::optional<Event> carry_out(Done&) { return std::nullopt; }
    static std::optional<Event> carry_out(Fail&) { return std::nullopt; }

    // What happens next, if not a crash.
    std::optional<Event> next_event() {
        require(asked_ || !given_.empty(), "a run waits for nothing");
        if (asked_ && (given_.empty() || (given_.size() < 4 && random_.chance(0.5)))) return answer();
        return apply();
    }

    Event answer() {
        const Request request = std::move(std::exchange(asked_, std::nullopt)->request);
        ++requests_;
        auto served = upstream_.serve(request);
        if (auto* error = std::get_if<Error>(&served)) {
            tell([&] { return request.url + " -> " + std::string{name(error->code)}; });
            return Broken{std::move(*error)};
        }
        Response& response = std::get<Response>(served);
        tell([&] { return request.url + " -> " + std::to_string(response.status) + " " + response.body; });
        return Answered{std::move(response)};
    }

    std::optional<Event> apply() {
        if (random_.chance(refuse_)) {
            given_.clear();
            asked_.reset();
            return Refused{{.code = Code::target_busy, .message = "locked"}};
        }
        if (random_.chance(crash_)) return std::nullopt;
        const Apply apply = std::move(given_.front());
        given_.pop_front();
        for (std::size_t i = 0; i < apply.batch.rows; ++i) table_[number(*apply.batch.columns[0][i])] = number(*apply.batch.columns[1][i]);
        if (apply.part_end) {
            Partition& partition = partitions_[apply.part_end->part.ids.front()];
            const auto& cursor = apply.part_end->part.cursor;
            require(!partition.cursor || (cursor && *cursor >= *partition.cursor), "a partition's cursor moves backwards");
            partition = {.cursor = cursor, .done_at = apply.started_at};
        }
        commit(apply.state);
        return Applied{};
    }

    static std::int64_t number(std::string_view digits) {
        std::int64_t value = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }

    bool done() {
        tell([] { return "done"; });
        require(!state_.reading() && !state_.full_refresh, "a run is done, but the state says that it is not");
        return true;
    }

    bool failed(const Fail& fail) {
        tell([&] { return "fail " + std::string{name(fail.error.code)} + ": " + fail.error.message; });
        commit(fail.state);
        require(fail.retry_at.has_value(), "a failure that passes by itself has no next attempt");
        if (random_.chance(0.8)) upstream_.wait(*fail.retry_at - upstream_.our_time());
        return false;
    }

    bool crashed() {
        tell([] { return "crash"; });
        return false;
    }

    // As upstream.full_refresh() does it.
    void request_full_refresh() {
        tell([] { return "full refresh"; });
        state_.full_refresh = true;
        state_.read.reset();
    }

    // As the database keeps it between two runs.
    [[nodiscard]] State through_text(State state) const {
        const Cursor::Type type = upstream_.type();
        if (state.cursor) state.cursor = from_text(type, to_text(type, *state.cursor));
        if (state.read) state.read = progress_from_json(to_json(*state.read, type), type);
        state.kept = kept_from_json(to_json(state.kept));
        return state;
    }

    void commit(const State& state) {
        tell([&] { return "commit, cursor " + (state.cursor ? to_text(upstream_.type(), *state.cursor) : "none"); });
        require(!state_.cursor || (state.cursor && *state.cursor >= *state_.cursor), "the cursor moves backwards");
        const bool moved = state.cursor != state_.cursor;
        state_ = state;
        if (state_.cursor && (moved || random_.chance(0.1))) check_cursor(*state_.cursor);
    }

    void check_cursor(Position cursor) {
        const Position from = upstream_.needs_lookback() ? look_back(*stream_.cursor, cursor) : cursor;
        for (const auto& [id, item] : upstream_.rows())
            require(item.at >= from || table_[id] == item.revision, "the cursor is ahead of row " + std::to_string(id));
        require(upstream_.has_served(cursor), "the cursor is no value of the data");
        require(upstream_.type() == Cursor::Type::integer || cursor <= upstream_.our_time().time_since_epoch().count(), "the cursor is ahead of the clock");
    }

    void compare() {
        for (const auto& [id, item] : upstream_.rows()) {
            const auto found = table_.find(id);
            require(found != table_.end(), "row " + std::to_string(id) + " is lost");
            require(found->second == item.revision, "row " + std::to_string(id) + " is old");
        }
        require(table_.size() == upstream_.rows().size(), "the table has rows that the upstream has not");
    }

    template <class Line>
    void tell(const Line& line) const {
        if (told_) std::cout << line() << "\n";
    }

    Random random_;
    RandomUpstream upstream_;
    bool told_;
    const Source& source_;
    const Stream& stream_;
    double crash_ = 0;
    double refuse_ = 0;
    std::optional<Token> token_;
    std::int64_t requests_ = 0;

    // The database.
    struct Partition {
        std::optional<Position> cursor{};
        Timestamp done_at{};
    };
    State state_;
    std::map<std::string, Partition> partitions_;
    std::unordered_map<std::int64_t, std::int64_t> table_;  // revision by id

    // On its way.
    std::optional<Fetch> asked_;
    std::deque<Apply> given_;
    std::int64_t parts_at_once_ = 2;
};

class RandomHistory : public testing::TestWithParam<ListShape> {};

TEST_P(RandomHistory, EndsWithTheUpstreamsRows) {
    const bool told = std::getenv("UPSTREAM_SEED") != nullptr;
    const std::uint64_t first = environment("UPSTREAM_SEED", 1);
    const std::uint64_t count = told ? 1 : environment("UPSTREAM_HISTORIES", 500);
    std::int64_t requests = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        try {
            History history{GetParam(), seed, told};
            history.happen();
            requests += history.requests();
        } catch (const Violation& violation) {
            FAIL() << violation.what() << "\ntell it with: UPSTREAM_SEED=" << seed << " history_test --gtest_filter='*" << GetParam().name << "'";
        }
    }
    RecordProperty("requests", std::to_string(requests));
}

using Order = Cursor::Order;

INSTANTIATE_TEST_SUITE_P(Shapes, RandomHistory,
                         testing::Values(ListShape{.name = "OldestFirst", .order = Order::asc, .filtered = true},
                                         ListShape{.name = "OldestFirstFilteredHere", .order = Order::asc},
                                         ListShape{.name = "NewestFirst", .order = Order::desc, .filtered = true},
                                         ListShape{.name = "NewestFirstFilteredHere", .order = Order::desc},
                                         ListShape{.name = "NewestFirstNumbered", .order = Order::desc, .filtered = true, .numbered = true},
                                         ListShape{.name = "NewestFirstNumberedFilteredHere", .order = Order::desc, .numbered = true},
                                         ListShape{.name = "Unordered", .filtered = true},
                                         ListShape{.name = "UnorderedFilteredHere"},
                                         ListShape{.name = "UnorderedNumberedFilteredHere", .numbered = true},
                                         ListShape{.name = "Slices", .order = Order::asc, .filtered = true, .sliced = true},
                                         ListShape{.name = "SlicesNumbered", .order = Order::desc, .filtered = true, .numbered = true, .sliced = true},
                                         ListShape{.name = "Partitions", .order = Order::asc, .filtered = true, .parted = true},
                                         ListShape{.name = "PartitionsNewestFirst", .order = Order::desc, .filtered = true, .numbered = true, .parted = true},
                                         ListShape{.name = "SlicedPartitions", .filtered = true, .sliced = true, .parted = true},
                                         ListShape{.name = "WithoutCursor", .has_cursor = false},
                                         ListShape{.name = "WithoutCursorNumbered", .numbered = true, .has_cursor = false}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace upstream::core::test
