// The demo's blur: a real Gaussian, separable, in integers alone, so that any other implementation
// (a GPU's, say) can equal it bit for bit. The weights sum to 4,096, hence every output sample is
// the exact weighted sum of its neighbourhood, (sum of w[dx] * w[dy] * sample + 2^23) >> 24, and
// the sum never exceeds 32 bits. Pixels beyond an edge count as the pixel on it.
#pragma once

#include <cstdint>
#include <vector>

#include "image.hpp"

namespace demo {

inline constexpr int blur_radius = 20;

/// The weight at each distance from the centre, 0 to `radius`; w[0] + 2 * (w[1] + ... + w[radius])
/// is 4,096 exactly. The standard deviation is radius / 3, so that the window holds three of them
/// on each side. Requires: radius >= 0.
std::vector<std::uint32_t> gaussian_weights(int radius);

/// Needs memory for the result and for 2 * radius + 1 filtered rows. Requires: a picture of at
/// least one pixel.
image gaussian_blur(const image& source, int radius = blur_radius);

}  // namespace demo
