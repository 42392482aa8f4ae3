// Which seeds a test runs: NARKE_SIMULATION_SEED=<seed> that one alone,
// NARKE_SIMULATION_SEEDS=<count> so many from 0. A failure prints the line that runs its seed
// again.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace narke_test {

struct seed_range {
  std::uint64_t first;
  std::uint64_t count;
};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t sanitizer_divisor = 10;
#else
constexpr std::uint64_t sanitizer_divisor = 1;
#endif

/// `otherwise`: how many when the environment says nothing; a tenth of it under sanitizers.
inline seed_range seeds_from_environment(std::uint64_t otherwise) {
  if (const char* one = std::getenv("NARKE_SIMULATION_SEED")) {
    return {std::stoull(one), 1};
  }
  const char* count = std::getenv("NARKE_SIMULATION_SEEDS");
  return {0, count != nullptr ? std::stoull(count) : otherwise / sanitizer_divisor};
}

inline std::string command_for_seed(std::uint64_t seed) {
  const auto& test = *testing::UnitTest::GetInstance()->current_test_info();
  return "seed " + std::to_string(seed) + ", again by: NARKE_SIMULATION_SEED=" +
         std::to_string(seed) + " " + program_invocation_name + " --gtest_filter=" +
         test.test_suite_name() + "." + test.name();
}

}  // namespace narke_test
