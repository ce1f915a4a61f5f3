// The bounds of a run: where its reads begin and end, how they are cut into slices, and what is sent of that.
//
// Bounds are kept as they are meant and widened only when they are sent: outward to the upstream's granularity, and by one more unit of it if the
// upstream leaves out equal values; so nothing at an edge is lost, and what comes twice is written once.
#pragma once

#include <cstdint>
#include <optional>

#include "core/account.hpp"
#include "core/build_request.hpp"
#include "core/cursor.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

struct Window {
    Cursor cursor;                      // lookback, step and retention resolved for the account
    std::optional<Position> initial{};  // where the first run begins
    std::optional<Position> end{};      // where every run ends; absent for numbers and opaque cursors
    std::optional<Position> floor{};    // retention: no bound is older
    std::optional<Position> ceiling{};  // how far the cursor may move
    std::optional<Position> rescan{};   // where the run's rescan begins
    Timestamp started_at{};

    // Whether a cursor is older than what the upstream still has, so that only a full read catches up.
    [[nodiscard]] bool too_old(const std::optional<Position>& cursor) const;

    // Where a read begins: behind the cursor (nothing: it has none yet); a full read only where slices need a beginning.
    [[nodiscard]] std::optional<Position> begin(const std::optional<Position>& cursor, bool full) const;

    // Where the slice that begins at `start` ends.
    [[nodiscard]] std::optional<Position> slice_end(const std::optional<Position>& start) const;

    // The bounds as they are sent.
    [[nodiscard]] Bounds widened(Bounds bounds) const;
};

// Code::invalid_spec if a setting of the account that it needs is missing or makes no sense.
Result<Window> resolve_window(const Stream& stream, const Account& account, Timestamp started_at, std::optional<std::size_t> tier);

// A span of the spec, or of the account's setting that it names.
Result<Duration> resolve_interval(const Interval& interval, const Account& account, const char* key);

}  // namespace upstream::core
