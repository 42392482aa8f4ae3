// Thousands of random histories of a machine. A failure names its seed; run that one alone with
// NARKE_SIMULATION_SEED=<seed>. NARKE_SIMULATION_SEEDS=<count> runs more of them.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "simulated_machine.hpp"

namespace narke_test {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

struct counts {
  int started = 0;
  int handed_over = 0;
  int told_infeasible = 0;
};

void run_history(std::uint64_t seed, int events, counts& sum) {
  simulated_machine machine{seed};
  for (int i = 0; i < events && !testing::Test::HasFatalFailure(); ++i) {
    machine.one_event();
  }
  if (!testing::Test::HasFatalFailure()) {
    machine.drain();
  }
  sum.started += machine.started();
  sum.handed_over += machine.handed_over();
  sum.told_infeasible += machine.told_infeasible();
}

TEST(placement_simulation, every_history_keeps_the_rules_and_ends_with_everything_free) {
  const auto first = number_from("NARKE_SIMULATION_SEED", 0);
  const auto count = std::getenv("NARKE_SIMULATION_SEED") != nullptr
                         ? 1
                         : number_from("NARKE_SIMULATION_SEEDS", 2'000);
  counts sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(seed);
    run_history(seed, 80, sum);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(sum.started, static_cast<int>(count) * 5);
  if (count >= 100) {
    EXPECT_GT(sum.handed_over, static_cast<int>(count) / 2);
    EXPECT_GT(sum.told_infeasible, static_cast<int>(count) / 100);
  }
}

}  // namespace
}  // namespace narke_test
