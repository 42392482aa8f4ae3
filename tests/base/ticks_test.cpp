#include "base/ticks.hpp"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace narke::internal {
namespace {

TEST(ticks, never_go_back_within_a_thread) {
  std::uint64_t before = ticks_now();
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t now = ticks_now();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(ticks, measure_the_same_time_as_the_steady_clock) {
  using clock = std::chrono::steady_clock;
  const double ns_per_tick = nanoseconds_per_tick();
  const auto outer_begin = clock::now();
  const std::uint64_t begin = ticks_now();
  const auto inner_begin = clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  const auto inner_end = clock::now();
  const std::uint64_t end = ticks_now();
  const auto outer_end = clock::now();
  const double ns = static_cast<double>(end - begin) * ns_per_tick;
  const std::chrono::duration<double, std::nano> least = inner_end - inner_begin;
  const std::chrono::duration<double, std::nano> most = outer_end - outer_begin;
  EXPECT_GT(ns, least.count() * 0.99);
  EXPECT_LT(ns, most.count() * 1.01);
}

}  // namespace
}  // namespace narke::internal
