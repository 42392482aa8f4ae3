// Runs scenes by the thousand. A failure names its seed; run that one alone with
// NARKE_INTERLEAVING_SEED=<seed>. NARKE_INTERLEAVING_SEEDS=<count> runs more of them.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <interleaving/explored.hpp>

#include <support/watchdog.hpp>

namespace narke_test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t seeds_default = 1'000;
#else
constexpr std::uint64_t seeds_default = 10'000;
#endif
// Within so many a planted bug has to be found.
constexpr std::uint64_t seeds_for_bugs = 20'000;

inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

inline std::string command_for(std::uint64_t seed) {
  const auto& test = *testing::UnitTest::GetInstance()->current_test_info();
  return "NARKE_INTERLEAVING_SEED=" + std::to_string(seed) + " " + program_invocation_name +
         " --gtest_filter=" + test.test_suite_name() + "." + test.name();
}

template <class Scene>
explored::outcome run_seed(std::uint64_t seed) {
  Scene one;
  return explored::run(seed, one);
}

/// All seeds of the environment, or as many as there are by default.
template <class Scene>
void expect_holds() {
  const bool is_one = std::getenv("NARKE_INTERLEAVING_SEED") != nullptr;
  const std::uint64_t first = number_from("NARKE_INTERLEAVING_SEED", 0);
  const std::uint64_t count =
      is_one ? 1 : number_from("NARKE_INTERLEAVING_SEEDS", seeds_default);
  for (std::uint64_t seed = first; seed != first + count; ++seed) {
    const auto result = run_seed<Scene>(seed);
    ASSERT_EQ(result.failure, "") << "again by: " << command_for(seed);
  }
}

/// The bug is found, and by a failure that says so.
template <class Scene>
void expect_found(const char* bug) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler what_a_failed_scene_leaves_is_no_leak;
#endif
  explored::plant(bug);
  std::uint64_t seed = 0;
  while (seed != seeds_for_bugs && run_seed<Scene>(seed).failure.empty()) {
    ++seed;
  }
  explored::plant(nullptr);
  EXPECT_LT(seed, seeds_for_bugs) << "not found: " << bug;
  testing::Test::RecordProperty("found_by_seed", static_cast<int>(seed));
}

}  // namespace narke_test
