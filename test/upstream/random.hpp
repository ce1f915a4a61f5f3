// The simulator's only source of chance: splitmix64, the same numbers for the same seed on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace simulator {

class Random {
  public:
    using result_type = std::uint64_t;  // so that standard algorithms take it as their generator

    explicit Random(std::uint64_t seed) : state_(seed) {}

    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

    result_type operator()() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    // 0 .. bound-1; the bias of the remainder is far below anything a test could see.
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>((*this)() % bound); }

  private:
    std::uint64_t state_;
};

}  // namespace simulator
