#include "kernels/saxpy.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_floats;
using test::same_bits;

/// The product is rounded to a float of its own.
float reference(float a, float x, float y) {
  const auto product = static_cast<float>(double(a) * double(x));  // exact in double, then rounded
  return static_cast<float>(double(product) + double(y));
}

class saxpy : public testing::TestWithParam<std::size_t> {};

TEST_P(saxpy, kernel_twin_and_reference_agree_bit_for_bit) {
  const std::size_t n = GetParam();
  const auto x = random_floats(n, 1);
  const auto y = random_floats(n, 2);
  std::vector<float> expected(n);
  for (std::size_t i = 0; i < n; ++i) expected[i] = reference(1.7F, x[i], y[i]);

  std::vector<float> kernel(n, -1.0F);
  ASSERT_EQ(saxpy_launch(n, 1.7F, x.data(), y.data(), kernel.data(), host_stream), launched);
  EXPECT_TRUE(same_bits(kernel, expected));

  std::vector<float> twin(n, -1.0F);
  saxpy_cpu(n, 1.7F, x.data(), y.data(), twin.data());
  EXPECT_TRUE(same_bits(twin, expected));
}

INSTANTIATE_TEST_SUITE_P(sizes, saxpy, testing::Values(0, 1, 3, 255, 1023, 1024, 1025, 100'003));

TEST(saxpy_in_place, output_may_be_an_input) {
  auto x = random_floats(5000, 3);
  auto y = random_floats(5000, 4);
  std::vector<float> expected(5000);
  saxpy_cpu(5000, -2.0F, x.data(), y.data(), expected.data());
  ASSERT_EQ(saxpy_launch(5000, -2.0F, x.data(), y.data(), y.data(), host_stream), launched);
  EXPECT_TRUE(same_bits(y, expected));
}

TEST(saxpy_arguments, nothing_beyond_n_is_written) {
  const auto x = random_floats(100, 5);
  std::vector<float> out(1024, 7.0F);
  ASSERT_EQ(saxpy_launch(100, 1.0F, x.data(), x.data(), out.data(), host_stream), launched);
  for (std::size_t i = 100; i < out.size(); ++i) ASSERT_EQ(out[i], 7.0F);
}

TEST(saxpy_arguments, null_pointers_are_refused) {
  float value = 0;
  EXPECT_EQ(saxpy_launch(1, 1, nullptr, &value, &value, host_stream), launch_bad_argument);
  EXPECT_EQ(saxpy_launch(1, 1, &value, nullptr, &value, host_stream), launch_bad_argument);
  EXPECT_EQ(saxpy_launch(1, 1, &value, &value, nullptr, host_stream), launch_bad_argument);
  EXPECT_EQ(saxpy_launch(0, 1, nullptr, nullptr, nullptr, host_stream), launched);
}

TEST(saxpy_arguments, more_blocks_than_a_grid_has_are_refused) {
  float value = 0;
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max() / 8;
  EXPECT_EQ(saxpy_launch(huge, 1, &value, &value, &value, host_stream), launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
