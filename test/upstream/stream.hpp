// The rows of one model (a stream of an account), kept in the three orders in which they can be asked for.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "random.hpp"
#include "row.hpp"

namespace simulator {

enum class Sort : std::uint8_t { updated_at, seq, id };

// Where a page ended. All three keys are kept; the sort says which of them count.
struct Position {
    std::int64_t updated_us = 0;
    std::int64_t seq = 0;
    std::string id;
};

// Inclusive bounds; the extremes mean "not asked for".
struct Filter {
    std::int64_t since_us = std::numeric_limits<std::int64_t>::min();
    std::int64_t until_us = std::numeric_limits<std::int64_t>::max();
    std::int64_t since_seq = std::numeric_limits<std::int64_t>::min();

    [[nodiscard]] bool by_time() const;
    [[nodiscard]] bool by_seq() const;
};

struct Wanted {
    Sort sort = Sort::updated_at;
    bool descending = false;
    Filter filter;
    std::optional<Position> after;  // a keyset position: stable while rows move
    std::size_t offset = 0;         // a count of rows: drifts while rows move
    std::size_t limit = 100;
};

struct Selection {
    std::vector<std::uint32_t> rows;  // for Stream::row()
    bool more = false;
    std::size_t total = 0;  // rows that pass the filter, wherever the page begins
};

struct StreamShape {
    std::size_t rows = 1000;
    std::size_t tie = 1;  // so many neighbours share their updated_at
    std::int64_t spacing_us = 1'000'000;
    std::int64_t start_us = 0;
};

class Stream {
  public:
    // `next_seq` is shared by all accounts of a stream: seq is one series of versions per stream.
    Stream(const std::string& account, const std::string& name, const StreamShape& shape, std::uint64_t seed,
           std::int64_t& next_seq);

    [[nodiscard]] Selection select(const Wanted& wanted) const;
    [[nodiscard]] const Row& row(std::uint32_t index) const { return rows_[index]; }
    [[nodiscard]] std::size_t size() const { return order_[0].size(); }
    [[nodiscard]] const std::vector<std::uint32_t>& by_id() const { return order_[2]; }

    // Changes, adds or removes that many rows, chosen by `random`, and answers how many it were. Rows of one call get
    // the current time in groups of three, so that ties come up among new versions too.
    std::size_t change(std::size_t count, Random& random, std::int64_t& next_seq);
    std::size_t insert(std::size_t count, std::int64_t& next_seq);
    std::size_t remove(std::size_t count, Random& random);

  private:
    using Order = std::vector<std::uint32_t>;

    [[nodiscard]] const Order& order(Sort sort) const { return order_[static_cast<std::size_t>(sort)]; }
    [[nodiscard]] static std::strong_ordering compare(Sort sort, const Row& row, const Position& position);
    [[nodiscard]] std::size_t upper(Sort sort, const Position& position) const;
    [[nodiscard]] std::size_t lower(Sort sort, const Position& position) const;
    [[nodiscard]] std::size_t first_at_or_after(Sort sort, std::int64_t key) const;
    [[nodiscard]] std::size_t count(const Filter& filter) const;
    [[nodiscard]] static bool passes(const Row& row, const Filter& filter);
    [[nodiscard]] Row new_row(std::int64_t time, std::int64_t& next_seq) const;
    void link(Sort sort, std::uint32_t index);
    void unlink(Sort sort, std::uint32_t index);
    std::int64_t next_time();

    std::string prefix_;  // "<stream>-<account>-"
    std::uint64_t seed_;
    std::vector<Row> rows_;  // never shrinks; a removed row is only in no order any more
    std::array<Order, 3> order_;
    std::int64_t last_time_ = 0;
};

}  // namespace simulator
