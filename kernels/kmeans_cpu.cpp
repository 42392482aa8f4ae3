#include "kmeans.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace narke::kernels {
namespace {

std::uint32_t nearest(const float* point, const float* centroids, const kmeans_shape& shape) {
  std::uint32_t label = 0;
  float best = std::numeric_limits<float>::infinity();
  for (std::uint32_t cluster = 0; cluster < shape.clusters; ++cluster) {
    const float* const centroid = centroids + std::size_t(cluster) * shape.dimensions;
    float distance = 0;
    for (std::uint32_t j = 0; j < shape.dimensions; ++j) {
      const float difference = point[j] - centroid[j];
      distance += difference * difference;
    }
    if (distance < best) {
      best = distance;
      label = cluster;
    }
  }
  return label;
}

}  // namespace

void kmeans_step_cpu(const kmeans_shape& shape, const float* points, const float* centroids,
                     std::uint32_t* labels, float* next, std::uint32_t* counts) {
  const std::size_t dimensions = shape.dimensions;
  const std::size_t cells = shape.clusters * dimensions;
  std::vector<float> tile(cells);
  std::vector<double> sums(cells);
  std::fill_n(counts, shape.clusters, 0U);
  for (std::size_t begin = 0; begin < shape.points; begin += kmeans_tile) {
    std::fill(tile.begin(), tile.end(), 0.0F);
    for (std::size_t i = begin; i < std::min(begin + kmeans_tile, shape.points); ++i) {
      const float* const point = points + i * dimensions;
      const std::uint32_t label = nearest(point, centroids, shape);
      labels[i] = label;
      ++counts[label];
      for (std::size_t j = 0; j < dimensions; ++j) tile[label * dimensions + j] += point[j];
    }
    for (std::size_t cell = 0; cell < cells; ++cell) sums[cell] += double(tile[cell]);
  }
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const std::uint32_t count = counts[cell / dimensions];
    next[cell] = count > 0 ? float(sums[cell] / double(count)) : centroids[cell];
  }
}

}  // namespace narke::kernels
