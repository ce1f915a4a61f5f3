#include "pg/postgres.hpp"

#include "worker/halving.hpp"

#include <algorithm>
#include <iterator>

#include "pg/transaction.hpp"

namespace upstream::worker {
namespace {

constexpr int kMostTries = 63;

}  // namespace

bool blames_a_row(int sqlerrcode) {
    switch (ERRCODE_TO_CATEGORY(sqlerrcode)) {
        case ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION):
        case ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION):
        case ERRCODE_TO_CATEGORY(ERRCODE_WITH_CHECK_OPTION_VIOLATION):
        case ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED):  // such as a value too long for an index
        case ERRCODE_TO_CATEGORY(ERRCODE_PLPGSQL_ERROR):           // a trigger says no
        case ERRCODE_TO_CATEGORY(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION): return true;
        default: return false;
    }
}

// A row may have failed only because the row that it refers to came later, or failed to be written with it: those get a second chance.
Written Halving::run(RowNumbers rows) {
    if (rows.empty()) return written_;
    attempt(rows);
    RowNumbers again;
    const auto may_fit_now = [](const Misfit& misfit) { return misfit.error.sqlerrcode() == ERRCODE_FOREIGN_KEY_VIOLATION; };
    for (const Misfit& misfit : misfits_)
        if (may_fit_now(misfit)) again.push_back(misfit.row);
    if (again.empty() || misfits_.size() == rows.size()) return written_;
    const int before = tries_;
    std::erase_if(misfits_, may_fit_now);
    std::sort(again.begin(), again.end());
    tries_ = std::min(before, kMostTries - 1);
    attempt(again);
    return written_;
}

void Halving::attempt(const RowNumbers& rows) {
    if (rows.empty()) return;
    if (tries_++ >= kMostTries) throw TooManyMisfits{std::move(misfits_)};
    RowNumbers first, second;
    try {
        pg::Subtransaction piece;
        const Written written = write_(rows);
        piece.release();
        written_ += written;
        return;
    } catch (const pg::Error& error) {
        if (!blames_a_row(error.sqlerrcode())) throw;
        if (rows.size() == 1) {
            misfits_.push_back({.row = rows.front(), .error = error});
            if (misfits_.size() > most_) throw TooManyMisfits{std::move(misfits_)};
            return;
        }
        first = suspects_(error, rows);
    }
    if (first.empty() || first.size() == rows.size()) {
        const auto middle = rows.begin() + static_cast<RowNumbers::difference_type>(rows.size() / 2);
        first.assign(rows.begin(), middle);
        second.assign(middle, rows.end());
    } else {
        std::set_difference(rows.begin(), rows.end(), first.begin(), first.end(), std::back_inserter(second));
    }
    attempt(first);
    attempt(second);
}

}  // namespace upstream::worker
