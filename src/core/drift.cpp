#include "core/drift.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/loop_guard.hpp"
#include "core/paginate.hpp"

namespace upstream::core {
namespace {

constexpr int kMostStepsBack = 3;
constexpr std::size_t kAnchors = 3;

bool restarts(const Pagination& pagination) { return pagination.drift == Pagination::Drift::restart_slice; }

bool anchored(const Page& here, const std::vector<std::uint64_t>& marks) {
    if (here.anchors.empty()) return true;
    return std::any_of(marks.begin(), marks.end(),
                       [&](std::uint64_t mark) { return std::find(here.anchors.begin(), here.anchors.end(), mark) != here.anchors.end(); });
}

std::vector<std::uint64_t> last_of(const std::vector<std::uint64_t>& marks) {
    return {marks.end() - static_cast<std::ptrdiff_t>(std::min(kAnchors, marks.size())), marks.end()};
}

// The end of a list without a stated size is an empty page; with an overlap it is one that holds nothing but the overlap.
bool holds_overlap_alone(const Pagination& pagination, const Page& here, const std::vector<std::uint64_t>& marks) {
    return !pagination.size && !pagination.total && !pagination.has_more && marks.size() == 1 && !here.anchors.empty() && marks.front() == here.anchors.back();
}

Turn by_offset(const Pagination& pagination, const Page& here, std::optional<Page> next, const std::vector<std::uint64_t>& marks, bool total_changed) {
    const bool lost = !anchored(here, marks);
    if (restarts(pagination) && (lost || total_changed)) return {.restart = true};
    if (lost) {
        if (here.steps_back >= kMostStepsBack) return {.restart = true};
        Page back = here;
        const std::int64_t size = here.size ? *here.size : pagination.size.value_or(std::max<std::int64_t>(static_cast<std::int64_t>(marks.size()), 1));
        const std::int64_t offset = page_number(pagination, here);
        const std::int64_t to = std::max(pagination.start, offset - size);
        back.token = std::to_string(to);
        back.records_before = std::max<std::int64_t>(0, here.records_before - (offset - to));
        ++back.pages_before;
        ++back.steps_back;
        if (to == pagination.start) back.anchors.clear();  // from here on nothing can lie behind us
        return {.next = std::move(back)};
    }
    if (!next || holds_overlap_alone(pagination, here, marks)) return {};
    if (marks.size() > 1) {
        next->token = std::to_string(page_number(pagination, *next) - 1);
        --next->records_before;
        next->anchors = last_of(marks);
    }
    return {.next = std::move(next)};
}

Turn by_page(const Pagination& pagination, const Page& here, std::optional<Page> next, const std::vector<std::uint64_t>& marks,
             std::optional<std::int64_t> total, bool total_changed) {
    if (here.resume) {
        // Rows moved up by more than a page, or again while we looked back.
        if (total_changed || !anchored(here, marks)) return {.restart = true};
        if (here.resume->empty()) return {};
        Page on = here;
        on.token = *here.resume;
        on.resume.reset();
        on.anchors = std::exchange(on.ahead, {});
        on.total = total;
        return {.next = std::move(on)};
    }
    const std::int64_t size = here.size ? *here.size : pagination.size.value_or(1);
    if (total_changed && (restarts(pagination) || std::abs(*total - *here.total) > size)) return {.restart = true};
    const bool again = !here.first() && (total ? total_changed : true);
    if (!again) {
        if (next) next->anchors = last_of(marks);
        return {.next = std::move(next)};
    }
    Page back = next ? *next : here;
    back.token = std::to_string(page_number(pagination, here) - 1);
    back.resume = next ? next->token : "";
    back.size = here.size;
    back.anchors = here.anchors;
    back.ahead = last_of(marks);
    return {.next = std::move(back)};
}

}  // namespace

std::vector<std::uint64_t> record_marks(const Batch& batch, std::span<const Field> fields) {
    if (!batch.records.empty()) {  // no rows are made of them yet
        std::vector<std::uint64_t> marks;
        for (const json::Value record : batch.records) marks.push_back(mark_of(record.raw()));
        return marks;
    }
    const bool keyed = std::any_of(fields.begin(), fields.end(), [](const Field& field) { return field.key; });
    std::vector<std::uint64_t> marks(batch.rows, 14695981039346656037ULL);
    for (std::size_t column = 0; column < batch.columns.size(); ++column) {
        if (keyed && !fields[column].key) continue;
        for (std::size_t row = 0; row < batch.rows; ++row) {
            std::uint64_t& mark = marks[row];
            for (const char c : batch.columns[column][row].value_or("")) mark = (mark ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
            mark = (mark ^ 0x1F) * 1099511628211ULL;
        }
    }
    return marks;
}

bool minds_drift(const Pagination& pagination) {
    const bool numbered = pagination.type == Pagination::Type::page || pagination.type == Pagination::Type::offset;
    return numbered && pagination.drift != Pagination::Drift::ignore;
}

Turn mind_drift(const Pagination& pagination, const Page& here, std::optional<Page> next, const std::vector<std::uint64_t>& marks,
                std::optional<std::int64_t> total) {
    const bool total_changed = here.total && total && *total != *here.total;
    if (next) next->total = total;
    Turn turn = pagination.type == Pagination::Type::offset ? by_offset(pagination, here, std::move(next), marks, total_changed)
                                                            : by_page(pagination, here, std::move(next), marks, total, total_changed);
    if (turn.next && pagination.type == Pagination::Type::offset) turn.next->total = total;
    return turn;
}

}  // namespace upstream::core
