#include "scheduler/priority.hpp"

#include <gtest/gtest.h>


using narke::internal::no_ticks;
using narke::internal::plain_ticks;
using narke::internal::priority_ticks_per_second;
using narke::internal::ticks_with_priority;

namespace {

constexpr std::uint64_t second = priority_ticks_per_second;

TEST(priority, the_higher_is_the_older) {
  constexpr std::uint64_t now = 100 * second;
  std::uint64_t before = 0;
  for (const std::int64_t priority : {1'000'000'000, 1'000'000, 1'001, 1'000, 999, 5, 1, 0, -1, -7,
                                      -1'000, -1'001, -1'000'000'000}) {
    const std::uint64_t age = ticks_with_priority(now, priority);
    EXPECT_GT(age, before) << priority;
    before = age;
  }
}

TEST(priority, of_equals_the_one_submitted_first) {
  EXPECT_LT(ticks_with_priority(10, 3), ticks_with_priority(11, 3));
}

// What comes after a minute for each step has to stand behind.
TEST(priority, a_low_one_ages) {
  const std::uint64_t low = ticks_with_priority(0, 0);
  EXPECT_LT(ticks_with_priority(119 * second, 2), low);
  EXPECT_GT(ticks_with_priority(121 * second, 2), low);
  EXPECT_LT(ticks_with_priority(59 * second, 0), ticks_with_priority(0, -1));
  EXPECT_GT(ticks_with_priority(61 * second, 0), ticks_with_priority(0, -1));
}

TEST(priority, comes_back_as_the_ticks_of_the_fast_lane) {
  EXPECT_EQ(plain_ticks(ticks_with_priority(1'000, 0)), 1'000U);
  EXPECT_EQ(plain_ticks(ticks_with_priority(1'000, 1)), 0U) << "older than the clock itself";
  EXPECT_EQ(plain_ticks(ticks_with_priority(100 * second, 1)), 40 * second);
  EXPECT_EQ(plain_ticks(ticks_with_priority(second, -1)), 61 * second);
  EXPECT_EQ(ticks_with_priority(no_ticks, 5), no_ticks);
  EXPECT_EQ(plain_ticks(no_ticks), no_ticks);
}

}  // namespace
