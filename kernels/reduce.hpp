// The sum of n elements, always added in the same order, so that every device and the CPU twin give
// the same bits. The order is a tree: tiles of `reduce_tile` elements; in a tile, lane t of 256
// adds the elements t, t + 256, t + 512, …; then the upper half of the lanes is added to the lower
// half until one is left; the tiles' sums are then the elements of the next round. Whole numbers
// are summed in 64 bits. The sum of nothing is 0. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "launch.hpp"

namespace narke::kernels {

inline constexpr std::size_t reduce_lanes = 256;
inline constexpr std::size_t reduce_tile = 16 * reduce_lanes;

/// For sums of any of the types below.
[[nodiscard]] std::size_t reduce_workspace_bytes(std::size_t n);

/// `out` is one element.
[[nodiscard]] launch_code reduce_launch(std::size_t n, const float* in, float* out, void* workspace,
                                        void* stream);
[[nodiscard]] launch_code reduce_launch(std::size_t n, const double* in, double* out,
                                        void* workspace, void* stream);
[[nodiscard]] launch_code reduce_launch(std::size_t n, const std::int32_t* in, std::int64_t* out,
                                        void* workspace, void* stream);

[[nodiscard]] float reduce_cpu(std::size_t n, const float* in);
[[nodiscard]] double reduce_cpu(std::size_t n, const double* in);
[[nodiscard]] std::int64_t reduce_cpu(std::size_t n, const std::int32_t* in);

}  // namespace narke::kernels
