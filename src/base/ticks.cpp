#include "base/ticks.hpp"

namespace narke::internal {
namespace {

using steady = std::chrono::steady_clock;

struct reading {
  std::uint64_t ticks;
  steady::time_point time;
};

// Both clocks at one moment: of several tries the one that took least, since the thread may lose
// its CPU between the two.
reading read_both() noexcept {
  reading best{};
  std::uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t before = ticks_now();
    const steady::time_point time = steady::now();
    const std::uint64_t width = ticks_now() - before;
    if (width < best_width) {
      best_width = width;
      best = {before + width / 2, time};
    }
  }
  return best;
}

const reading& first_reading() noexcept {
  static const reading first = read_both();
  return first;
}

}  // namespace

void start_tick_calibration() noexcept { first_reading(); }

double nanoseconds_per_tick() noexcept {
  const reading& first = first_reading();
  constexpr auto least = std::chrono::milliseconds{5};
  while (steady::now() - first.time < least) {
  }
  const reading last = read_both();
  const std::chrono::duration<double, std::nano> elapsed = last.time - first.time;
  return elapsed.count() / static_cast<double>(last.ticks - first.ticks);
}

}  // namespace narke::internal
