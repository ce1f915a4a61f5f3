// Selecting pages by binary search in the ordered indexes, and moving rows within them.
#include "stream.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "clock.hpp"
#include "text.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kGroup = 3;  // rows of one command that share a timestamp

Position position_of(const Row& row) { return {row.updated_us, row.seq, row.id}; }

}  // namespace

bool Filter::by_time() const { return since_us != kLowest || until_us != kHighest; }

bool Filter::by_seq() const { return since_seq != kLowest; }

Stream::Stream(const std::string& account, const std::string& name, const StreamShape& shape, std::uint64_t seed,
               std::int64_t& next_seq)
    : prefix_(name + "-" + account + "-"), seed_(seed ^ hash_text(prefix_)) {
    rows_.reserve(shape.rows);
    for (std::size_t i = 0; i < shape.rows; ++i) {
        const auto group = static_cast<std::int64_t>(i / shape.tie);
        last_time_ = shape.start_us + group * shape.spacing_us;
        rows_.push_back(new_row(last_time_, next_seq));
    }
    for (Order& order : order_) {
        order.resize(rows_.size());
        for (std::size_t i = 0; i < rows_.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    }
    // Numbers of more than six digits are not in text order.
    const auto by_id = [this](std::uint32_t a, std::uint32_t b) { return rows_[a].id < rows_[b].id; };
    std::sort(order_[2].begin(), order_[2].end(), by_id);
    std::stable_sort(order_[0].begin(), order_[0].end(), [&](std::uint32_t a, std::uint32_t b) {
        return rows_[a].updated_us != rows_[b].updated_us ? rows_[a].updated_us < rows_[b].updated_us : by_id(a, b);
    });
}

Row Stream::new_row(std::int64_t time, std::int64_t& next_seq) const {
    const std::size_t number = rows_.size() + 1;
    char digits[24];
    std::snprintf(digits, sizeof digits, "%06zu", number);
    Row row;
    row.id = prefix_ + digits;
    row.key = Random(seed_ + number)();
    row.seq = next_seq++;
    row.created_us = time;
    row.updated_us = time;
    render_json(row);
    return row;
}

std::strong_ordering Stream::compare(Sort sort, const Row& row, const Position& position) {
    if (sort == Sort::seq) return row.seq <=> position.seq;
    if (sort == Sort::updated_at && row.updated_us != position.updated_us) {
        return row.updated_us <=> position.updated_us;
    }
    return row.id <=> position.id;
}

std::size_t Stream::lower(Sort sort, const Position& position) const {
    const Order& index = order(sort);
    const auto at = std::partition_point(index.begin(), index.end(),
                                         [&](std::uint32_t i) { return compare(sort, rows_[i], position) < 0; });
    return static_cast<std::size_t>(at - index.begin());
}

std::size_t Stream::upper(Sort sort, const Position& position) const {
    const Order& index = order(sort);
    const auto at = std::partition_point(index.begin(), index.end(),
                                         [&](std::uint32_t i) { return compare(sort, rows_[i], position) <= 0; });
    return static_cast<std::size_t>(at - index.begin());
}

std::size_t Stream::first_at_or_after(Sort sort, std::int64_t key) const { return lower(sort, {key, key, ""}); }

bool Stream::passes(const Row& row, const Filter& filter) {
    return row.updated_us >= filter.since_us && row.updated_us <= filter.until_us && row.seq >= filter.since_seq;
}

std::size_t Stream::count(const Filter& filter) const {
    if (filter.by_time() && filter.by_seq()) {
        return static_cast<std::size_t>(std::count_if(order_[0].begin(), order_[0].end(), [&](std::uint32_t i) {
            return passes(rows_[i], filter);
        }));
    }
    if (filter.by_seq()) return size() - first_at_or_after(Sort::seq, filter.since_seq);
    const std::size_t begin = first_at_or_after(Sort::updated_at, filter.since_us);
    const std::size_t end =
        filter.until_us == kHighest ? size() : first_at_or_after(Sort::updated_at, filter.until_us + 1);
    return end > begin ? end - begin : 0;
}

Selection Stream::select(const Wanted& wanted) const {
    const Filter& filter = wanted.filter;
    const Order& index = order(wanted.sort);
    std::size_t begin = 0;
    std::size_t end = index.size();
    bool scan = filter.by_time() || filter.by_seq();  // whether rows within [begin, end) may fail the filter
    if (wanted.sort == Sort::updated_at) {
        begin = first_at_or_after(Sort::updated_at, filter.since_us);
        if (filter.until_us != kHighest) end = first_at_or_after(Sort::updated_at, filter.until_us + 1);
        scan = filter.by_seq();
    } else if (wanted.sort == Sort::seq) {
        begin = first_at_or_after(Sort::seq, filter.since_seq);
        scan = filter.by_time();
    }
    if (wanted.after) {
        // The row the last page ended with may have moved since; its old place is still a boundary.
        if (wanted.descending) {
            end = std::min(end, lower(wanted.sort, *wanted.after));
        } else {
            begin = std::max(begin, upper(wanted.sort, *wanted.after));
        }
    }

    Selection selection;
    selection.total = count(filter);
    std::size_t left = end > begin ? end - begin : 0;
    std::size_t skip = wanted.offset;
    if (!scan) {
        const std::size_t jump = std::min(skip, left);
        if (wanted.descending) {
            end -= jump;
        } else {
            begin += jump;
        }
        left -= jump;
        skip = 0;
        selection.rows.reserve(std::min(left, wanted.limit));
    }
    for (std::size_t i = 0; i < left; ++i) {
        const std::uint32_t at = wanted.descending ? index[end - 1 - i] : index[begin + i];
        if (scan && !passes(rows_[at], filter)) continue;
        if (skip > 0) {
            --skip;
        } else if (selection.rows.size() == wanted.limit) {
            selection.more = true;
            break;
        } else {
            selection.rows.push_back(at);
        }
    }
    return selection;
}

std::int64_t Stream::next_time() {
    last_time_ = std::max(wall_us(), last_time_ + 1);
    return last_time_;
}

void Stream::link(Sort sort, std::uint32_t index) {
    Order& order = order_[static_cast<std::size_t>(sort)];
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(lower(sort, position_of(rows_[index]))), index);
}

void Stream::unlink(Sort sort, std::uint32_t index) {
    Order& order = order_[static_cast<std::size_t>(sort)];
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(lower(sort, position_of(rows_[index]))));
}

std::size_t Stream::change(std::size_t count, Random& random, std::int64_t& next_seq) {
    Order chosen;
    if (count == 1 && size() > 0) {
        chosen.push_back(by_id()[random.below(size())]);  // the usual case must not walk a million rows
    } else {
        std::sample(by_id().begin(), by_id().end(), std::back_inserter(chosen), count, random);
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const std::int64_t time = i % kGroup == 0 ? next_time() : last_time_;
        unlink(Sort::updated_at, chosen[i]);
        unlink(Sort::seq, chosen[i]);
        Row& row = rows_[chosen[i]];
        row.updated_us = time;
        row.seq = next_seq++;
        ++row.revision;
        render_json(row);
        link(Sort::updated_at, chosen[i]);
        link(Sort::seq, chosen[i]);
    }
    return chosen.size();
}

std::size_t Stream::insert(std::size_t count, std::int64_t& next_seq) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t time = i % kGroup == 0 ? next_time() : last_time_;
        const auto index = static_cast<std::uint32_t>(rows_.size());
        rows_.push_back(new_row(time, next_seq));
        for (const Sort sort : {Sort::updated_at, Sort::seq, Sort::id}) link(sort, index);
    }
    return count;
}

std::size_t Stream::remove(std::size_t count, Random& random) {
    Order chosen;
    std::sample(by_id().begin(), by_id().end(), std::back_inserter(chosen), count, random);
    for (const std::uint32_t index : chosen) {
        for (const Sort sort : {Sort::updated_at, Sort::seq, Sort::id}) unlink(sort, index);
    }
    return chosen.size();
}

}  // namespace simulator
