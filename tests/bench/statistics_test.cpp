// Medians, extremes and spreads of what was measured.
#include "harness/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace bench {
namespace {

TEST(statistics, of_an_odd_number_the_median_is_the_middle_one_in_order) {
  const summary found = summarise(std::vector<double>{9, 1, 5});
  EXPECT_EQ(found.median, 5);
  EXPECT_EQ(found.min, 1);
  EXPECT_EQ(found.max, 9);
  EXPECT_EQ(found.mean, 5);
}

TEST(statistics, of_an_even_number_the_median_is_between_the_middle_two) {
  EXPECT_EQ(summarise(std::vector<double>{8, 2, 4, 100}).median, 6);
}

TEST(statistics, one_that_is_far_off_moves_the_mean_and_not_the_median) {
  const summary found = summarise(std::vector<double>{1, 1, 1, 1, 96});
  EXPECT_EQ(found.median, 1);
  EXPECT_EQ(found.mean, 20);
}

TEST(statistics, deviation_is_that_of_the_sample) {
  const summary found = summarise(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(found.deviation, std::sqrt(32.0 / 7));
  EXPECT_DOUBLE_EQ(found.variation(), std::sqrt(32.0 / 7) / 5);
}

TEST(statistics, one_value_is_everything_and_deviates_by_nothing) {
  const summary found = summarise(std::vector<double>{3});
  EXPECT_EQ(found.median, 3);
  EXPECT_EQ(found.min, 3);
  EXPECT_EQ(found.max, 3);
  EXPECT_EQ(found.deviation, 0);
}

TEST(statistics, no_values_are_zero_and_zeros_do_not_vary) {
  EXPECT_EQ(summarise({}).median, 0);
  EXPECT_EQ(summarise(std::vector<double>{0, 0}).variation(), 0);
}

}  // namespace
}  // namespace bench
