// One row of a stream: what identifies it, and how its columns are derived and written.
//
// Only what changes is stored; every other column follows from `key` (and `revision`), so that the JSON a request
// gets and the line the oracle answers cannot disagree about anything but their notation.
#pragma once

#include <cstdint>
#include <string>

namespace simulator {

struct Row {
    std::string id;
    std::uint64_t key = 0;  // seeds the derived columns
    std::int64_t seq = 0;
    std::int64_t created_us = 0;
    std::int64_t updated_us = 0;
    std::int64_t revision = 1;
    std::string json;  // the row as answers carry it, always current
};

// Writes row.json from the other members.
void render_json(Row& row);

// Appends the row as a line of COPY text: id, seq, name, amount, quantity, active, created_at, updated_at, day, uuid,
// tags, nested, rev.
void append_copy_line(std::string& out, const Row& row);

}  // namespace simulator
