// Any history of works gives the right values, comes to its end, and loses nothing, whatever the
// order in which devices, copies and bodies get on. NARKE_STRESS_SCALE makes them more: 40 for
// 10,000 and more; NARKE_STRESS_SEED runs one.
#include <cstdlib>

#include "random_history.hpp"
#include "support/stress_rounds.hpp"

namespace narke_test {
namespace {

void expect_clean(const history_outcome& outcome, std::uint64_t seed) {
  EXPECT_FALSE(outcome.is_stuck) << "seed " << seed;
  EXPECT_EQ(outcome.values_wrong, 0) << "seed " << seed;
  EXPECT_EQ(outcome.host_failures, 0) << "seed " << seed;
  EXPECT_EQ(outcome.works_failed, 0) << "seed " << seed;
  for (const std::exception_ptr& each : outcome.errors) {
    ADD_FAILURE() << "seed " << seed << ": " << message_of(each);
  }
  EXPECT_EQ(outcome.found, "") << "seed " << seed;
  EXPECT_EQ(outcome.redundant_waits, 0U) << "seed " << seed;
}

TEST(random_history, gives_right_values_and_ends) {
  if (const char* one = std::getenv("NARKE_STRESS_SEED")) {
    const std::uint64_t seed = std::strtoull(one, nullptr, 10);
    expect_clean(run_history({.seed = seed}), seed);
    return;
  }
  const int rounds = stress_rounds(250);
  std::uint64_t evictions = 0;
  std::uint64_t called_again = 0;
  std::uint64_t of_several = 0;
  int checked = 0;
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(rounds); ++seed) {
    const history_outcome outcome = run_history({.seed = seed});
    expect_clean(outcome, seed);
    evictions += outcome.evictions;
    called_again += outcome.works_called_again;
    of_several += outcome.works_of_several;
    checked += outcome.values_checked;
    ASSERT_FALSE(outcome.is_stuck);
  }
  // Else the histories would not show what they are for.
  EXPECT_GT(evictions, static_cast<std::uint64_t>(rounds));
  EXPECT_GT(called_again, static_cast<std::uint64_t>(rounds) / 50);
  EXPECT_GT(checked, 4 * rounds);
  EXPECT_GT(of_several, static_cast<std::uint64_t>(rounds));
}

}  // namespace
}  // namespace narke_test
