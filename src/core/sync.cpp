#include "core/sync.hpp"

#include <algorithm>
#include <utility>

#include "core/backoff.hpp"
#include "core/paginate.hpp"
#include "core/sign.hpp"
#include "core/token.hpp"

namespace upstream::core {
namespace {

constexpr int kMostEmptyPages = 100;

bool is_time(Cursor::Type type) { return type != Cursor::Type::integer; }

// Whether a refused page token is a likely reason for this answer.
bool may_be_expired_token(const Stream& stream, const Page& page, int status) {
    using Type = Pagination::Type;
    const Type type = stream.pagination.type;
    const bool token = type == Type::cursor || type == Type::link_header || type == Type::next_url;
    return token && !page.first() && status >= 400 && status < 500 && status != 401 && status != 403 && status != 408 && status != 429;
}

// A short mark by which the same page is recognised: its length and a hash (FNV-1a) of its bytes.
std::string mark_of(const std::string& body) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const unsigned char c : body) hash = (hash ^ c) * 1099511628211ULL;
    return std::to_string(body.size()) + ":" + std::to_string(hash);
}

Error loop_error(std::string message) {
    return Error{.code = Code::cursor_loop,
                 .message = std::move(message),
                 .hint = "The read was stopped, because it would never end; the cursor has not moved."};
}

}  // namespace

Sync::Sync(const Source& source, const Stream& stream, Layout layout, Account account, State state, std::uint64_t seed)
    : source_(source), stream_(stream), layout_(std::move(layout)), account_(std::move(account)), state_(std::move(state)),
      random_(seed | 1U) {
    incremental_ = stream.incremental && !state_.full_refresh;
}

Action Sync::start(Timestamp now) {
    if (state_.reading) {
        previous_ = state_.pending;  // what the next page must not contradict, if the list is in order
    } else {
        begin_read(now);
    }
    if (auto error = resolve_bounds()) return fail(std::move(*error), now);
    return fetch(now);
}

Action Sync::on(Event event, Timestamp now) {
    return std::visit([&](auto&& happened) { return on_event(std::forward<decltype(happened)>(happened), now); }, std::move(event));
}

// A new read from the committed cursor.
void Sync::begin_read(Timestamp now) {
    state_.reading = true;
    state_.started_at = now;
    state_.page = Page{};
    state_.pending.reset();
    state_.start.reset();
    seen_tokens_.clear();
    last_page_mark_.clear();
    previous_.reset();
    empty_pages_ = 0;
    order_holds_ = true;
    if (incremental_ && state_.cursor) state_.start = look_back(*stream_.cursor, *state_.cursor);
}

// Where the first run begins, and where every run ends.
std::optional<Error> Sync::resolve_bounds() {
    if (!stream_.cursor) return std::nullopt;
    const Cursor& cursor = *stream_.cursor;
    const Lookup lookup = account_lookup(account_);
    const auto instant = [&](const Text& text, const char* key) -> Result<Position> {
        const auto rendered = text.render(lookup);
        if (rendered && cursor.type == Cursor::Type::integer) {
            if (const auto value = from_text(cursor.type, *rendered)) return *value;
        } else if (rendered) {
            if (const auto value = parse_instant(*rendered, state_.started_at)) return value->time_since_epoch().count();
        }
        return Error{.code = Code::invalid_spec, .message = std::string{"cursor."} + key + " \"" + text.source() + "\" is not a point in time"};
    };
    if (incremental_ && !state_.cursor && cursor.initial && state_.page.first()) {
        const auto first = instant(*cursor.initial, "initial");
        if (!first) return first.error();
        state_.start = *first;
    }
    if (cursor.end) {
        const auto last = instant(*cursor.end, "end");
        if (!last) return last.error();
        end_ = *last;
    } else if (is_time(cursor.type)) {
        end_ = state_.started_at.time_since_epoch().count();
    }
    return std::nullopt;
}

// How far the cursor may move: not beyond the run's start, nor beyond an end that the spec states because younger rows are not settled yet.
std::optional<Position> Sync::ceiling() const {
    if (!stream_.cursor || !is_time(stream_.cursor->type)) return std::nullopt;
    const Position started = state_.started_at.time_since_epoch().count();
    return std::min(started, end_.value_or(started));
}

Bounds Sync::bounds() const {
    if (!incremental_) return {};
    return Bounds{.start = state_.start, .end = end_};
}

// What placeholders in columns mean.
Lookup Sync::column_values() const {
    return [this, of_account = account_lookup(account_)](const Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return format_time(state_.started_at, time_format(p.format).value_or(TimeFormat::iso));
        if (p.root == "account") return of_account(p);
        return std::nullopt;
    };
}

Action Sync::fetch(Timestamp now) {
    if (needs_token(auth_for(source_, stream_, account_), account_.token, now) && !token_was_refreshed_) return GetToken{};
    Result<Request> request = build_request(source_, stream_, account_, state_.page, bounds(), state_.started_at, {}, now);
    if (!request) return fail(request.error(), now);
    url_ = request->url;
    if (!state_.page.first()) seen_tokens_.insert(state_.page.token);
    ++tally_.requests;
    ++run_requests_;
    return Fetch{std::move(*request)};
}

Action Sync::on_event(Broken event, Timestamp now) { return fail(std::move(event.error), now); }

Action Sync::on_event(TokenReady event, Timestamp now) {
    account_.token = std::move(event.token);
    token_was_refreshed_ = true;  // even if it is short-lived: it is tried before another is asked for
    return fetch(now);
}

Action Sync::on_event(TokenRefused event, Timestamp now) {
    Action failed = fail(std::move(event.error), now);
    if (event.retry_at) std::get<Fail>(failed).retry_at = event.retry_at;
    return failed;
}

// What the page taught was not committed, so it is forgotten; that it was asked for is not.
Action Sync::on_event(Refused event, Timestamp now) {
    state_ = std::move(before_page_);
    tally_ = applying_;
    return fail(std::move(event.error), now);
}

Action Sync::on_event(Applied, Timestamp now) {
    if (last_applied_) return Done{run_requests_ == 1 ? "1 request" : std::to_string(run_requests_) + " requests"};
    return fetch(now);
}

Action Sync::unauthorized(Error error, Timestamp now) {
    if (!auth_for(source_, stream_, account_).has_token() || refused_before_ || !account_.token) return fail(std::move(error), now);
    refused_before_ = true;
    return GetToken{.refused = account_.token->access};
}

// The page token is gone: once per run the read begins anew from the committed cursor.
Action Sync::restart_read(Error error, Timestamp now) {
    if (restarted_) return fail(std::move(error), now);
    restarted_ = true;
    begin_read(now);
    if (auto wrong = resolve_bounds()) return fail(std::move(*wrong), now);
    return fetch(now);
}

Action Sync::on_event(Answered event, Timestamp now) {
    Response& response = event.response;
    tally_.bytes += static_cast<std::int64_t>(response.wire_bytes);
    if (auto failure = failure_of(response, source_.retry)) {
        if (response.status == 401) return unauthorized(std::move(*failure), now);
        if (may_be_expired_token(stream_, state_.page, response.status)) {
            failure->code = Code::page_token_expired;
            return restart_read(std::move(*failure), now);
        }
        return fail(std::move(*failure), now, retry_after(response, now));
    }
    token_was_refreshed_ = false;
    refused_before_ = false;

    const std::string mark = mark_of(response.body);
    Result<Decoded> page = decode(stream_, layout_, std::move(response.body), ceiling(), column_values());
    if (!page) return fail(page.error(), now);
    ++tally_.pages;
    tally_.received += static_cast<std::int64_t>(page->records);

    auto next = next_page(source_, stream_, state_.page, url_, response, page->document->root(), page->records);
    if (!next) return fail(next.error(), now);
    before_page_ = state_;
    learn_positions(*page);
    if (reached_known_rows(*page)) next->reset();
    if (auto loop = check_loop(*next, mark, page->records)) {
        state_ = std::move(before_page_);
        return fail(std::move(*loop), now);
    }

    last_applied_ = !next->has_value();
    if (last_applied_) {
        finish_read();
    } else {
        state_.page = std::move(**next);
    }
    state_.failures = 0;
    applying_ = take_tally();
    return Apply{.batch = std::move(page->batch), .state = state_, .tally = applying_, .last = last_applied_};
}

// The reasons to stop a read that would not end by itself.
std::optional<Error> Sync::check_loop(const std::optional<Page>& next, const std::string& body_mark, std::size_t records) {
    if (!next) return std::nullopt;
    if (next->pages_before >= stream_.pagination.max_pages)
        return Error{.code = Code::page_limit,
                     .message = "the read has more than " + std::to_string(stream_.pagination.max_pages) + " pages",
                     .hint = "If the list is that long, raise pagination.max_pages."};
    if (seen_tokens_.contains(next->token)) return loop_error("the upstream gave the same page token twice");
    if (records > 0 && body_mark == last_page_mark_) return loop_error("the upstream answered two pages in a row with the same records");
    last_page_mark_ = body_mark;
    empty_pages_ = records > 0 ? 0 : empty_pages_ + 1;
    if (empty_pages_ >= kMostEmptyPages) return loop_error("the upstream answered " + std::to_string(kMostEmptyPages) + " empty pages in a row");
    return std::nullopt;
}

void Sync::learn_positions(const Decoded& page) {
    if (!stream_.cursor) return;
    using Order = Cursor::Order;
    const Order order = stream_.cursor->order;
    if (order == Order::asc) order_holds_ &= page.ascending && (!previous_ || !page.first || *page.first >= *previous_);
    if (order == Order::desc) order_holds_ &= page.descending && (!previous_ || !page.first || *page.first <= *previous_);
    if (page.last) previous_ = page.last;
    // Without its bound a feed out of order has no place to stop early, not even after a crash.
    if (order == Order::desc && stream_.cursor->filter == Cursor::Filter::client && !order_holds_) state_.start.reset();

    // A row that changes while the list is walked may hide behind pages already read. For times the ceiling is below such changes; numbers
    // have none, so that, unless the list is ascending, only the first page tells how far it is safe to go.
    const bool counts = is_time(stream_.cursor->type) || state_.page.first() || (order == Order::asc && order_holds_);
    if (page.highest && counts) state_.pending = std::max(state_.pending.value_or(*page.highest), *page.highest);
    // Oldest first and in order so far: everything up to here has been read.
    if (incremental_ && order == Order::asc && order_holds_ && state_.pending)
        state_.cursor = std::max(state_.cursor.value_or(*state_.pending), *state_.pending);
}

// Newest first, filtered by us: once a page reaches strictly below the bound, all further rows are known.
bool Sync::reached_known_rows(const Decoded& page) const {
    if (!incremental_ || !stream_.cursor || !state_.start) return false;
    const Cursor& cursor = *stream_.cursor;
    return cursor.filter == Cursor::Filter::client && cursor.order == Cursor::Order::desc && page.lowest && *page.lowest < *state_.start;
}

// The read is complete: what was pending is now the cursor, which never moves backwards.
void Sync::finish_read() {
    if (state_.pending) state_.cursor = std::max(state_.cursor.value_or(*state_.pending), *state_.pending);
    state_.reading = false;
    state_.full_refresh = false;
    state_.pending.reset();
    state_.start.reset();
    state_.page = Page{};
}

Action Sync::fail(Error error, Timestamp now, std::optional<Duration> asked_wait) {
    // A read that went in circles, or whose token is gone, does not go on from there.
    if (error.code == Code::cursor_loop || error.code == Code::page_limit || error.code == Code::page_token_expired) {
        state_.reading = false;
        state_.pending.reset();
        state_.start.reset();
        state_.page = Page{};
    }
    error.message = without_secrets(std::move(error.message), account_);
    error.detail = without_secrets(std::move(error.detail), account_);
    ++state_.failures;
    Fail failed{.error = std::move(error), .state = state_, .tally = take_tally()};
    if (failed.error.code == Code::needs_reauth) return failed;
    const Duration wait = backoff(retry_rule(source_.retry, failed.error.code), state_.failures, random());
    failed.retry_at = now + std::max(wait, asked_wait.value_or(Duration{0}));
    return failed;
}

// xorshift64*: the jitter needs no better, and a seed makes tests repeatable.
double Sync::random() {
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return static_cast<double>((random_ * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

Tally Sync::take_tally() { return std::exchange(tally_, Tally{}); }

}  // namespace upstream::core
