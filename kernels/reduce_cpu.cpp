#include "reduce.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace narke::kernels {
namespace {

/// The sum of one tile of at most `reduce_tile` elements. Rows of lanes are added whole: the
/// compiler makes vectors of them.
template <class Sum, class Element>
Sum tile_sum(const Element* in, std::size_t n) {
  std::array<Sum, reduce_lanes> lanes{};
  for (std::size_t row = 0; row < n; row += reduce_lanes) {
    const std::size_t width = std::min(reduce_lanes, n - row);
    for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += Sum(in[row + lane]);
  }
  for (std::size_t half = reduce_lanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

template <class Sum, class Element>
Sum sum(const Element* in, std::size_t n) {
  if (n <= reduce_tile) return tile_sum<Sum>(in, n);
  std::vector<Sum> tiles;
  tiles.reserve(n / reduce_tile + 1);
  for (std::size_t begin = 0; begin < n; begin += reduce_tile)
    tiles.push_back(tile_sum<Sum>(in + begin, std::min(reduce_tile, n - begin)));
  return sum<Sum>(tiles.data(), tiles.size());
}

}  // namespace

float reduce_cpu(std::size_t n, const float* in) {
  return sum<float>(in, n);
}
double reduce_cpu(std::size_t n, const double* in) {
  return sum<double>(in, n);
}
std::int64_t reduce_cpu(std::size_t n, const std::int32_t* in) {
  return sum<std::int64_t>(in, n);
}

}  // namespace narke::kernels
