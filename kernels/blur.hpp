// A Gaussian blur of 8-bit pictures in whole numbers alone, so that every device's picture and the
// CPU twin's are the same bit for bit. It is separable; the weights of one direction sum to 4,096,
// so every output sample is the exact (sum of w[dx] * w[dy] * sample + 2^23) >> 24, which never
// leaves 32 bits. Pixels beyond an edge count as the pixel on it. Rows lie without gaps, channels
// side by side; every channel is blurred alike. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "launch.hpp"

namespace narke::kernels {

inline constexpr std::uint32_t blur_radius_max = 64;
inline constexpr std::uint32_t blur_weights_sum = 4096;

/// `at[k]` weighs what is k away from the centre; at[0] + 2 * (at[1] + … + at[radius]) has to be
/// `blur_weights_sum`. Small enough to travel with a launch.
struct blur_weights {
  std::uint32_t radius = 0;
  std::uint16_t at[blur_radius_max + 1] = {blur_weights_sum};
};

/// The Gaussian with a standard deviation of radius / 3, in whole numbers: rounded down, and what
/// is missing goes to those that lost most. Throws std::invalid_argument above `blur_radius_max`.
[[nodiscard]] blur_weights gaussian_weights(std::uint32_t radius);

struct picture_shape {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 3;  ///< 1 to 4

  [[nodiscard]] std::size_t row_samples() const { return std::size_t(width) * channels; }
  [[nodiscard]] std::size_t samples() const { return row_samples() * height; }
};

[[nodiscard]] std::size_t blur_workspace_bytes(const picture_shape& shape);

/// `out` may be `in`.
[[nodiscard]] launch_code blur_launch(const picture_shape& shape, const blur_weights& weights,
                                      const std::uint8_t* in, std::uint8_t* out, void* workspace,
                                      void* stream);

/// `out` may not be `in`.
void blur_cpu(const picture_shape& shape, const blur_weights& weights, const std::uint8_t* in,
              std::uint8_t* out);

}  // namespace narke::kernels
