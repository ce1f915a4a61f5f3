// Writes the rows of a page that fit, and finds those that do not.
//
// Each try is a subtransaction: the rows at once, then, where a try fails, those that the error points at apart from the others, else the halves. A
// savepoint for each row would cost every page what only bad ones owe. At most 63 tries a page: more subtransactions than that in one transaction slow
// down every snapshot of the cluster.
#pragma once

#include <functional>
#include <vector>

#include "pg/error.hpp"
#include "worker/table_writer.hpp"

namespace upstream::worker {

// Whether an error of a statement says that some row is bad, and not that the statement, the table or the server is.
[[nodiscard]] bool blames_a_row(int sqlerrcode);

struct Misfit {
    std::size_t row;
    pg::Error error;
};

// The page has more bad rows than are put aside one by one, or than can be told apart.
struct TooManyMisfits {
    std::vector<Misfit> found;
};

class Halving {
  public:
    using Write = std::function<Written(const RowNumbers&)>;
    using Suspects = std::function<RowNumbers(const pg::Error&, const RowNumbers&)>;  // those that the error points at: a hint, never a verdict

    // `most`: more misfits than these are too many.
    Halving(Write write, Suspects suspects, std::size_t most) : write_(std::move(write)), suspects_(std::move(suspects)), most_(most) {}

    // What fits is written when this returns; misfits() are the others.
    Written run(RowNumbers rows);

    [[nodiscard]] std::vector<Misfit>& misfits() { return misfits_; }

  private:
    void attempt(const RowNumbers& rows);

    Write write_;
    Suspects suspects_;
    std::size_t most_;
    int tries_ = 0;
    Written written_{};
    std::vector<Misfit> misfits_;
};

}  // namespace upstream::worker
