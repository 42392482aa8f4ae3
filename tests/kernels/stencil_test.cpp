#include "kernels/stencil.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::random_floats;
using test::same_bits;

std::vector<float> reference(std::size_t width, std::size_t height, const std::vector<float>& in) {
  std::vector<float> out = in;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t x = i % width;
    const std::size_t y = i / width;
    if (x == 0 || y == 0 || x == width - 1 || y == height - 1) continue;
    const float across = in[i - 1] + in[i + 1];
    const float along = in[i - width] + in[i + width];
    out[i] = (along + across) / 4.0F;
  }
  return out;
}

class stencil : public testing::TestWithParam<std::pair<std::size_t, std::size_t>> {};

TEST_P(stencil, kernel_twin_and_reference_agree_bit_for_bit) {
  const auto [width, height] = GetParam();
  const auto in = random_floats(width * height, 21);
  const auto expected = reference(width, height, in);

  std::vector<float> kernel(in.size(), -1.0F);
  ASSERT_EQ(stencil_launch(width, height, in.data(), kernel.data(), host_stream), launched);
  EXPECT_TRUE(same_bits(kernel, expected));

  std::vector<float> twin(in.size(), -1.0F);
  stencil_cpu(width, height, in.data(), twin.data());
  EXPECT_TRUE(same_bits(twin, expected));
}

using size = std::pair<std::size_t, std::size_t>;
INSTANTIATE_TEST_SUITE_P(sizes, stencil,
                         testing::Values(size{0, 0}, size{1, 1}, size{1, 5}, size{5, 1}, size{2, 2},
                                         size{3, 3}, size{31, 32}, size{32, 32}, size{33, 31},
                                         size{65, 97}, size{1023, 257}));

TEST(stencil_steps, a_hot_edge_warms_the_inside) {
  constexpr std::size_t side = 40;
  std::vector<float> cells(side * side, 0.0F);
  for (std::size_t x = 0; x < side; ++x) cells[x] = 100.0F;
  std::vector<float> next = cells;
  for (int step = 0; step < 2000; ++step) {
    ASSERT_EQ(stencil_launch(side, side, cells.data(), next.data(), host_stream), launched);
    std::swap(cells, next);
  }
  // In the middle of a square plate with one hot side the temperature is a quarter of it.
  EXPECT_NEAR(cells[(side / 2) * side + side / 2], 25.0F, 2.0F);
}

TEST(stencil_arguments, what_cannot_be_is_refused) {
  float value = 0;
  float other = 0;
  EXPECT_EQ(stencil_launch(1, 1, nullptr, &value, host_stream), launch_bad_argument);
  EXPECT_EQ(stencil_launch(1, 1, &value, nullptr, host_stream), launch_bad_argument);
  EXPECT_EQ(stencil_launch(1, 1, &value, &value, host_stream), launch_bad_argument);
  constexpr std::size_t huge = std::numeric_limits<std::uint32_t>::max();
  EXPECT_EQ(stencil_launch(huge, huge, &value, &other, host_stream), launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
