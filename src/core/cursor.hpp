// Cursors: how far the committed data reaches, as a value that can be compared.
//
// A position is always a value seen in the data (I3), held as a 64-bit integer: microseconds since 1970 for timestamp and date,
// the number itself for integer. Its text in model_state is canonical: ISO 8601 in UTC, a date, or digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/path.hpp"
#include "core/result.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

using Position = std::int64_t;

struct Cursor {
    enum class Type { timestamp, date, integer, opaque };
    enum class Filter { server, client, none };
    enum class Order { asc, desc, unknown };

    Path field;
    std::vector<Path> max_of{};  // instead of field: the largest of several
    Type type = Type::timestamp;
    TimeFormat format = TimeFormat::iso;  // how records write it, and how it is sent unless the placeholder says otherwise
    Filter filter = Filter::client;
    Order order = Order::unknown;
    std::optional<Text> initial{};  // where the first run begins
    std::optional<Text> end{};      // upper bound of a run; its start if absent
    Position lookback = 0;          // microseconds, or a number for integer
    bool advance_to_slice_end = false;           // else to the highest value seen
    std::optional<Duration> step{};              // length of a slice; without it one slice reaches to the end
    bool exclusive = false;                      // the upstream's bounds leave out equal values
    Duration granularity = Duration{1};          // smallest unit that the upstream's bounds know
    std::optional<Duration> retention{};         // no bound is older; an older cursor is followed by a full read
    std::optional<Text> lookback_from{}, step_from{}, retention_from{};  // instead of the above: a setting of the account
};

// The record's position; nothing if the field is missing or null; Code::decode if it cannot be read.
Result<std::optional<Position>> read_position(const Cursor& cursor, json::Value record);

// Canonical text and back. from_text also accepts what a person types (a date for a timestamp).
[[nodiscard]] std::string to_text(Cursor::Type type, Position position);
[[nodiscard]] std::optional<Position> from_text(Cursor::Type type, std::string_view text);

// A bound as it is sent: in `format` if there is one, else in the cursor's own.
[[nodiscard]] std::string render_bound(const Cursor& cursor, Position position, const std::optional<TimeFormat>& format, Round round);

// position - lookback, without wrapping around.
[[nodiscard]] Position look_back(const Cursor& cursor, Position position);

}  // namespace upstream::core
