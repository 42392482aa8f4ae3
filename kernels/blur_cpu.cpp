#include "blur.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace narke::kernels {
namespace {

/// A row with `radius` copies of its first and of its last pixel around it.
void pad_row(const picture_shape& shape, const std::uint8_t* row, std::uint32_t radius,
             std::uint16_t* padded) {
  const std::uint32_t channels = shape.channels;
  for (std::uint32_t i = 0; i < radius; ++i, padded += channels) std::copy_n(row, channels, padded);
  padded = std::copy_n(row, shape.row_samples(), padded);
  const std::uint8_t* const last = row + shape.row_samples() - channels;
  for (std::uint32_t i = 0; i < radius; ++i, padded += channels)
    std::copy_n(last, channels, padded);
}

/// `out[i] = weights[0] * centre[i] + sum of weights[k] * (before(k)[i] + after(k)[i])`, in pieces
/// that stay in the first-level cache.
template <class Sample, class Neighbour>
void weigh(const blur_weights& weights, std::size_t samples, Neighbour at, std::uint32_t* out) {
  constexpr std::size_t piece = 1024;
  for (std::size_t begin = 0; begin < samples; begin += piece) {
    const std::size_t end = std::min(begin + piece, samples);
    const Sample* const centre = at(0);
    for (std::size_t i = begin; i < end; ++i) out[i] = std::uint32_t(weights.at[0]) * centre[i];
    for (int k = 1; k <= int(weights.radius); ++k) {
      const std::uint32_t weight = weights.at[k];
      const Sample* const before = at(-k);
      const Sample* const after = at(k);
      for (std::size_t i = begin; i < end; ++i)
        out[i] += weight * (std::uint32_t(before[i]) + after[i]);
    }
  }
}

/// Filters along x. `padded` is scratch memory.
void filter_row(const picture_shape& shape, const blur_weights& weights, const std::uint8_t* row,
                std::vector<std::uint16_t>& padded, std::uint32_t* out) {
  pad_row(shape, row, weights.radius, padded.data());
  const std::ptrdiff_t channels = shape.channels;
  const std::uint16_t* const centre = padded.data() + std::ptrdiff_t(weights.radius) * channels;
  weigh<std::uint16_t>(
      weights, shape.row_samples(), [=](int k) { return centre + k * channels; }, out);
}

/// Filters along y: one row of `out` from the filtered rows around it.
void filter_column(const std::vector<const std::uint32_t*>& rows, const blur_weights& weights,
                   std::vector<std::uint32_t>& sums, std::uint8_t* out) {
  const auto row = [&](int k) { return rows[std::size_t(int(weights.radius) + k)]; };
  weigh<std::uint32_t>(weights, sums.size(), row, sums.data());
  std::transform(sums.begin(), sums.end(), out,
                 [](std::uint32_t sum) { return std::uint8_t((sum + (1U << 23)) >> 24); });
}

}  // namespace

blur_weights gaussian_weights(std::uint32_t radius) {
  if (radius > blur_radius_max)
    throw std::invalid_argument("radius = " + std::to_string(radius) + ": must be 0 to " +
                                std::to_string(blur_radius_max));
  std::vector<double> exact(radius + 1, 1.0);
  double sum = 1.0;
  const double deviation = radius / 3.0;
  for (std::size_t k = 1; k < exact.size(); ++k) {
    exact[k] = std::exp(-double(k * k) / (2 * deviation * deviation));
    sum += 2 * exact[k];
  }
  blur_weights weights{radius, {}};
  std::vector<double> lost(exact.size());
  std::uint32_t missing = blur_weights_sum;
  for (std::size_t k = 0; k < exact.size(); ++k) {
    const double scaled = exact[k] * (blur_weights_sum / sum);
    weights.at[k] = std::uint16_t(scaled);
    lost[k] = scaled - weights.at[k];
    missing -= (k == 0 ? 1U : 2U) * weights.at[k];
  }
  std::vector<std::size_t> sides(radius);
  std::iota(sides.begin(), sides.end(), std::size_t{1});
  std::stable_sort(sides.begin(), sides.end(),
                   [&](std::size_t left, std::size_t right) { return lost[left] > lost[right]; });
  for (auto side = sides.begin(); side != sides.end() && missing > 2; ++side, missing -= 2)
    ++weights.at[*side];
  weights.at[0] = std::uint16_t(weights.at[0] + missing);
  return weights;
}

void blur_cpu(const picture_shape& shape, const blur_weights& weights, const std::uint8_t* in,
              std::uint8_t* out) {
  if (shape.samples() == 0) return;
  const std::uint32_t radius = weights.radius;
  const std::uint32_t window = 2 * radius + 1;
  const std::size_t samples = shape.row_samples();
  std::vector<std::uint16_t> padded(samples + 2 * std::size_t(radius) * shape.channels);
  std::vector<std::uint32_t> ring(samples * window);  // filtered rows, each in slot y % window
  std::vector<const std::uint32_t*> rows(window);
  std::vector<std::uint32_t> sums(samples);
  std::uint32_t filtered = 0;
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (; filtered < shape.height && filtered <= y + radius; ++filtered)
      filter_row(shape, weights, in + filtered * samples, padded,
                 ring.data() + filtered % window * samples);
    for (std::uint32_t i = 0; i < window; ++i) {
      const std::uint32_t from = y + i < radius ? 0 : std::min(y + i - radius, shape.height - 1);
      rows[i] = ring.data() + from % window * samples;
    }
    filter_column(rows, weights, sums, out + y * samples);
  }
}

}  // namespace narke::kernels
