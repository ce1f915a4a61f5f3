// What the database keeps of a model between pages, runs and crashes, as plain data, and its JSON.
//
// A run is a list of reads, one for each partition (a plain stream has one); a read is a list of slices (cursor.step), a slice a list of pages. Progress says
// where in that tree the run stands, so that it goes on there after a failure or a crash. It is one JSON column of model_state that no index covers: a
// new member needs no new column, and saving it is a HOT update. Kept is what outlives a run besides the cursor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/build_request.hpp"
#include "core/cursor.hpp"
#include "core/partition.hpp"

namespace upstream::core {

// What an answer said about itself (ETag or Last-Modified), for a conditional request to the same URL.
struct Validator {
    std::string url{};  // a hash of it
    std::string value{};

    [[nodiscard]] bool empty() const { return value.empty(); }
};

// One read's subject, and what partition_state knows of it. A plain stream's has no ids, and its cursor is the model's.
struct Part {
    PartitionValues values{};
    std::vector<std::string> ids{};                   // partition_id() of each parent; one without parents
    std::vector<std::optional<std::string>> seen{};   // of each id: the value of parent.only_changed
    std::optional<Position> cursor{};                 // how far its committed data reaches
    std::optional<std::string> opaque{};              // the same for a cursor of type opaque
    Validator validator{};
};

// A list inside a record that goes on elsewhere (expand.more), and is to be read before anything that comes after its record.
struct OpenList {
    std::string stream{};  // that reads the rest
    Words parent{};        // by what it knows its parent: the columns' values as the record has them

    bool operator==(const OpenList&) const = default;
};

struct Progress {
    Timestamp started_at{};             // of the run that began it: "now" for its bounds, and the generation of its rows
    bool full = false;                  // it takes everything, whatever the cursor
    std::optional<std::size_t> tier{};  // the widest rescan that it carries out
    std::int64_t partitions = 0;        // parents and combinations that are complete
    bool incomplete = false;            // some of them, or rows of them, were left out: what the run has not met may still be there
    bool read_all = false;              // nothing is left to ask for; what the run has not met is still to be taken out
    std::optional<Part> part{};         // the one that is being read

    // The slice that is being read.
    std::optional<Position> start{}, end{};
    std::optional<std::string> opaque{};  // instead of start
    std::optional<Position> pending{};    // highest position seen in the read
    std::optional<std::string> pending_opaque{};
    Page page{};                          // the page that comes next
    std::int64_t slices = 0;              // slices of this read that are complete
    bool unsure = false;                  // the list shifted so often that rows may be missing: the cursor stays

    // Lists inside the records of pages that are committed. Until they are complete no page follows, the slice does not end, and the cursor does not move.
    std::vector<OpenList> lists{};
    bool ended = false;                    // the slice has no more pages, and ends with them
    bool held = false;                     // the cursor moves to `pending` with them
    std::vector<Progress> list{};          // the run within the run that reads the first of them, once it has begun: one at most
    Cursor::Type list_cursor = Cursor::Type::integer;  // of its stream

    std::string notice{};  // what a person should know though nothing failed
};

struct Kept {
    std::vector<Timestamp> rescan_due{};  // of each tier; a missing one is due when the first read is complete
    Validator validator{};                // of a plain stream
};

struct State {
    std::optional<Position> cursor{};    // how far the committed data reaches
    std::optional<std::string> opaque{}; // the same for a cursor of type opaque
    int failures = 0;                    // in a row
    bool full_refresh = false;           // the next (or present) read takes everything
    std::optional<Progress> read{};      // half done
    Kept kept{};

    [[nodiscard]] bool reading() const { return read.has_value(); }
};

// Texts for the database and back. What cannot be read counts as absent (the spec has changed since).
[[nodiscard]] std::string to_json(const Progress& progress, Cursor::Type type);
[[nodiscard]] std::optional<Progress> progress_from_json(std::string_view json, Cursor::Type type);
[[nodiscard]] std::string to_json(const Kept& kept);
[[nodiscard]] Kept kept_from_json(std::string_view json);

}  // namespace upstream::core
