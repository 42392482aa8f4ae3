#include "kmeans.hpp"

#include <limits>

#include "grid.cuh"

namespace narke::kernels {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// What the three kernels share: the step's arguments, and the sums of each tile of points.
struct kmeans_arrays {
  kmeans_shape shape;
  const float* points;
  const float* centroids;
  std::uint32_t* labels;
  float* next;
  std::uint32_t* counts;
  float* tile_sums;            // tiles x clusters x dimensions
  std::uint32_t* tile_counts;  // tiles x clusters

  NARKE_HOST_DEVICE std::size_t cells() const {
    return std::size_t(shape.clusters) * shape.dimensions;
  }
  NARKE_HOST_DEVICE std::size_t tiles() const { return pieces_of(shape.points, kmeans_tile); }
};

/// A thread finds the centroid of one point.
struct assign_kernel {
  static constexpr unsigned threads = 256;
  struct shared {};

  kmeans_arrays arrays;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared&) const {
    block.each_thread([&](unsigned thread) {
      const std::size_t i = block.index * threads + thread;
      if (i < arrays.shape.points) arrays.labels[i] = nearest(i);
    });
  }

  NARKE_HOST_DEVICE std::uint32_t nearest(std::size_t i) const {
    const std::uint32_t dimensions = arrays.shape.dimensions;
    const float* const point = arrays.points + i * dimensions;
    const float* coordinate = arrays.centroids;
    std::uint32_t label = 0;
    float best = infinity;
    for (std::uint32_t cluster = 0; cluster < arrays.shape.clusters; ++cluster) {
      float distance = 0;
      for (std::uint32_t j = 0; j < dimensions; ++j, ++coordinate)
        distance += (point[j] - *coordinate) * (point[j] - *coordinate);
      if (distance < best) label = cluster;
      if (distance < best) best = distance;
    }
    return label;
  }
};

/// A block sums its tile of points; a thread goes through the tile for one coordinate of one
/// cluster, so that nothing has to be added by two threads and the order is that of the points.
struct accumulate_kernel {
  static constexpr unsigned threads = 256;
  struct shared {
    std::uint32_t labels[kmeans_tile];
  };

  kmeans_arrays arrays;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared& memory) const {
    const std::size_t begin = block.index * kmeans_tile;
    const std::size_t left = arrays.shape.points - begin;
    const unsigned n = left < kmeans_tile ? unsigned(left) : unsigned(kmeans_tile);
    block.each_thread([&](unsigned thread) {
      for (unsigned i = thread; i < n; i += threads) memory.labels[i] = arrays.labels[begin + i];
    });
    block.each_thread([&](unsigned thread) {
      for (std::size_t cell = thread; cell < arrays.cells(); cell += threads)
        sum_cell(block.index, cell, n, memory);
      for (std::uint32_t cluster = thread; cluster < arrays.shape.clusters; cluster += threads)
        count_cluster(block.index, cluster, n, memory);
    });
  }

  NARKE_HOST_DEVICE void sum_cell(std::size_t tile, std::size_t cell, unsigned n,
                                  const shared& memory) const {
    const std::uint32_t dimensions = arrays.shape.dimensions;
    const std::uint32_t cluster = std::uint32_t(cell / dimensions);
    const float* coordinate = arrays.points + tile * kmeans_tile * dimensions + cell % dimensions;
    float sum = 0;
    for (unsigned i = 0; i < n; ++i, coordinate += dimensions)
      if (memory.labels[i] == cluster) sum += *coordinate;
    arrays.tile_sums[tile * arrays.cells() + cell] = sum;
  }

  NARKE_HOST_DEVICE void count_cluster(std::size_t tile, std::uint32_t cluster, unsigned n,
                                       const shared& memory) const {
    std::uint32_t count = 0;
    for (unsigned i = 0; i < n; ++i) count += memory.labels[i] == cluster ? 1 : 0;
    arrays.tile_counts[tile * arrays.shape.clusters + cluster] = count;
  }
};

/// A thread adds up the tiles for one coordinate of one cluster.
struct finish_kernel {
  static constexpr unsigned threads = 128;
  struct shared {};

  kmeans_arrays arrays;

  NARKE_HOST_DEVICE void operator()(const thread_block<threads>& block, shared&) const {
    block.each_thread([&](unsigned thread) {
      const std::size_t cell = block.index * threads + thread;
      if (cell < arrays.cells()) finish_cell(cell);
    });
  }

  NARKE_HOST_DEVICE void finish_cell(std::size_t cell) const {
    const std::size_t cluster = cell / arrays.shape.dimensions;
    double sum = 0;
    std::uint32_t count = 0;
    for (std::size_t tile = 0; tile < arrays.tiles(); ++tile) {
      sum += double(arrays.tile_sums[tile * arrays.cells() + cell]);
      count += arrays.tile_counts[tile * arrays.shape.clusters + cluster];
    }
    arrays.next[cell] = count > 0 ? float(sum / double(count)) : arrays.centroids[cell];
    if (cell % arrays.shape.dimensions == 0) arrays.counts[cluster] = count;
  }
};

bool usable(const kmeans_arrays& arrays, const void* workspace) {
  const kmeans_shape& shape = arrays.shape;
  if (shape.points > std::numeric_limits<std::uint32_t>::max()) return false;
  if (shape.dimensions == 0 || shape.clusters == 0) return false;
  if (shape.points > 0 && (!arrays.points || !arrays.labels || !workspace)) return false;
  return arrays.centroids && arrays.next && arrays.counts && arrays.next != arrays.centroids;
}

}  // namespace

std::size_t kmeans_workspace_bytes(const kmeans_shape& shape) {
  const std::size_t row = std::size_t(shape.clusters) * (shape.dimensions + std::size_t{1});
  return pieces_of(shape.points, kmeans_tile) * row * sizeof(float);
}

launch_code kmeans_step_launch(const kmeans_shape& shape, const float* points,
                               const float* centroids, std::uint32_t* labels, float* next,
                               std::uint32_t* counts, void* workspace, void* stream) {
  kmeans_arrays arrays{shape, points, centroids, labels, next, counts, nullptr, nullptr};
  if (!usable(arrays, workspace)) return launch_bad_argument;
  if (shape.points > 0) {
    arrays.tile_sums = static_cast<float*>(workspace);
    arrays.tile_counts =
        reinterpret_cast<std::uint32_t*>(arrays.tile_sums + arrays.tiles() * arrays.cells());
  }
  launch_code code =
      launch(assign_kernel{arrays}, pieces_of(shape.points, assign_kernel::threads), stream);
  if (code == launched) code = launch(accumulate_kernel{arrays}, arrays.tiles(), stream);
  if (code == launched)
    code = launch(finish_kernel{arrays}, pieces_of(arrays.cells(), finish_kernel::threads), stream);
  return code;
}

}  // namespace narke::kernels
