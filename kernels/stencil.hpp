// One Jacobi step of the 5-point stencil: every inner cell becomes the mean of its four neighbours,
// ((north + south) + (west + east)) / 4, cells on the edge stay. Row by row, without gaps; `out`
// may not overlap `in`. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>

#include "launch.hpp"

namespace narke::kernels {

[[nodiscard]] launch_code stencil_launch(std::size_t width, std::size_t height, const float* in,
                                         float* out, void* stream);

void stencil_cpu(std::size_t width, std::size_t height, const float* in, float* out);

}  // namespace narke::kernels
