// How long the bodies of one callable took lately: whether they keep the thread that submits to a
// device for too long. Guarded by the engine's mutex.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace narke::internal {

class body_times {
 public:
  /// A median above it is too long.
  static constexpr std::uint64_t slow_ns = 200'000;

  /// Whether the next body is to be timed: the first ones are, others now and then. So are all that
  /// are too long: a machine that was busy for a while is not held against them for ever.
  [[nodiscard]] bool wants_sample() noexcept {
    return bodies_++ < kept || is_slow_ || bodies_ % 16 == 0;
  }

  void note(std::uint64_t ns) noexcept {
    last_[samples_++ % kept] = ns;
    if (samples_ >= kept) {
      auto sorted = last_;
      std::nth_element(sorted.begin(), sorted.begin() + kept / 2, sorted.end());
      is_slow_ = sorted[kept / 2] > slow_ns;
    }
  }
  /// The median of the last ones is too long.
  [[nodiscard]] bool is_slow() const noexcept { return is_slow_; }

 private:
  static constexpr std::size_t kept = 5;
  std::array<std::uint64_t, kept> last_{};
  std::uint64_t bodies_ = 0;
  std::uint64_t samples_ = 0;
  bool is_slow_ = false;
};

}  // namespace narke::internal
