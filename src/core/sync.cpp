#include "core/sync.hpp"

#include <algorithm>
#include <utility>

#include "core/backoff.hpp"
#include "core/excerpt.hpp"
#include "core/paginate.hpp"
#include "core/sign.hpp"
#include "core/token.hpp"
#include "core/usage.hpp"

namespace upstream::core {
namespace {

using Do = ResponseRule::Do;

constexpr std::int64_t kPartsAtOnce = 1000;
constexpr int kMostRestarts = 3;
constexpr std::size_t kBeginning = 65'536;  // of an answer that is no JSON, for rules that look for a text in it

// Whether a refused page token is a likely reason for this answer.
bool may_be_expired_token(const Stream& stream, const Page& page, int status) {
    using Type = Pagination::Type;
    const Type type = stream.pagination.type;
    const bool token = type == Type::cursor || type == Type::link_header || type == Type::next_url;
    return token && !page.first() && status >= 400 && status < 500 && status != 401 && status != 403 && status != 408 && status != 429;
}

}  // namespace

Sync::Sync(const Source& source, const Stream& stream, Layout layout, Account account, State state, std::uint64_t seed, std::vector<ListReader> readers)
    : source_(source), stream_(stream), readers_(std::move(readers)), layout_(std::move(layout)), account_(std::move(account)), state_(std::move(state)), committed_(state_), random_(seed | 1U) {}

Action Sync::start(Timestamp now) {
    if (!state_.read) begin_run(now);
    began_ = has_read_nothing() ? now : state_.read->started_at;
    if (auto error = prepare()) return fail(std::move(*error), now);
    from_first_page_ = state_.read->page.first();
    if (stream_.key_occurrence && state_.read->part && !waits_for_lists() && !occurrences_.covers(state_.read->page.records_before)) restart_slice();
    previous_ = state_.read->pending;  // what the next page must not contradict, if the list is in order
    if (!state_.read->list.empty()) return resume_list(now);
    return go_on(now);
}

Action Sync::on(Event event, Timestamp now) {
    if (within_) {
        if (const auto* ready = std::get_if<TokenReady>(&event)) account_.token = ready->token;
        return pass_on(within_->on(std::move(event), now), now);
    }
    return std::visit([&](auto&& happened) { return on_event(std::forward<decltype(happened)>(happened), now); }, std::move(event));
}

// ---------------------------------------------------------------- the run

// Whether a read that goes on broke off before its first page.
bool Sync::has_read_nothing() const {
    const Progress& read = *state_.read;
    const bool at_the_beginning = is_plain() && read.page.first() && read.slices == 0 && !read.ended && !read.read_all;
    return at_the_beginning && !read.pending && !read.pending_opaque && !read.unsure && !read.incomplete && read.lists.empty() && read.list.empty();
}

void Sync::begin_run(Timestamp now) {
    Progress& read = state_.read.emplace();
    read.started_at = began_ = now;
    read.full = !stream_.incremental || state_.full_refresh;
    queue_.clear();
    if (read.full) return;
    Duration widest{0};
    for (std::size_t i = 0; i < stream_.rescan.size(); ++i) {
        if (i >= state_.kept.rescan_due.size() || state_.kept.rescan_due[i] > now) continue;
        const auto lookback = resolve_interval(stream_.rescan[i].lookback, account_, "rescan.lookback");
        if (!lookback || *lookback <= widest) continue;
        widest = *lookback;
        read.tier = i;
    }
}

// What a run needs to know before its first request, whether it begins or goes on.
std::optional<Error> Sync::prepare() {
    Progress& read = *state_.read;
    if (read.tier && *read.tier >= stream_.rescan.size()) read.tier.reset();
    Result<Window> window = resolve_window(stream_, account_, read.started_at, read.tier);
    if (!window) return window.error();
    window_ = std::move(*window);
    if (stream_.every_from)
        if (const auto every = resolve_interval({.from = stream_.every_from}, account_, "every"); !every) return every.error();
    if (is_plain()) {
        if (!read.part && !read.read_all) open_part(Part{});
        return std::nullopt;
    }
    Result<std::vector<Words>> all = combinations(stream_, account_);
    if (!all) return all.error();
    combinations_ = std::move(*all);
    return std::nullopt;
}

Action Sync::go_on(Timestamp now) {
    if (!state_.read->lists.empty()) return open_list(now);
    if (std::exchange(state_.read->ended, false)) return give(empty_batch(), Ending{}, now);
    if (state_.read->read_all) return finish_without_rows();
    if (state_.read->part) return fetch(now);
    if (queue_.empty()) return find_parts();
    Part part = std::move(queue_.front());
    queue_.pop_front();
    open_part(std::move(part));
    return fetch(now);
}

// A failure, and all else that relies on what is committed, waits for the batches that are still being written.
Action Sync::ordered(Action action) {
    if (given_.empty()) return action;
    deferred_ = std::move(action);
    return Await{};
}

Action Sync::find_parts() {
    std::int64_t at_most = kPartsAtOnce;
    if (stream_.parent && stream_.parent->limit) at_most = std::min(at_most, *stream_.parent->limit - state_.read->partitions);
    if (at_most <= 0) return finish_without_rows();
    in_flight_ = true;
    return ordered(FindParts{.combinations = combinations_, .at_most = at_most, .started_at = state_.read->started_at});
}

Action Sync::on_event(PartsFound event, Timestamp now) {
    in_flight_ = false;
    if (!state_.read->lists.empty()) return begin_list(std::move(event.parts), now);
    if (event.parts.empty()) return finish_without_rows();
    std::move(event.parts.begin(), event.parts.end(), std::back_inserter(queue_));
    return go_on(now);
}

// The end of a run whose last page has come before.
Action Sync::finish_without_rows() {
    Apply apply;
    apply.last = true;
    apply.started_at = state_.read->started_at;
    apply.full = state_.read->full;
    apply.abandons = stream_.replaces();  // no partition is open, so that nothing may wait
    apply.read_began = began_;
    apply.sweeps = stream_.sweeps() && state_.read->full && !state_.read->incomplete;
    apply.notice = state_.read->notice;
    apply.batch = empty_batch();
    finish_run();
    state_.failures = 0;
    apply.state = state_;
    apply.tally = take_tally();
    given_.push_back({.state = state_, .tally = apply.tally, .last = true});
    return apply;
}

void Sync::finish_run() {
    const Progress& read = *state_.read;
    std::vector<Timestamp>& due = state_.kept.rescan_due;
    const auto lookback = [&](std::size_t i) {
        const auto span = resolve_interval(stream_.rescan[i].lookback, account_, "rescan.lookback");
        return span ? *span : Duration{0};
    };
    due.resize(std::min(due.size(), stream_.rescan.size()));
    for (std::size_t i = 0; i < stream_.rescan.size(); ++i) {
        const auto every = resolve_interval(stream_.rescan[i].every, account_, "rescan.every");
        const Timestamp next = read.started_at + (every ? *every : Duration{std::chrono::hours(24)});
        if (i >= due.size()) {
            due.push_back(next);  // the first read has seen everything
        } else if (read.full || (read.tier && lookback(i) <= lookback(*read.tier))) {
            due[i] = next;
        }
    }
    if (read.full) state_.full_refresh = false;
    done_notice_ = read.notice;
    state_.read.reset();
}

Action Sync::on_event(Applied, Timestamp now) {
    const bool last = given_.front().last;
    committed_ = std::move(given_.front().state);
    given_.pop_front();
    if (!given_.empty()) return Await{};
    if (deferred_) return *std::exchange(deferred_, std::nullopt);
    if (last) {
        const std::string requests = run_requests_ == 1 ? "1 request" : std::to_string(run_requests_) + " requests";
        return Done{done_notice_.empty() ? requests : requests + "; " + done_notice_};
    }
    if (in_flight_) return Await{};
    return go_on(now);
}

// What the pages taught was not committed, so it is forgotten; that they were asked for is not.
Action Sync::on_event(Refused event, Timestamp now) {
    state_ = committed_;
    for (const Given& given : given_) {
        tally_.requests += given.tally.requests;
        tally_.pages += given.tally.pages;
        tally_.received += given.tally.received;
        tally_.bytes += given.tally.bytes;
    }
    given_.clear();
    deferred_.reset();
    if (event.from == Refused::From::run) state_.read.reset();
    if (event.from == Refused::From::slice && state_.read) state_.read->page = Page{};
    return fail(std::move(event.error), now);
}

Action Sync::fail(Error error, Timestamp now, std::optional<Duration> asked_wait) {
    // A slice that went in circles, or whose token is gone, does not go on from there.
    const bool circles = error.code == Code::cursor_loop || error.code == Code::page_limit || error.code == Code::page_token_expired;
    if (circles && state_.read && is_plain() && !window_.cursor.step) {
        state_.read.reset();
    } else if (circles && state_.read) {
        state_.read->page = Page{};
    }
    error.message = without_secrets(std::move(error.message), account_);
    error.detail = without_secrets(std::move(error.detail), account_);
    ++state_.failures;
    Fail failed{.error = std::move(error), .state = state_, .tally = take_tally()};
    if (failed.error.code == Code::needs_reauth) return ordered(std::move(failed));
    const Duration wait = backoff(retry_rule(source_.retry, failed.error.code), state_.failures, random());
    failed.retry_at = now + std::max(wait, asked_wait.value_or(Duration{0}));
    return ordered(std::move(failed));
}

// ---------------------------------------------------------------- one request

Result<Request> Sync::next_request(Timestamp now) {
    const Progress& read = *state_.read;
    const bool bounded = !read.full || window_.cursor.step;
    const Bounds bounds = bounded ? window_.widened({.start = read.start, .end = read.end, .opaque = read.opaque}) : Bounds{};
    Result<Request> request = build_request(source_, stream_, account_, read.page, bounds, read.started_at, read.part->values, now);
    if (!request || stream_.conditional == Stream::Conditional::off || read.full || read.slices > 0 || !read.page.first()) return request;
    const Validator& known = validator();
    if (!known.empty() && known.url == std::to_string(mark_of(request->url)))
        request->headers.emplace_back(stream_.conditional == Stream::Conditional::etag ? "If-None-Match" : "If-Modified-Since", known.value);
    return request;
}

Fetch Sync::send(Request request) {
    url_ = request.url;
    guard_.asked(state_.read->page);
    ++tally_.requests;
    ++run_requests_;
    in_flight_ = true;
    return Fetch{std::move(request)};
}

Action Sync::fetch(Timestamp now) {
    if (needs_token(auth_for(source_, stream_, account_), account_.token, now) && !token_was_refreshed_) {
        in_flight_ = true;
        return GetToken{};
    }
    Result<Request> request = next_request(now);
    if (!request) return fail(request.error(), now);
    return send(std::move(*request));
}

// The request of the page that follows, if nothing has to happen first.
std::optional<Fetch> Sync::fetch_ahead(Timestamp now) {
    if (!state_.read || !state_.read->part || waits_for_lists()) return std::nullopt;
    if (needs_token(auth_for(source_, stream_, account_), account_.token, now)) return std::nullopt;
    Result<Request> request = next_request(now);
    if (!request) return std::nullopt;  // fetch() will say why
    return send(std::move(*request));
}

Action Sync::on_event(Broken event, Timestamp now) {
    in_flight_ = false;
    return fail(std::move(event.error), now);
}

Action Sync::on_event(TokenReady event, Timestamp now) {
    in_flight_ = false;
    account_.token = std::move(event.token);
    token_was_refreshed_ = true;  // even if it is short-lived: it is tried before another is asked for
    return fetch(now);
}

Action Sync::on_event(TokenRefused event, Timestamp now) {
    in_flight_ = false;
    const std::optional<Timestamp> retry_at = event.error.code == Code::needs_reauth ? std::nullopt : event.retry_at;
    Action failed = fail(std::move(event.error), now);
    if (retry_at) std::get<Fail>(deferred_ ? *deferred_ : failed).retry_at = retry_at;
    return failed;
}

Action Sync::unauthorized(Error error, Timestamp now) {
    if (!auth_for(source_, stream_, account_).has_token() || refused_before_ || !account_.token) return fail(std::move(error), now);
    refused_before_ = true;
    in_flight_ = true;
    return GetToken{.refused = account_.token->access};
}

// The page token is gone: once per run the read begins anew from the committed cursor.
Action Sync::restart_read(Error error, Timestamp now) {
    if (restarted_) return fail(std::move(error), now);
    restarted_ = true;
    if (window_.cursor.step) {
        restart_slice();
    } else if (is_plain()) {
        begin_run(now);
        if (auto wrong = prepare()) return fail(std::move(*wrong), now);
    } else {
        open_read();
    }
    return fetch(now);
}

Action Sync::shrink(Error error, Timestamp now) {
    Page& page = state_.read->page;
    const std::optional<Page> smaller = shrunk(stream_.pagination, page);
    if (!smaller) return fail(std::move(error), now);
    page = *smaller;
    return fetch(now);
}

Action Sync::react_to(Reaction reaction, const Response& response, Timestamp now) {
    switch (reaction.action) {
        case Do::rate_limited: return fail(std::move(reaction.error), now, asked_wait(source_, response, now, true));
        case Do::refresh_then_retry: return unauthorized(std::move(reaction.error), now);
        case Do::shrink_page: return shrink(std::move(reaction.error), now);
        case Do::skip_partition: return take_nothing(response, true, now);
        case Do::empty: return take_nothing(response, false, now);
        case Do::reset_pagination:
            if (++restarts_ > kMostRestarts || state_.read->page.first()) return fail(std::move(reaction.error), now);
            restart_slice();
            return fetch(now);
        default: break;
    }
    if (reaction.action == Do::fail && !reaction.by_rule && may_be_expired_token(stream_, state_.read->page, response.status)) {
        reaction.error.code = Code::page_token_expired;
        return restart_read(std::move(reaction.error), now);
    }
    return fail(std::move(reaction.error), now, asked_wait(source_, response, now));
}

Action Sync::on_event(Answered event, Timestamp now) {
    Response& response = event.response;
    in_flight_ = false;
    tally_.bytes += static_cast<std::int64_t>(response.wire_bytes);
    const std::uint64_t mark = mark_of(response.body);
    const bool has_rules = !stream_.responses.empty() || !source_.responses.empty();
    const bool good = response.status >= 200 && response.status < 300;
    if (!good && !has_rules) {
        Reaction reaction = react(source_, stream_, response, nullptr, "");
        return react_to(std::move(reaction), response, now);
    }
    const std::string beginning = has_rules ? response.body.substr(0, kBeginning) : std::string{};
    auto document = read_body(stream_, good ? std::move(response.body) : response.body);
    Reaction reaction = react(source_, stream_, response, document ? document->get() : nullptr, beginning);
    if (reaction.action != Do::ok) return react_to(std::move(reaction), response, now);
    if (!document) return fail(document.error(), now);
    token_was_refreshed_ = false;
    refused_before_ = false;
    return take_page(response, std::move(*document), mark, now);
}

// ---------------------------------------------------------------- small things

// xorshift64*: the jitter needs no better, and a seed makes tests repeatable.
double Sync::random() {
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return static_cast<double>((random_ * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

Tally Sync::take_tally() { return std::exchange(tally_, Tally{}); }

}  // namespace upstream::core
