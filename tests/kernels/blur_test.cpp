#include "kernels/blur.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

#include "demo/blur.hpp"
#include "kernel_data.hpp"

namespace narke::kernels {
namespace {

using test::workspace;
using picture = std::vector<std::uint8_t>;

picture random_picture(const picture_shape& shape, std::uint32_t seed) {
  picture samples;
  for (const std::uint32_t bits : test::random_bits(shape.samples(), seed))
    samples.push_back(std::uint8_t(bits >> 24));
  return samples;
}

picture by_kernel(const picture_shape& shape, const blur_weights& weights, const picture& in) {
  workspace scratch{blur_workspace_bytes(shape)};
  picture out(in.size(), 0xee);
  EXPECT_EQ(blur_launch(shape, weights, in.data(), out.data(), scratch.data(), host_stream),
            launched);
  return out;
}

picture by_twin(const picture_shape& shape, const blur_weights& weights, const picture& in) {
  picture out(in.size(), 0xee);
  blur_cpu(shape, weights, in.data(), out.data());
  return out;
}

/// The documented sum over the whole window, in 64 bits, sample by sample.
std::uint8_t brute_force(const picture_shape& shape, const blur_weights& weights, const picture& in,
                         std::size_t at) {
  const auto channel = std::ptrdiff_t(at % shape.channels);
  const auto x = std::ptrdiff_t(at / shape.channels % shape.width);
  const auto y = std::ptrdiff_t(at / shape.row_samples());
  const auto radius = std::ptrdiff_t(weights.radius);
  std::uint64_t sum = std::uint64_t{1} << 23;
  for (std::ptrdiff_t dy = -radius; dy <= radius; ++dy) {
    const auto row = std::clamp<std::ptrdiff_t>(y + dy, 0, shape.height - 1);
    for (std::ptrdiff_t dx = -radius; dx <= radius; ++dx) {
      const auto column = std::clamp<std::ptrdiff_t>(x + dx, 0, shape.width - 1);
      const auto pixel = row * std::ptrdiff_t(shape.width) + column;
      sum += std::uint64_t{weights.at[std::abs(dx)]} * weights.at[std::abs(dy)] *
             in[std::size_t(pixel * std::ptrdiff_t(shape.channels) + channel)];
    }
  }
  return std::uint8_t(sum >> 24);
}

struct scene {
  picture_shape shape;
  std::uint32_t radius;
};

class blur : public testing::TestWithParam<scene> {};

TEST_P(blur, kernel_and_twin_give_the_same_picture) {
  const auto& [shape, radius] = GetParam();
  const picture in = random_picture(shape, 51);
  const blur_weights weights = gaussian_weights(radius);
  EXPECT_EQ(by_kernel(shape, weights, in), by_twin(shape, weights, in));
}

TEST_P(blur, samples_are_the_weighted_sums_of_their_windows) {
  const auto& [shape, radius] = GetParam();
  const picture in = random_picture(shape, 52);
  const blur_weights weights = gaussian_weights(radius);
  const picture out = by_kernel(shape, weights, in);
  const std::size_t step = std::max<std::size_t>(1, out.size() / 997);
  for (std::size_t i = 0; i < out.size(); i += step)
    ASSERT_EQ(out[i], brute_force(shape, weights, in, i)) << "sample " << i;
}

INSTANTIATE_TEST_SUITE_P(scenes, blur,
                         testing::Values(scene{{0, 0, 3}, 20}, scene{{1, 1, 1}, 20},
                                         scene{{1, 1, 4}, 64}, scene{{7, 5, 3}, 20},
                                         scene{{257, 3, 3}, 2}, scene{{256, 64, 4}, 20},
                                         scene{{255, 65, 1}, 64}, scene{{300, 200, 3}, 0},
                                         scene{{1, 300, 2}, 20}, scene{{641, 157, 3}, 20}));

TEST(blur_of_the_demo, is_the_same_picture_bit_for_bit) {
  const picture_shape shape{421, 133, 3};
  const demo::image source{421, 133, random_picture(shape, 53)};
  for (const int radius : {0, 1, 20}) {
    const blur_weights weights = gaussian_weights(std::uint32_t(radius));
    EXPECT_EQ(by_kernel(shape, weights, source.rgb), demo::gaussian_blur(source, radius).rgb);
  }
}

TEST(blur_weights_of, every_radius_are_the_demos_and_sum_to_4096) {
  for (std::uint32_t radius = 0; radius <= blur_radius_max; ++radius) {
    const blur_weights weights = gaussian_weights(radius);
    const std::vector<std::uint32_t> ours(weights.at, weights.at + radius + 1);
    EXPECT_EQ(ours, demo::gaussian_weights(int(radius)));
    EXPECT_EQ(2 * std::accumulate(ours.begin(), ours.end(), 0U) - ours[0], blur_weights_sum);
    EXPECT_TRUE(std::is_sorted(ours.rbegin(), ours.rend())) << "radius " << radius;
  }
}

TEST(blur_weights_of, a_radius_out_of_range_is_refused_by_name) {
  try {
    (void)gaussian_weights(65);
    FAIL() << "not refused";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "radius = 65: must be 0 to 64");
  }
}

TEST(blur_rules, a_white_picture_stays_white) {
  const picture_shape shape{130, 70, 3};
  const picture white(shape.samples(), 255);
  EXPECT_EQ(by_kernel(shape, gaussian_weights(64), white), white);
  EXPECT_EQ(by_twin(shape, gaussian_weights(64), white), white);
}

TEST(blur_rules, the_output_may_be_the_input) {
  const picture_shape shape{97, 55, 4};
  picture samples = random_picture(shape, 54);
  const blur_weights weights = gaussian_weights(20);
  const picture expected = by_twin(shape, weights, samples);
  workspace scratch{blur_workspace_bytes(shape)};
  ASSERT_EQ(
      blur_launch(shape, weights, samples.data(), samples.data(), scratch.data(), host_stream),
      launched);
  EXPECT_EQ(samples, expected);
}

TEST(blur_arguments, what_cannot_be_is_refused) {
  std::uint8_t in = 0;
  std::uint8_t out = 0;
  std::uint32_t scratch = 0;
  const blur_weights weights = gaussian_weights(1);
  EXPECT_EQ(blur_launch({1, 1, 5}, weights, &in, &out, &scratch, nullptr), launch_bad_argument);
  EXPECT_EQ(blur_launch({1, 1, 0}, weights, &in, &out, &scratch, nullptr), launch_bad_argument);
  EXPECT_EQ(blur_launch({1, 1, 1}, weights, nullptr, &out, &scratch, nullptr), launch_bad_argument);
  EXPECT_EQ(blur_launch({1, 1, 1}, weights, &in, &out, nullptr, nullptr), launch_bad_argument);
  blur_weights wrong = weights;
  ++wrong.at[1];
  EXPECT_EQ(blur_launch({1, 1, 1}, wrong, &in, &out, &scratch, nullptr), launch_bad_argument);
  wrong.radius = 65;
  EXPECT_EQ(blur_launch({1, 1, 1}, wrong, &in, &out, &scratch, nullptr), launch_bad_argument);
}

}  // namespace
}  // namespace narke::kernels
