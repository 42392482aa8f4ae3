// One step of k-means (Lloyd's): every point gets the label of its nearest centroid, the lower one
// of two as near; every centroid becomes the mean of its points, or stays where it has none. Points
// and centroids are rows of `dimensions` floats. All sums are taken in one order (tiles of
// `kmeans_tile` points in float, the tiles' sums in double), so that every device and the CPU twin
// give the same bits. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "launch.hpp"

namespace narke::kernels {

inline constexpr std::size_t kmeans_tile = 1024;

struct kmeans_shape {
  std::size_t points = 0;  ///< at most 2^32 - 1
  std::uint32_t dimensions = 0;
  std::uint32_t clusters = 0;
};

[[nodiscard]] std::size_t kmeans_workspace_bytes(const kmeans_shape& shape);

/// `labels`: one for each point; `next` and `counts`: one row and one number for each cluster.
/// `next` may not be `centroids`.
[[nodiscard]] launch_code kmeans_step_launch(const kmeans_shape& shape, const float* points,
                                             const float* centroids, std::uint32_t* labels,
                                             float* next, std::uint32_t* counts, void* workspace,
                                             void* stream);

/// Requires: at least one dimension and one cluster.
void kmeans_step_cpu(const kmeans_shape& shape, const float* points, const float* centroids,
                     std::uint32_t* labels, float* next, std::uint32_t* counts);

}  // namespace narke::kernels
