#include "kernels/sort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_bits;
using test::random_floats;
using test::same_bits;
using test::workspace;

template <class Key>
std::vector<Key> by_launcher(const std::vector<Key>& in) {
  workspace scratch{sort_workspace_bytes(in.size(), host_stream)};
  std::vector<Key> out(in.size());
  EXPECT_EQ(
      sort_launch(in.size(), in.data(), out.data(), scratch.data(), scratch.size(), host_stream),
      launched);
  return out;
}

/// The documented order of floats, as sign and distance from 0.
std::int64_t place_of(float key) {
  const auto bits = std::bit_cast<std::uint32_t>(key);
  const std::int64_t distance = bits & 0x7fffffffU;
  return (bits >> 31) != 0 ? -distance : distance;
}

std::vector<float> sorted(std::vector<float> keys) {
  std::stable_sort(keys.begin(), keys.end(),
                   [](float left, float right) { return place_of(left) < place_of(right); });
  return keys;
}

class sort : public testing::TestWithParam<std::size_t> {};

TEST_P(sort, whole_numbers_are_in_order) {
  const auto in = random_bits(GetParam(), 41);
  auto expected = in;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(by_launcher(in), expected);
}

TEST_P(sort, floats_are_in_order) {
  const auto in = random_floats(GetParam(), 42);
  EXPECT_TRUE(same_bits(by_launcher(in), sorted(in)));
}

TEST_P(sort, any_bits_taken_as_floats_have_their_place) {
  const auto bits = random_bits(GetParam(), 43);
  std::vector<float> in;
  for (const std::uint32_t value : bits) in.push_back(std::bit_cast<float>(value));
  EXPECT_TRUE(same_bits(by_launcher(in), sorted(in)));
}

INSTANTIATE_TEST_SUITE_P(sizes, sort, testing::Values(0, 1, 2, 3, 1023, 65'537, 300'001));

TEST(sort_order, zeros_of_both_signs_keep_their_order) {
  const std::vector<float> in{0.0F, -0.0F, 1.0F, -0.0F, 0.0F, -1.0F};
  const std::vector<float> expected{-1.0F, 0.0F, -0.0F, -0.0F, 0.0F, 1.0F};
  EXPECT_TRUE(same_bits(by_launcher(in), expected));
}

TEST(sort_order, infinities_and_what_is_no_number_stand_at_the_ends) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  const std::vector<float> in{nan, infinity, -nan, 0.0F, -infinity};
  const std::vector<float> expected{-nan, -infinity, 0.0F, infinity, nan};
  EXPECT_TRUE(same_bits(by_launcher(in), expected));
}

TEST(sort_arguments, the_input_stays_as_it_is) {
  const auto in = random_bits(1000, 44);
  const auto copy = in;
  (void)by_launcher(in);
  EXPECT_EQ(in, copy);
}

TEST(sort_arguments, what_cannot_be_is_refused) {
  std::uint32_t key = 0;
  std::uint32_t out = 0;
  std::uint32_t scratch = 0;
  EXPECT_EQ(sort_launch(1, &key, &key, &scratch, 4, host_stream), launch_bad_argument);
  EXPECT_EQ(sort_launch(1, &key, &out, nullptr, 4, host_stream), launch_bad_argument);
  EXPECT_EQ(sort_launch(1, &key, &out, &scratch, 3, host_stream), launch_bad_argument);
  EXPECT_EQ(sort_launch(std::size_t{1} << 31, &key, &out, &scratch, 4, host_stream),
            launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
