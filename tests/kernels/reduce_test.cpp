#include "kernels/reduce.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_bits;
using test::random_floats;
using test::same_bits;
using test::workspace;

/// The documented order, told from the top: what lane t holds when `width` lanes are left.
template <class Sum, class Element>
Sum lane(const Element* in, std::size_t n, std::size_t t, std::size_t width) {
  if (width < reduce_lanes)
    return lane<Sum>(in, n, t, 2 * width) + lane<Sum>(in, n, t + width, 2 * width);
  Sum sum{};
  for (std::size_t i = t; i < n; i += reduce_lanes) sum += Sum(in[i]);
  return sum;
}

template <class Sum, class Element>
Sum reference(const std::vector<Element>& in) {
  if (in.size() <= reduce_tile) return lane<Sum>(in.data(), in.size(), 0, 1);
  std::vector<Sum> tiles;
  for (std::size_t begin = 0; begin < in.size(); begin += reduce_tile)
    tiles.push_back(lane<Sum>(in.data() + begin, std::min(reduce_tile, in.size() - begin), 0, 1));
  return reference<Sum>(tiles);
}

template <class Sum, class Element>
Sum by_kernel(const std::vector<Element>& in) {
  workspace scratch{reduce_workspace_bytes(in.size())};
  Sum out{};
  EXPECT_EQ(reduce_launch(in.size(), in.data(), &out, scratch.data(), host_stream), launched);
  return out;
}

class reduce : public testing::TestWithParam<std::size_t> {};

TEST_P(reduce, floats_agree_bit_for_bit) {
  const auto in = random_floats(GetParam(), 11);
  const float expected = reference<float>(in);
  EXPECT_TRUE(same_bits(by_kernel<float>(in), expected));
  EXPECT_TRUE(same_bits(reduce_cpu(in.size(), in.data()), expected));
}

TEST_P(reduce, doubles_agree_bit_for_bit) {
  const auto floats = random_floats(GetParam(), 12);
  std::vector<double> in(floats.begin(), floats.end());
  for (double& value : in) value = std::sqrt(std::abs(value)) - 15.0;
  const double expected = reference<double>(in);
  EXPECT_TRUE(same_bits(by_kernel<double>(in), expected));
  EXPECT_TRUE(same_bits(reduce_cpu(in.size(), in.data()), expected));
}

TEST_P(reduce, whole_numbers_are_exact) {
  const auto bits = random_bits(GetParam(), 13);
  std::vector<std::int32_t> in;
  for (const std::uint32_t value : bits) in.push_back(std::int32_t(value));
  const std::int64_t expected = std::accumulate(in.begin(), in.end(), std::int64_t{0});
  EXPECT_EQ(by_kernel<std::int64_t>(in), expected);
  EXPECT_EQ(reduce_cpu(in.size(), in.data()), expected);
}

INSTANTIATE_TEST_SUITE_P(sizes, reduce,
                         testing::Values(0, 1, 2, 255, 256, 257, reduce_tile - 1, reduce_tile,
                                         reduce_tile + 1, 3 * reduce_tile + 77, 1'000'003));

TEST(reduce_rounds, three_rounds_sum_every_element_once) {
  const std::size_t n = reduce_tile * reduce_tile + 3;
  const std::vector<std::int32_t> in(n, 1);
  EXPECT_EQ(by_kernel<std::int64_t>(in), std::int64_t(n));
  EXPECT_EQ(reduce_cpu(n, in.data()), std::int64_t(n));
}

TEST(reduce_rounds, a_long_sum_of_floats_keeps_its_digits) {
  const std::vector<float> in(3'000'000, 0.1F);
  EXPECT_NEAR(by_kernel<float>(in), 300'000.0F, 1.0F);
}

TEST(reduce_arguments, null_pointers_are_refused) {
  const std::vector<float> in(reduce_tile + 1, 1.0F);
  float out = 0;
  EXPECT_EQ(reduce_launch(1, in.data(), static_cast<float*>(nullptr), nullptr, host_stream),
            launch_bad_argument);
  EXPECT_EQ(reduce_launch(1, static_cast<const float*>(nullptr), &out, nullptr, host_stream),
            launch_bad_argument);
  EXPECT_EQ(reduce_launch(in.size(), in.data(), &out, nullptr, host_stream), launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
