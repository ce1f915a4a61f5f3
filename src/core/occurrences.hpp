// Which of several equal rows one is, for rows without identity that may truly come more than once (primary_key.occurrence).
//
// Within a slice rows are counted in the order of its list. The first of equal rows is known by its hash alone, the n-th by the hash and "#n". A slice holds all
// rows that equal one another or none of them, because the cursor's field is part of the hash (read_source() sees to that), and rows of different partitions
// are never equal. So a row gets its number again whenever it is read again: by a later run that looks back, in pages with other borders, or across the edge
// of two slices. A read that ends early numbers fewer rows, and those as the whole one would.
//
// Counting goes on after a crash: what was counted is kept as one mark a record (Marks), in the commit that holds the record's row, while the slice lasts. A
// record's place in the slice says what is known before it, so that an offset read that overlaps counts no record twice. Where less is known than the
// page's place demands, the slice has to begin anew.
//
// Marks are hashes of 64 bits: of two rows that are different and share one, the later would be numbered too high, and would still be known by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/batch.hpp"

namespace upstream::core {

// The records of a slice from `first` on; what was known from there on is void. 0 for a record that makes no row.
struct Marks {
    std::int64_t first = 0;
    std::vector<std::uint64_t> of_records{};
};

class Occurrences {
  public:
    // Numbers the rows of a page that so many records of its slice precede.
    Marks number(Batch& batch, std::span<const Field> fields, std::int64_t records_before);

    // What was kept; in the order in which it was.
    void recall(const Marks& marks);

    // Whether all is known that precedes a page.
    [[nodiscard]] bool covers(std::int64_t records_before) const { return static_cast<std::int64_t>(marks_.size()) >= records_before; }

  private:
    void cut(std::int64_t records);
    std::int64_t add(std::uint64_t mark);

    std::vector<std::uint64_t> marks_{};            // of the slice's records
    std::map<std::uint64_t, std::int64_t> counts_{};
};

// What stands between a key's text and its number, which no JSON holds outside of a string nor in one.
inline constexpr char kOccurrence = '\x1f';

}  // namespace upstream::core
