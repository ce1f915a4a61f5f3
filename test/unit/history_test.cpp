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
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
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

class History {
  public:
    History(const ListShape& shape, std::uint64_t seed, bool told)
        : random_(seed), upstream_(shape, random_), told_(told), source_(source_of(upstream_.stream(), kOAuth)), stream_(source_.streams.front()) {
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
        for (int i = 0; state_.reading && i < 3; ++i) (void)run();
        require(!state_.reading, "a read that was half done is not completed");
        upstream_.settle();
        require(run(), "a run without any fault fails");
        compare();
    }

    [[nodiscard]] std::int64_t requests() const { return requests_; }

  private:
    // One run, to its end or its crash; whether it is complete.
    bool run() {
        Field id{.column = "id", .paths = {*Path::parse("id")}, .key = true};
        Field revision{.column = "revision", .paths = {*Path::parse("revision")}};
        Sync sync{source_, stream_, {std::move(id), std::move(revision)}, {.token = token_}, state_, 1};
        Action action = sync.start(upstream_.our_time());
        for (std::int64_t actions = 0;; ++actions) {
            require(actions < 12 * upstream_.changes() + 800, "a run goes on for ever");
            if (random_.chance(crash_)) return crashed();
            if (std::holds_alternative<Done>(action)) return done();
            if (auto* fail = std::get_if<Fail>(&action)) return failed(*fail);
            const std::optional<Event> event = std::visit([&](auto& what) { return carry_out(what); }, action);
            if (!event || random_.chance(crash_)) return crashed();
            action = sync.on(*event, upstream_.our_time());
        }
    }

    std::optional<Event> carry_out(Fetch& fetch) {
        ++requests_;
        const auto answer = upstream_.serve(fetch.request);
        if (const auto* error = std::get_if<Error>(&answer)) {
            tell([&] { return fetch.request.url + " -> " + std::string{name(error->code)}; });
            return Broken{*error};
        }
        const Response& response = std::get<Response>(answer);
        tell([&] { return fetch.request.url + " -> " + std::to_string(response.status) + " " + response.body; });
        return Answered{response};
    }

    std::optional<Event> carry_out(GetToken&) {
        if (random_.chance(upstream_.faults.failure)) return TokenRefused{{.code = Code::server_error, .message = "no token"}, std::nullopt};
        constexpr Duration kLifetime = std::chrono::minutes(1);
        token_ = Token{.access = upstream_.access_token(), .expires_at = upstream_.our_time() + kLifetime, .lifetime = kLifetime};
        return TokenReady{*token_};
    }

    std::optional<Event> carry_out(Apply& apply) {
        if (random_.chance(refuse_)) return Refused{{.code = Code::target_busy, .message = "locked"}};
        if (random_.chance(crash_)) return std::nullopt;
        for (std::size_t i = 0; i < apply.batch.rows; ++i)
            table_[std::stoll(std::string{*apply.batch.columns[0][i]})] = std::stoll(std::string{*apply.batch.columns[1][i]});
        commit(apply.state);
        return Applied{};
    }

    static std::optional<Event> carry_out(Done&) { return std::nullopt; }
    static std::optional<Event> carry_out(Fail&) { return std::nullopt; }

    bool done() {
        tell([] { return "done"; });
        require(!state_.reading && !state_.full_refresh, "a run is done, but the state says that it is not");
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
        state_ = {.cursor = state_.cursor, .failures = state_.failures, .full_refresh = true};
    }

    // The state goes through its text, as it does in the database.
    void commit(State state) {
        for (std::optional<Position> State::*member : {&State::cursor, &State::start, &State::pending})
            if (state.*member) state.*member = from_text(upstream_.type(), to_text(upstream_.type(), *(state.*member)));
        tell([&] { return "commit, cursor " + (state.cursor ? to_text(upstream_.type(), *state.cursor) : "none"); });
        require(!state_.cursor || (state.cursor && *state.cursor >= *state_.cursor), "the cursor moves backwards");
        state_ = std::move(state);
        if (state_.cursor) check_cursor(*state_.cursor);
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
    Source source_;
    const Stream& stream_;
    double crash_ = 0;
    double refuse_ = 0;
    std::optional<Token> token_;
    std::int64_t requests_ = 0;

    // The database.
    State state_;
    std::map<std::int64_t, std::int64_t> table_;  // revision by id
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
                                         ListShape{.name = "WithoutCursor", .has_cursor = false},
                                         ListShape{.name = "WithoutCursorNumbered", .numbered = true, .has_cursor = false}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace upstream::core::test
