// Answers that nobody has looked at yet, and which of them are next.
//
// While the worker has time this is nothing: an answer is looked at when it comes. When answers come faster than their rows can be written, the runs that
// began first go first: rows of one account lie near each other in the index of the key and in the table, so that an account that is read to its end is
// written faster than fifty that are read a page each in turn. Younger runs wait even while the older ones' next answers are on their way, as long as those
// come quickly. Nobody starves: answers without a rank are looked at when they come (the first pages of a run, which for most runs are all; tokens;
// failures), and every answer when it has waited for a while.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/budget.hpp"

namespace upstream::core {

template <class Answer>
class Answers {
  public:
    // Takes at most so many of those that have a rank at a time: the next answers of the same runs may come meanwhile.
    explicit Answers(std::size_t at_once) : at_once_(at_once) {}

    // An answer that came at `now`; `rank` is when its run began, nothing if it is not to wait.
    void add(Answer answer, std::optional<Uptime> rank, Uptime now) {
        waiting_.push_back({std::move(answer), rank.value_or(Uptime::min()), now});
        only_younger_ = false;
    }

    // Those to look at now; the others stay. None stays longer than `longest`; those with a rank beyond `first` not longer than it takes until an answer
    // that goes before them is overdue.
    [[nodiscard]] std::vector<Answer> take(Uptime now, Duration longest, Uptime first = Uptime::max()) {
        for (Waiting& each : waiting_)
            if (now - each.since >= longest) each.rank = Uptime::min();
        std::stable_sort(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) { return a.rank < b.rank; });
        const auto from = [&](Uptime rank) {
            return std::find_if(waiting_.begin(), waiting_.end(), [rank](const Waiting& each) { return each.rank > rank; });
        };
        const auto ranked = from(Uptime::min()), younger = from(first);
        if (ranked != younger) overdue_ = now + kQuickly;
        const auto last = now < overdue_ ? younger : waiting_.end();
        const auto end = ranked + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(at_once_), last - ranked);
        only_younger_ = end == younger;
        std::vector<Answer> taken;
        for (auto each = waiting_.begin(); each != end; ++each) taken.push_back(std::move(each->answer));
        waiting_.erase(waiting_.begin(), end);
        return taken;
    }

    // When to take again; nothing if there is nothing.
    [[nodiscard]] std::optional<Uptime> next(Uptime now) const {
        if (waiting_.empty()) return std::nullopt;
        return only_younger_ ? std::max(now, overdue_) : now;
    }

    // All of them, for who ends.
    [[nodiscard]] std::vector<Answer> take_all() {
        std::vector<Answer> taken;
        for (Waiting& each : waiting_) taken.push_back(std::move(each.answer));
        waiting_.clear();
        return taken;
    }

    [[nodiscard]] bool empty() const { return waiting_.empty(); }
    void clear() { waiting_.clear(); }

    // The sum of something over all of them.
    template <class Size>
    [[nodiscard]] std::size_t sum(const Size& size) const {
        std::size_t total = 0;
        for (const Waiting& each : waiting_) total += size(each.answer);
        return total;
    }

  private:
    struct Waiting {
        Answer answer;
        Uptime rank;
        Uptime since;
    };
    static constexpr Duration kQuickly = std::chrono::milliseconds(1);

    std::size_t at_once_;
    Uptime overdue_{Uptime::min()};  // the next answer of those that go first
    bool only_younger_ = false;      // wait, as of the last take()
    std::vector<Waiting> waiting_{};
};

}  // namespace upstream::core
