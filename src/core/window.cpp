#include "core/window.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

namespace upstream::core {
namespace {

Error no_sense(const char* key, const Text& text, const char* what) {
    return Error{.code = Code::invalid_spec, .message = std::string{key} + " \"" + text.source() + "\" is not " + what};
}

bool is_time(Cursor::Type type) { return type == Cursor::Type::timestamp || type == Cursor::Type::date; }

Position minus(Position a, Position b) {
    constexpr Position kLeast = std::numeric_limits<Position>::min();
    return a < kLeast + b ? kLeast : a - b;
}

Position plus(Position a, Position b) {
    constexpr Position kMost = std::numeric_limits<Position>::max();
    return a > kMost - b ? kMost : a + b;
}

Position round_down(Position position, Position unit) {
    if (unit <= 1) return position;
    const Position over = position % unit;
    return position - (over < 0 ? over + unit : over);
}

Result<Position> instant(const Cursor& cursor, const Text& text, const Account& account, Timestamp now, const char* key) {
    const auto rendered = text.render(account_lookup(account));
    if (rendered && cursor.type == Cursor::Type::integer) {
        if (const auto value = from_text(cursor.type, *rendered)) return *value;
    } else if (rendered) {
        if (const auto value = parse_instant(*rendered, now)) return value->time_since_epoch().count();
    }
    return no_sense(key, text, "a point in time");
}

Result<Duration> span(const Text& text, const Account& account, const char* key) {
    const auto rendered = text.render(account_lookup(account));
    const auto value = rendered ? parse_interval(*rendered) : std::nullopt;
    if (!value) return no_sense(key, text, "an interval");
    return *value;
}

// The intervals that the account's settings state.
std::optional<Error> resolve_intervals(Cursor& cursor, const Account& account) {
    if (cursor.lookback_from && cursor.type == Cursor::Type::integer) {
        const auto value = instant(cursor, *cursor.lookback_from, account, {}, "cursor.lookback");
        if (!value || *value < 0) return no_sense("cursor.lookback", *cursor.lookback_from, "a number of at least 0");
        cursor.lookback = *value;
    } else if (cursor.lookback_from) {
        const auto value = span(*cursor.lookback_from, account, "cursor.lookback");
        if (!value) return value.error();
        cursor.lookback = value->count();
    }
    for (const auto& [from, into, key] : {std::tuple{&Cursor::step_from, &Cursor::step, "cursor.step"},
                                          std::tuple{&Cursor::retention_from, &Cursor::retention, "cursor.retention"}}) {
        if (!(cursor.*from)) continue;
        const auto value = span(*(cursor.*from), account, key);
        if (!value) return value.error();
        if (*value <= Duration{0}) return no_sense(key, *(cursor.*from), "an interval above zero");
        cursor.*into = *value;
    }
    return std::nullopt;
}

}  // namespace

Result<Duration> resolve_interval(const Interval& interval, const Account& account, const char* key) {
    if (!interval.from) return interval.span;
    return span(*interval.from, account, key);
}

Result<Window> resolve_window(const Stream& stream, const Account& account, Timestamp started_at, std::optional<std::size_t> tier) {
    Window window;
    window.started_at = started_at;
    if (!stream.cursor) return window;
    window.cursor = *stream.cursor;
    Cursor& cursor = window.cursor;
    if (auto error = resolve_intervals(cursor, account)) return std::move(*error);
    if (!is_time(cursor.type)) cursor.step.reset();
    if (cursor.initial && cursor.type != Cursor::Type::opaque) {
        const auto initial = instant(cursor, *cursor.initial, account, started_at, "cursor.initial");
        if (!initial) return initial.error();
        window.initial = *initial;
    }
    const Position now = started_at.time_since_epoch().count();
    if (cursor.end) {
        const auto end = instant(cursor, *cursor.end, account, started_at, "cursor.end");
        if (!end) return end.error();
        window.end = *end;
    } else if (is_time(cursor.type)) {
        window.end = now;
    }
    if (!is_time(cursor.type)) return window;
    window.ceiling = std::min(now, window.end.value_or(now));
    if (cursor.retention) window.floor = minus(now, cursor.retention->count());
    if (tier) {
        const auto lookback = resolve_interval(stream.rescan.at(*tier).lookback, account, "rescan.lookback");
        if (!lookback) return lookback.error();
        window.rescan = minus(now, lookback->count());
    }
    return window;
}

bool Window::too_old(const std::optional<Position>& from) const { return floor && from && *from < *floor; }

std::optional<Position> Window::begin(const std::optional<Position>& from, bool full) const {
    std::optional<Position> start;
    if (!full && from) {
        start = look_back(cursor, *from);
        if (rescan) start = std::min(*start, *rescan);
    } else if (!full || cursor.step) {
        start = initial;
        if (!start && cursor.step) start = floor;
    }
    if (start && floor) start = std::max(*start, *floor);
    return start;
}

std::optional<Position> Window::slice_end(const std::optional<Position>& start) const {
    if (!start || !cursor.step || !end) return end;
    return std::min(plus(*start, cursor.step->count()), std::max(*end, *start));
}

Bounds Window::widened(Bounds bounds) const {
    const bool time = is_time(cursor.type);
    const Position unit = time ? std::max<Position>(cursor.granularity.count(), 1) : 1;
    const Position outward = cursor.exclusive ? unit : 0;
    if (bounds.start) bounds.start = minus(round_down(*bounds.start, unit), outward);
    if (bounds.end) bounds.end = plus(unit > 1 ? round_down(plus(*bounds.end, unit - 1), unit) : *bounds.end, outward);
    return bounds;
}

}  // namespace upstream::core
