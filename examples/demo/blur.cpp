#include "blur.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace demo {
namespace {

constexpr std::uint32_t weights_sum = 4096;

/// `out[i] = weights[0] * centre[i] + sum of weights[k] * (before(k)[i] + after(k)[i])`, in tiles
/// that stay in the first-level cache.
template <typename Before, typename After>
void weigh(const std::vector<std::uint32_t>& weights, const std::uint32_t* centre, Before before,
           After after, std::uint32_t* out, std::size_t samples) {
  constexpr std::size_t tile = 1024;
  for (std::size_t begin = 0; begin < samples; begin += tile) {
    const std::size_t end = std::min(begin + tile, samples);
    for (std::size_t i = begin; i < end; ++i) out[i] = weights[0] * centre[i];
    for (std::size_t k = 1; k < weights.size(); ++k) {
      const std::uint32_t weight = weights[k];
      const std::uint32_t* const low = before(k);
      const std::uint32_t* const high = after(k);
      for (std::size_t i = begin; i < end; ++i) out[i] += weight * (low[i] + high[i]);
    }
  }
}

/// The rows of a picture, filtered along x. Rows are asked for with y rising, and only a window of
/// 2 * radius + 1 rows is kept, in a ring.
class filtered_rows {
 public:
  filtered_rows(const image& source, const std::vector<std::uint32_t>& weights)
      : source_{source},
        weights_{weights},
        radius_{int(weights.size()) - 1},
        padded_((std::size_t(source.width) + 2 * std::size_t(radius_)) * 3),
        ring_(source.row_samples() * (2 * std::size_t(radius_) + 1)) {}

  /// Requires: y no further than the window below the highest row asked for.
  const std::uint32_t* at(int y) {
    y = std::clamp(y, 0, source_.height - 1);
    while (filtered_ <= y) filter(filtered_++);
    return slot(y);
  }

 private:
  std::uint32_t* slot(int y) {
    return ring_.data() + source_.row_samples() * std::size_t(y % (2 * radius_ + 1));
  }

  void filter(int y) {
    const std::uint8_t* const row = source_.row(y);
    for (int x = -radius_; x < source_.width + radius_; ++x) {
      const std::uint8_t* const pixel = row + 3 * std::size_t(std::clamp(x, 0, source_.width - 1));
      std::copy_n(pixel, 3, padded_.begin() + 3 * (x + radius_));
    }
    const std::uint32_t* const centre = padded_.data() + 3 * std::size_t(radius_);
    weigh(
        weights_, centre, [centre](std::size_t k) { return centre - 3 * k; },
        [centre](std::size_t k) { return centre + 3 * k; }, slot(y), source_.row_samples());
  }

  const image& source_;
  const std::vector<std::uint32_t>& weights_;
  const int radius_;
  int filtered_ = 0;
  std::vector<std::uint32_t> padded_;
  std::vector<std::uint32_t> ring_;
};

/// The Gaussian at each distance, scaled so that both sides and the centre sum to `weights_sum`.
std::vector<double> exact_weights(int radius) {
  const double deviation = radius / 3.0;
  std::vector<double> exact(std::size_t(radius) + 1, 1.0);
  double sum = 1.0;
  for (std::size_t k = 1; k < exact.size(); ++k) {
    exact[k] = std::exp(-double(k * k) / (2 * deviation * deviation));
    sum += 2 * exact[k];
  }
  for (double& weight : exact) weight *= weights_sum / sum;
  return exact;
}

}  // namespace

std::vector<std::uint32_t> gaussian_weights(int radius) {
  const std::vector<double> exact = exact_weights(radius);
  std::vector<std::uint32_t> weights(exact.begin(), exact.end());  // rounded down
  std::uint32_t missing = weights_sum - weights[0];
  for (std::size_t k = 1; k < weights.size(); ++k) missing -= 2 * weights[k];

  std::vector<std::size_t> by_loss(weights.size() - 1);  // those that lost most first
  std::iota(by_loss.begin(), by_loss.end(), std::size_t{1});
  std::stable_sort(by_loss.begin(), by_loss.end(), [&](std::size_t left, std::size_t right) {
    return exact[left] - weights[left] > exact[right] - weights[right];
  });
  for (auto k = by_loss.begin(); k != by_loss.end() && missing > 2; ++k, missing -= 2)
    ++weights[*k];
  weights[0] +=
      missing;  // 1 or 2, so that the centre stays the highest; with radius 0 nothing is missing
  return weights;
}

image gaussian_blur(const image& source, int radius) {
  const std::vector<std::uint32_t> weights = gaussian_weights(radius);
  filtered_rows rows{source, weights};
  image blurred{source.width, source.height, std::vector<std::uint8_t>(source.rgb.size())};
  std::vector<std::uint32_t> sums(source.row_samples());
  for (int y = 0; y < source.height; ++y) {
    rows.at(y + radius);
    weigh(
        weights, rows.at(y), [&rows, y](std::size_t k) { return rows.at(y - int(k)); },
        [&rows, y](std::size_t k) { return rows.at(y + int(k)); }, sums.data(), sums.size());
    std::transform(sums.begin(), sums.end(), blurred.row(y),
                   [](std::uint32_t sum) { return std::uint8_t((sum + (1U << 23)) >> 24); });
  }
  return blurred;
}

}  // namespace demo
