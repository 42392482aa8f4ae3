#include "demo/blur.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include <gtest/gtest.h>

#include "test_pictures.hpp"

namespace {

using demo::image;

/// The definition, in two dimensions and 64 bits.
std::uint8_t direct_sample(const image& source, int x, int y, int channel, int radius) {
  const auto weights = demo::gaussian_weights(radius);
  std::uint64_t sum = 0;
  for (int dy = -radius; dy <= radius; ++dy) {
    for (int dx = -radius; dx <= radius; ++dx) {
      const int from_y = std::clamp(y + dy, 0, source.height - 1);
      const int from_x = std::clamp(x + dx, 0, source.width - 1);
      sum += std::uint64_t(weights[std::size_t(std::abs(dx))]) *
             weights[std::size_t(std::abs(dy))] * source.row(from_y)[3 * from_x + channel];
    }
  }
  return std::uint8_t((sum + (1U << 23)) >> 24);
}

image direct_blur(const image& source, int radius) {
  image blurred = demo::make_image(source.width, source.height);
  for (int y = 0; y < source.height; ++y) {
    for (int x = 0; x < source.width; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        blurred.row(y)[3 * x + channel] = direct_sample(source, x, y, channel, radius);
      }
    }
  }
  return blurred;
}

TEST(blur, weights_sum_to_4096_and_fall_with_distance) {
  for (int radius = 0; radius <= 60; ++radius) {
    const auto weights = demo::gaussian_weights(radius);
    std::uint32_t sum = weights[0];
    for (std::size_t k = 1; k < weights.size(); ++k) {
      sum += 2 * weights[k];
      EXPECT_LE(weights[k], weights[k - 1]) << "radius " << radius << ", distance " << k;
    }
    EXPECT_EQ(sum, 4096U) << "radius " << radius;
  }
}

TEST(blur, weights_follow_the_gaussian_of_a_third_of_the_radius) {
  const auto weights = demo::gaussian_weights(demo::blur_radius);
  const double deviation = demo::blur_radius / 3.0;
  double sum = 1;
  for (int k = 1; k <= demo::blur_radius; ++k)
    sum += 2 * std::exp(-k * k / (2 * deviation * deviation));
  for (int k = 0; k <= demo::blur_radius; ++k) {
    const double exact = 4096 / sum * std::exp(-k * k / (2 * deviation * deviation));
    EXPECT_NEAR(weights[std::size_t(k)], exact, k == 0 ? 2.0 : 1.0) << "distance " << k;
  }
}

TEST(blur, constant_picture_stays_constant) {
  for (const int level : {0, 1, 127, 128, 254, 255}) {
    const auto value = std::uint8_t(level);
    const image source = demo::make_image(50, 30, value, 0, value);
    EXPECT_EQ(demo::gaussian_blur(source), source) << "level " << level;
  }
}

TEST(blur, impulse_response_equals_the_products_of_the_weights) {
  image source = demo::make_image(61, 61);
  source.row(30)[3 * 30 + 1] = 255;
  const image blurred = demo::gaussian_blur(source);
  const auto weights = demo::gaussian_weights(demo::blur_radius);
  for (int y = 0; y < 61; ++y) {
    for (int x = 0; x < 61; ++x) {
      const auto dx = std::size_t(std::abs(x - 30));
      const auto dy = std::size_t(std::abs(y - 30));
      const std::uint64_t weight =
          dx <= 20 && dy <= 20 ? std::uint64_t(weights[dx]) * weights[dy] : 0;
      ASSERT_EQ(blurred.row(y)[3 * x + 1], (255 * weight + (1U << 23)) >> 24) << x << ", " << y;
      ASSERT_EQ(blurred.row(y)[3 * x], 0);
      ASSERT_EQ(blurred.row(y)[3 * x + 2], 0);
    }
  }
}

TEST(blur, separable_equals_the_direct_sum_bit_for_bit) {
  const image source = random_picture(53, 47, 1);
  EXPECT_EQ(demo::gaussian_blur(source), direct_blur(source, demo::blur_radius));
}

TEST(blur, pictures_smaller_than_the_window_repeat_their_edges) {
  unsigned seed = 2;
  for (const int radius : {0, 1, 3, 20}) {
    for (const auto& [width, height] : {std::pair{1, 1}, {1, 9}, {9, 1}, {2, 3}, {21, 19}}) {
      const image source = random_picture(width, height, ++seed);
      EXPECT_EQ(demo::gaussian_blur(source, radius), direct_blur(source, radius))
          << width << " x " << height << ", radius " << radius;
    }
  }
}

TEST(blur, rows_longer_than_a_tile_have_no_seams) {
  const image source = random_picture(700, 6, 3);
  EXPECT_EQ(demo::gaussian_blur(source, 4), direct_blur(source, 4));
}

TEST(blur, white_beside_black_stays_within_32_bits) {
  image source = demo::make_image(80, 80, 255, 255, 255);
  for (int y = 0; y < 40; ++y) std::fill_n(source.row(y), source.row_samples(), std::uint8_t{0});
  EXPECT_EQ(demo::gaussian_blur(source), direct_blur(source, demo::blur_radius));
}

}  // namespace
