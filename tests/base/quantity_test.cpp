#include "base/quantity.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using narke::internal::quantity;
using testing::HasSubstr;

std::string message_for(double units) {
  try {
    (void)quantity::from_double(units, "num_cpus");
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "accepted";
}

TEST(quantity, ten_tenths_are_exactly_one) {
  quantity sum;
  for (int i = 0; i < 10; ++i) {
    sum += quantity::from_double(0.1, "num_cpus");
  }
  EXPECT_EQ(sum, quantity::one());
  EXPECT_EQ(quantity::from_double(0.1, "num_cpus") * 10, quantity::one());
}

TEST(quantity, a_double_goes_to_the_nearest_step) {
  EXPECT_EQ(quantity::from_double(0.33333, "num_cpus").steps(), 3333);
  EXPECT_EQ(quantity::from_double(0.66666, "num_cpus").steps(), 6667);
  EXPECT_EQ(quantity::from_double(0.29, "num_cpus").steps(), 2900);
  EXPECT_EQ(quantity::from_double(3, "num_cpus").steps(), 30'000);
}

TEST(quantity, half_a_step_is_the_least_that_counts) {
  EXPECT_EQ(quantity::from_double(0.00005, "num_cpus").steps(), 1);
  EXPECT_THAT(message_for(0.00004), HasSubstr("num_cpus: 4e-05 is too small"));
}

TEST(quantity, zero_is_zero_with_either_sign) {
  EXPECT_TRUE(quantity::from_double(0.0, "num_cpus").is_zero());
  EXPECT_TRUE(quantity::from_double(-0.0, "num_cpus").is_zero());
}

TEST(quantity, a_negative_number_is_refused_by_name_and_value) {
  EXPECT_THAT(message_for(-1.5), HasSubstr("num_cpus: -1.5 is negative"));
  EXPECT_THAT(message_for(-1e-9), HasSubstr("is negative"));
}

TEST(quantity, nan_and_infinity_are_refused) {
  EXPECT_THAT(message_for(std::nan("")), HasSubstr("num_cpus: nan is not a number"));
  EXPECT_THAT(message_for(std::numeric_limits<double>::infinity()), HasSubstr("inf is infinite"));
  EXPECT_THAT(message_for(-std::numeric_limits<double>::infinity()), HasSubstr("is infinite"));
}

TEST(quantity, the_maximum_is_accepted_and_more_is_not) {
  const auto most = static_cast<double>(quantity::units_max);
  EXPECT_EQ(quantity::from_double(most, "num_cpus").whole(), quantity::units_max);
  EXPECT_THAT(message_for(most * 2), HasSubstr("above the maximum"));
  EXPECT_THAT(message_for(std::numeric_limits<double>::max()), HasSubstr("above the maximum"));
}

TEST(quantity, whole_rounds_down_and_ceil_whole_up) {
  EXPECT_EQ(quantity::from_steps(15'000).whole(), 1);
  EXPECT_EQ(quantity::from_steps(15'000).ceil_whole(), 2);
  EXPECT_EQ(quantity::from_whole(2).whole(), 2);
  EXPECT_EQ(quantity::from_whole(2).ceil_whole(), 2);
  EXPECT_EQ(quantity::from_steps(1).ceil_whole(), 1);
}

TEST(quantity, whole_and_ceil_whole_round_the_same_way_below_zero) {
  EXPECT_EQ(quantity::from_steps(-5'000).whole(), -1);
  EXPECT_EQ(quantity::from_steps(-5'000).ceil_whole(), 0);
  EXPECT_EQ(quantity::from_whole(-2).whole(), -2);
  EXPECT_EQ(quantity::from_whole(-2).ceil_whole(), -2);
}

TEST(quantity, text_is_exact_and_short) {
  EXPECT_EQ(quantity::zero().to_string(), "0");
  EXPECT_EQ(quantity::from_whole(500).to_string(), "500");
  EXPECT_EQ(quantity::from_steps(1).to_string(), "0.0001");
  EXPECT_EQ(quantity::from_steps(5'000).to_string(), "0.5");
  EXPECT_EQ(quantity::from_steps(10'020).to_string(), "1.002");
  EXPECT_EQ(quantity::from_steps(-12'500).to_string(), "-1.25");
  EXPECT_EQ(quantity::from_steps(-1).to_string(), "-0.0001");
}

TEST(quantity, every_step_survives_the_way_through_double) {
  for (std::int64_t steps = 0; steps <= 30'000; ++steps) {
    const auto amount = quantity::from_steps(steps);
    ASSERT_EQ(quantity::from_double(amount.to_double(), "x"), amount) << steps;
  }
}

TEST(quantity, amounts_compare_and_subtract) {
  const auto half = quantity::from_steps(5'000);
  EXPECT_LT(half, quantity::one());
  EXPECT_EQ(quantity::one() - half, half);
  EXPECT_EQ(half - quantity::one(), -half);
  EXPECT_TRUE(quantity::one().is_whole());
  EXPECT_FALSE(half.is_whole());
}

}  // namespace
