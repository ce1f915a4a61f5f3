// One read of a run: its slices, and what each page teaches.
#include <algorithm>
#include <limits>
#include <utility>

#include "core/drift.hpp"
#include "core/paginate.hpp"
#include "core/rows.hpp"
#include "core/sync.hpp"

namespace upstream::core {
namespace {

constexpr int kMostRestarts = 3;
constexpr Duration kHonestClock = std::chrono::hours(24);  // one that is no further ahead of ours may be right
constexpr Duration kHonestSlack = std::chrono::hours(24);  // bounds are rounded to the day at most

bool is_time(Cursor::Type type) { return type == Cursor::Type::timestamp || type == Cursor::Type::date; }

std::optional<Position> later(const std::optional<Position>& a, const std::optional<Position>& b) {
    if (!a || !b) return a ? a : b;
    return std::max(*a, *b);
}

bool has_open_lists(const Batch& batch) {
    return std::any_of(batch.inner.begin(), batch.inner.end(), [](const Batch& list) { return !list.cut.empty(); });
}

}  // namespace

void Sync::open_part(Part part) {
    state_.read->part = std::move(part);
    open_read();
}

// What placeholders in columns mean.
Lookup Sync::column_values() const {
    return [this, of_account = account_lookup(account_)](const Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return format_time(state_.read->started_at, time_format(p.format).value_or(TimeFormat::iso));
        if (p.root == "account") return of_account(p);
        return state_.read->part ? state_.read->part->values.find(p) : std::nullopt;
    };
}

// No rows, in the shape of those that have some.
Batch Sync::empty_batch() const {
    Batch batch;
    batch.documents.push_back(std::make_shared<const json::Document>(std::move(*json::Document::parse("null"))));
    RowMaker{layout_, batch.documents.front()->root(), column_values(), batch};
    return batch;
}

void Sync::open_read() {
    Progress& read = *state_.read;
    const bool too_old = window_.too_old(cursor());
    if (too_old && !read.full)
        notice("the cursor is older than the upstream's retention: everything that is left there is read again, but rows may be missing");
    read.pending.reset();
    read.pending_opaque.reset();
    read.slices = 0;
    read.unsure = false;
    read.start = window_.begin(cursor(), read.full || too_old);
    read.end = window_.slice_end(read.start);
    read.opaque = read.full ? std::nullopt : opaque();
    begin_slice();
}

void Sync::begin_slice() {
    restarts_ = 0;
    restart_slice();
}

void Sync::restart_slice() {
    state_.read->page = Page{};
    guard_.clear();
    previous_.reset();
    order_holds_ = true;
    from_first_page_ = true;
}

Action Sync::take_page(const Response& response, std::shared_ptr<const json::Document> document, std::uint64_t mark, Timestamp now) {
    std::optional<Position> insane;
    if (stream_.cursor && is_time(stream_.cursor->type)) insane = (now + kHonestClock).time_since_epoch().count();
    Result<Decoded> page = decode(stream_, layout_, std::move(document), {.ceiling = window_.ceiling, .insane = insane}, column_values());
    if (!page) return fail(page.error(), now);
    if (page->placed > 1 && page->beyond == page->placed)
        return fail({.code = Code::cursor_insane,
                     .message = "every record of the page lies more than a day in the future",
                     .detail = "The lowest cursor value is " + to_text(stream_.cursor->type, *page->lowest) + ".",
                     .hint = "Check the cursor's field and format; the cursor has not moved."},
                    now);
    ++tally_.pages;
    tally_.received += static_cast<std::int64_t>(page->records);

    State before = state_;
    auto next = page_after(response, *page, mark);
    if (!next) {
        state_ = std::move(before);
        return fail(next.error(), now);
    }
    if (stream_.conditional != Stream::Conditional::off && before.read->page.first() && state_.read->slices == 0) keep_validator(response, !*next);
    if (!*next || !(*next)->first()) note_lists(page->batch);  // a slice that begins anew meets them again
    if (waits_for_lists()) validator() = Validator{};          // as long as they are not complete, something has changed
    Ending ending{.next = std::move(*next)};
    if (stream_.key_occurrence) ending.marks = occurrences_.number(page->batch, layout_.fields, before.read->page.records_before);
    return give(std::move(page->batch), std::move(ending), now);
}

// What follows a page; nothing if the slice ends with it.
Result<std::optional<Page>> Sync::page_after(const Response& response, const Decoded& page, std::uint64_t mark) {
    const Page& here = state_.read->page;
    const json::Value root = page.document->root();
    auto next = next_page(source_, stream_, here, url_, response, root, page.records);
    if (!next) return next;
    learn_positions(page);
    notice_ignored_filter(page);
    if (reached_known_rows(page)) next->reset();
    const bool watched = minds_drift(stream_.pagination);
    if (watched) {
        Turn turn = mind_drift(stream_.pagination, here, std::move(*next), record_marks(page.batch, layout_.fields),
                               stated_total(stream_.pagination, response, root));
        if (turn.restart && restarts_ < kMostRestarts) {
            ++restarts_;
            restart_slice();
            return std::optional{Page{}};
        }
        if (turn.restart) {
            notice("the list kept shifting while it was read: rows may be missing, and the next run begins where this one did");
            state_.read->unsure = true;
            auto plain = next_page(source_, stream_, here, url_, response, root, page.records);
            turn.next = std::move(*plain);
        }
        *next = std::move(turn.next);
    }
    if (*next)
        if (auto loop = guard_.check(stream_.pagination, **next, mark, page.records, watched)) return std::move(*loop);
    return next;
}

// An answer that brings no records and ends the slice, or the whole partition if it is left out of this run.
Action Sync::take_nothing(const Response& response, bool skipped, Timestamp now) {
    constexpr int kNotModified = 304;
    token_was_refreshed_ = false;
    refused_before_ = false;
    ++tally_.pages;
    if (skipped && stream_.write == Stream::Write::replace) state_.read->unsure = true;  // of a slice, and so of the read
    if (skipped) leave_out("a list was left out");
    return give(empty_batch(), Ending{.skipped = skipped && !is_plain(), .unread = skipped || response.status == kNotModified}, now);
}

// Of a stream that replaces. What a full read asks for has no bounds, but for the upstream's memory.
void Sync::say_what_is_replaced(Apply& apply, const Ending& ending) const {
    const Progress& read = *state_.read;
    if (!stream_.replaces()) return;
    if (read.full && !window_.cursor.step) apply.bounds = {.start = window_.floor};
    const bool whole_read = stream_.write == Stream::Write::replace;
    if (whole_read) apply.bounds = {};
    if (ending.next || (whole_read && has_more_slices() && !ending.skipped)) return;
    (read.unsure || ending.unread ? apply.abandons : apply.completes) = true;
}

// Hands a page over with the state that is true once it is committed, and asks for the one that follows.
Action Sync::give(Batch batch, Ending ending, Timestamp now) {
    Progress& read = *state_.read;
    Apply apply;
    apply.batch = std::move(batch);
    const bool waits = !ending.next && !ending.skipped && waits_for_lists();
    apply.slice_begins = read.page.first();
    apply.slice_ends = !ending.next && !waits;
    apply.slice = read.slices;
    apply.partition = read.part->values;
    apply.started_at = read.started_at;
    apply.read_began = began_;
    apply.full = read.full;
    apply.bounds = {.start = read.start, .end = read.end, .opaque = read.opaque};
    if (ending.marks && (!ending.next || ending.next->first())) {  // the slice ends or begins anew: what was kept of it goes
        if (!read.page.first()) apply.marks = Marks{};
    } else {
        apply.marks = std::move(ending.marks);
    }
    say_what_is_replaced(apply, ending);
    if (ending.next) {
        read.page = std::move(*ending.next);
    } else if (waits) {
        read.ended = true;
    } else if (ending.skipped || !finish_slice()) {
        end_part(apply, ending.skipped);
    }
    state_.failures = 0;
    apply.state = state_;
    apply.tally = take_tally();
    given_.push_back({.state = state_, .tally = apply.tally, .last = apply.last});
    if (!apply.last) apply.next = fetch_ahead(now);
    return apply;
}

// Of what is left out nobody can tell whether it is still there.
void Sync::leave_out(const char* what) {
    Progress& read = *state_.read;
    read.incomplete = true;
    if (stream_.sweeps() && read.full) notice(std::string{what} + ": rows that are gone were not looked for");
}

void Sync::end_part(Apply& apply, bool skipped) {
    Progress& read = *state_.read;
    if (read.unsure) leave_out("the list kept shifting");
    if (is_plain() && stream_.sweeps() && read.full && !read.incomplete) {
        read.part.reset();
        read.read_all = true;
        return;
    }
    if (is_plain()) {
        apply.last = true;
        apply.notice = read.notice;
        finish_run();
        return;
    }
    read.partitions += static_cast<std::int64_t>(std::max<std::size_t>(read.part->ids.size(), 1));
    apply.part_end = PartEnd{.part = std::move(*read.part), .skipped = skipped};
    read.part.reset();
    if (is_within_) {
        apply.last = true;
        apply.notice = read.notice;
        was_unsure_ = read.unsure;
        finish_run();
        return;
    }
    if (queue_.empty()) return;
    Part part = std::move(queue_.front());
    queue_.pop_front();
    open_part(std::move(part));
}

void Sync::learn_positions(const Decoded& page) {
    if (!stream_.cursor) return;
    using Order = Cursor::Order;
    Progress& read = *state_.read;
    const Order order = stream_.cursor->order;
    if (order == Order::asc) order_holds_ &= page.ascending && (!previous_ || !page.first || *page.first >= *previous_);
    if (order == Order::desc) order_holds_ &= page.descending && (!previous_ || !page.first || *page.first <= *previous_);
    if (page.last) previous_ = page.last;
    if (!order_holds_) notice(order == Order::desc ? "the list is not newest first, as the spec says: it is read to its end"
                                                   : "the list is not oldest first, as the spec says: the cursor waits for its end");
    // Without its bound a feed out of order has no place to stop early, not even after a crash.
    if (order == Order::desc && !order_holds_ && filters(Cursor::Filter::client)) read.start.reset();

    if (page.last_opaque && (order != Order::desc || read.page.first()))
        read.pending_opaque = order == Order::desc ? page.first_opaque : page.last_opaque;
    // A row that changes while the list is walked may hide behind pages already read. For times the ceiling is below such changes; numbers
    // have none, so that, unless the list is ascending, only the first page tells how far it is safe to go.
    const bool counts = is_time(stream_.cursor->type) || read.page.first() || (order == Order::asc && order_holds_);
    if (page.highest && counts) read.pending = later(read.pending, page.highest);
    // Oldest first and in order so far: everything up to here has been read, and is written.
    const bool follows = !stream_.replaces() && !read.full && !read.unsure && order == Order::asc && order_holds_ && read.pending;
    read.held = follows && has_open_lists(page.batch);
    if (follows && !read.held) cursor() = later(cursor(), read.pending);
}

// Rows that are older than asked for show that the upstream does not know the parameter. Nothing is lost: it gives more than we need.
void Sync::notice_ignored_filter(const Decoded& page) {
    const Progress& read = *state_.read;
    if (read.full || !read.start || !page.lowest || !filters(Cursor::Filter::server)) return;
    const Position slack = is_time(stream_.cursor->type) ? window_.cursor.granularity.count() + kHonestSlack.count() : 1;
    const Position asked = *read.start < std::numeric_limits<Position>::min() + slack ? *read.start : *read.start - slack;
    if (*page.lowest >= asked) return;
    filter_ignored_ = true;
    notice("the upstream seems to ignore the lower bound: it gave rows older than asked for");
}

// Newest first, filtered by us: once a page reaches strictly below the bound, all further rows are known. The bound of a list that is out of order is dropped,
// but for one that the upstream was asked to heed: it is still sent, so that after a crash such a list is read to its end.
bool Sync::reached_known_rows(const Decoded& page) const {
    const Progress& read = *state_.read;
    if (read.full || !stream_.cursor || !read.start || stream_.cursor->order != Cursor::Order::desc || !order_holds_) return false;
    const bool by_us = filters(Cursor::Filter::client) || (filters(Cursor::Filter::server) && filter_ignored_ && from_first_page_);
    return by_us && page.lowest && *page.lowest < *read.start;
}

bool Sync::has_more_slices() const {
    const Progress& read = *state_.read;
    return window_.cursor.step && read.start && read.end && window_.end && *read.end < *window_.end;
}

// The slice is complete: what was pending is now the cursor, which never moves backwards. True if another slice follows.
bool Sync::finish_slice() {
    Progress& read = *state_.read;
    const bool more = has_more_slices();
    if (stream_.cursor && !read.unsure) {
        std::optional<Position> reached = read.pending;
        if (more && reached) reached = std::min(*reached, *read.end);
        if (stream_.cursor->advance_to_slice_end && read.end && window_.ceiling) reached = later(reached, std::min(*read.end, *window_.ceiling));
        if (reached) cursor() = later(cursor(), reached);
        if (read.pending_opaque) opaque() = read.pending_opaque;
    }
    if (!more) return false;
    ++read.slices;
    read.start = read.end;
    read.end = window_.slice_end(read.start);
    begin_slice();
    return true;
}

// What proves later that nothing changed: the first page says so only if it was the only one, or if all news come first.
void Sync::keep_validator(const Response& response, bool single_page) {
    const auto value = response.header(stream_.conditional == Stream::Conditional::etag ? "etag" : "last-modified");
    const bool newest_first = stream_.cursor && stream_.cursor->order == Cursor::Order::desc && order_holds_;
    validator() = Validator{};
    if (value && (single_page || newest_first)) validator() = {.url = std::to_string(mark_of(url_)), .value = std::string{*value}};
}

void Sync::notice(std::string text) {
    std::string& all = state_.read->notice;
    if (all.find(text) != std::string::npos) return;
    all += (all.empty() ? "" : "; ") + text;
}

}  // namespace upstream::core
