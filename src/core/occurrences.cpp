#include "core/occurrences.hpp"

#include <algorithm>
#include <string>

#include "core/loop_guard.hpp"

namespace upstream::core {

void Occurrences::cut(std::int64_t records) {
    while (static_cast<std::int64_t>(marks_.size()) > records) {
        const auto found = counts_.find(marks_.back());
        if (found != counts_.end() && --found->second == 0) counts_.erase(found);
        marks_.pop_back();
    }
}

std::int64_t Occurrences::add(std::uint64_t mark) {
    marks_.push_back(mark);
    return mark == 0 ? 0 : ++counts_[mark];
}

void Occurrences::recall(const Marks& marks) {
    cut(marks.first);
    for (const std::uint64_t mark : marks.of_records) (void)add(mark);
}

Marks Occurrences::number(Batch& batch, std::span<const Field> fields, std::int64_t records_before) {
    cut(records_before);
    Marks marks{.first = static_cast<std::int64_t>(marks_.size()), .of_records = std::vector<std::uint64_t>(batch.page_records, 0)};
    const auto field = std::find_if(fields.begin(), fields.end(), [](const Field& each) { return each.numbered; });
    if (field == fields.end()) return marks;
    Values& keys = batch.columns[static_cast<std::size_t>(field - fields.begin())];
    for (std::size_t row = 0; row < batch.rows; ++row)
        marks.of_records[batch.origin[row]] = std::max<std::uint64_t>(mark_of(*keys[row]), 1);
    std::vector<std::int64_t> numbers;
    for (const std::uint64_t mark : marks.of_records) numbers.push_back(add(mark));
    for (std::size_t row = 0; row < batch.rows; ++row) {
        const std::int64_t number = numbers[batch.origin[row]];
        if (number > 1) keys[row] = batch.made.emplace_back(std::string{*keys[row]} + kOccurrence + "#" + std::to_string(number));
    }
    return marks;
}

}  // namespace upstream::core
