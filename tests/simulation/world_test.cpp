// Thousands of random histories of the runtime, on one thread.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

#include <support/watchdog.hpp>

#include "simulation/seeds.hpp"
#include "simulation/simulated_world.hpp"

namespace narke_test {
namespace {

TEST(simulated_world, every_history_resolves_everything_and_ends_with_everything_free) {
  const seed_range seeds = seeds_from_environment(5'000);
  std::map<std::string, std::int64_t> sums;
  for (std::uint64_t seed = seeds.first; seed != seeds.first + seeds.count; ++seed) {
    SCOPED_TRACE(command_for_seed(seed));
    simulated_world world{seed};
    world.run();
    for (const auto& [what, times] : world.counts()) sums[what] += times;
    if (HasFailure()) return;
  }
  if (seeds.count < 100) return;
  // All that is to be tried was tried, and often.
  for (const char* what : {"tasks", "calls", "actors", "groups", "put", "cancels", "kills",
                           "waits", "run in place", "lost GPUs", "store full", "actors lost"}) {
    EXPECT_GT(sums[what], static_cast<std::int64_t>(seeds.count / 20)) << what;
  }
}

TEST(simulated_world, a_seed_decides_a_whole_history) {
  for (std::uint64_t seed = 0; seed != 50; ++seed) {
    SCOPED_TRACE(command_for_seed(seed));
    simulated_world first{seed};
    first.run();
    simulated_world second{seed};
    second.run();
    ASSERT_EQ(first.fingerprint(), second.fingerprint());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace narke_test
