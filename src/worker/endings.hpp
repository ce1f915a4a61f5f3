// How runs end in the books, also while these cannot be written.
//
// A transaction of somebody else may hold the row of a model for as long as it likes, or a disk be full. The run is over all the same, and no other run notices; its
// end is kept here and written down later. Until then its lease stays, so that nobody claims the model who would not know how the run ended.
//
//   write() ---> written                 the lease is given back with the result
//      |    +--> lost                    somebody else has the model, or it was altered: nothing of the run counts, and what is left of its lease is given back
//      +-------> kept ---> settle(), each second ---> written, lost; or forgotten when the lease has run out, for whoever claims the model then settles the run
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "core/budget.hpp"
#include "worker/catalog.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {

class Endings {
  public:
    // Writes down how a run ended, in a transaction of its own. False if the lease was not the run's any more; then that transaction is rolled back.
    using Write = std::function<bool(Catalog&)>;
    enum class Fate { written, lost, kept };

    explicit Endings(Unit& unit) : unit_(unit) {}

    Fate write(const Model& model, const char* activity, const Write& write);

    // The lease was lost: what is left of it is given back.
    void release_lost(const Model& model);

    // The run ends without a result: what it has committed stays, and its model is due as it was. Written down by the next settle().
    void release_later(const Model& model, const char* status, const std::string& message);

    // When settle() has something to do.
    [[nodiscard]] std::optional<core::Uptime> next() const;

    // Writes down what was kept, as far as that goes without waiting long. True if something was written.
    bool settle(core::Uptime now);

    // The last try of everything that is kept, for who ends. What cannot be written is lost, and its lease lasts till it runs out.
    void settle_all();

    [[nodiscard]] bool empty() const { return kept_.empty(); }
    void forget() { kept_.clear(); }

  private:
    struct Ending {
        Model model;
        const char* activity;
        Write write;
        core::Uptime until;  // the lease, and with it the need
    };

    static Ending releasing(const Model& model, const char* status, const std::string& message);
    static Ending releasing_lost(const Model& model);
    Fate attempt(const Ending& ending, Patience patience);
    bool is_settled(Ending& ending, Patience patience);
    Fate write_or_keep(Ending ending);
    void keep(Ending ending, core::Uptime next);

    Unit& unit_;
    std::deque<Ending> kept_;
    core::Uptime next_{0};
    std::string trouble_{};  // of the last attempt
};

}  // namespace upstream::worker
