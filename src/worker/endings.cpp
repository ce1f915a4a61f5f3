#include "worker/endings.hpp"

#include <utility>

#include "pg/error.hpp"
#include "pg/log.hpp"
#include "worker/setback.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kFencedOff = "fenced off: the model was altered, reset or taken over";
constexpr core::Duration kAgain = std::chrono::seconds(1);

std::string name_of(const Model& model) { return model.account + "/" + model.stream; }

}  // namespace

Endings::Ending Endings::releasing(const Model& model, const char* status, const std::string& message) {
    return {.model = model,
            .activity = "giving back a lease",
            .write = [model, status, message](Catalog& catalog) {
                catalog.release(model, status, message);
                return true;
            },
            .until = uptime() + lease_timeout()};
}

Endings::Ending Endings::releasing_lost(const Model& model) { return releasing(model, "interrupted", kFencedOff); }

Endings::Fate Endings::attempt(const Ending& ending, Patience patience) {
    try {
        unit_.run(ending.activity, Durability::asynchronous, [&](Catalog& catalog) { if (!ending.write(catalog)) throw LeaseLost{}; }, patience);
        return Fate::written;
    } catch (const LeaseLost&) {
        return Fate::lost;
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        trouble_ = error.message();
        return Fate::kept;
    }
}

void Endings::keep(Ending ending, core::Uptime next) {
    if (kept_.empty() || next < next_) next_ = next;
    kept_.push_back(std::move(ending));
}

Endings::Fate Endings::write_or_keep(Ending ending) {
    const Fate fate = attempt(ending, Patience::usual);
    if (fate != Fate::kept) return fate;
    pg::log_warning("could not write down yet how the run of " + name_of(ending.model) + " ended: " + trouble_);
    keep(std::move(ending), uptime() + kAgain);
    return fate;
}

Endings::Fate Endings::write(const Model& model, const char* activity, const Write& write) {
    const Fate fate = write_or_keep({.model = model, .activity = activity, .write = write, .until = uptime() + lease_timeout()});
    if (fate == Fate::lost) release_lost(model);
    return fate;
}

void Endings::release_lost(const Model& model) { write_or_keep(releasing_lost(model)); }

void Endings::release_later(const Model& model, const char* status, const std::string& message) {
    keep(releasing(model, status, message), core::Uptime{0});
}

std::optional<core::Uptime> Endings::next() const {
    if (kept_.empty()) return std::nullopt;
    return next_;
}

bool Endings::is_settled(Ending& ending, Patience patience) {
    Fate fate = attempt(ending, patience);
    if (fate == Fate::lost) {
        ending = releasing_lost(ending.model);
        fate = attempt(ending, patience);
    }
    return fate == Fate::written;
}

bool Endings::settle(core::Uptime now) {
    if (kept_.empty() || now < next_) return false;
    bool settled = false;
    int failures = 0;
    for (std::size_t left = kept_.size(); left > 0 && failures < kMostFailures; --left) {
        const bool written = is_settled(kept_.front(), Patience::brief);
        Ending ending = std::move(kept_.front());
        kept_.pop_front();
        settled |= written;
        if (written) continue;
        ++failures;
        if (now < ending.until) {
            kept_.push_back(std::move(ending));
        } else {
            pg::log_warning("how the run of " + name_of(ending.model) + " ended was not written down before its lease ran out");
        }
    }
    next_ = now + kAgain;
    return settled;
}

void Endings::settle_all() {
    Patience patience = Patience::usual;
    for (; !kept_.empty(); kept_.pop_front()) {
        if (is_settled(kept_.front(), patience)) continue;
        patience = Patience::brief;
        pg::log_warning("could not write down how the run of " + name_of(kept_.front().model) + " ended: " + trouble_);
    }
}

}  // namespace upstream::worker
