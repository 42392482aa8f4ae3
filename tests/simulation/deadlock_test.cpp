// deadlock_error is told exactly when it is true: random histories, without threads.
#include <gtest/gtest.h>

#include <cstdint>

#include <support/watchdog.hpp>

#include "simulation/deadlock_history.hpp"
#include "simulation/seeds.hpp"

namespace narke_test {
namespace {

TEST(deadlock_histories, are_told_exactly_when_the_model_says_so) {
  const seed_range seeds = seeds_from_environment(5'000);
  std::uint64_t deadlocks = 0;
  std::uint64_t waits = 0;
  for (std::uint64_t seed = seeds.first; seed != seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE(command_for_seed(seed));
    deadlock_history history{seed};
    history.run();
    deadlocks += static_cast<std::uint64_t>(history.deadlocks());
    waits += static_cast<std::uint64_t>(history.waits_asked());
    if (HasFailure()) return;
  }
  if (seeds.count >= 100) {
    EXPECT_GT(deadlocks, seeds.count / 5);
    EXPECT_GT(waits - deadlocks, seeds.count / 5);
  }
}

}  // namespace
}  // namespace narke_test
