// What failed and is to be tried again: after a quarter of a second, then after a half, then each second, because a try may wait for a lock, and nothing else goes on in
// the process meanwhile.
#pragma once

#include <algorithm>
#include <chrono>

#include "core/time.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {

inline constexpr int kMostFailures = 3;  // in a second, of tries of the same kind

class Setback {
  public:
    void suffer(core::Uptime now) {
        if (!lasts()) since_ = now;
        distance_ = std::clamp<core::Duration>(distance_ * 2, std::chrono::milliseconds(250), std::chrono::seconds(1));
        until_ = now + distance_;
    }
    void overcome() { *this = {}; }

    [[nodiscard]] bool lasts() const { return distance_ > core::Duration{0}; }
    [[nodiscard]] core::Uptime since() const { return since_; }
    [[nodiscard]] core::Uptime until() const { return until_; }  // the next try

  private:
    core::Duration distance_{0};
    core::Uptime since_{0}, until_{0};
};

// Of the next try.
[[nodiscard]] inline Patience patience_of(const Setback& setback) { return setback.lasts() ? Patience::brief : Patience::usual; }

}  // namespace upstream::worker
