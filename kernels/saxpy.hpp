// out = a * x + y, element by element; the product is rounded before the sum, so that every
// compiler's and every device's result is the same bit for bit. `out` may be `x` or `y`. See
// launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>

#include "launch.hpp"

namespace narke::kernels {

[[nodiscard]] launch_code saxpy_launch(std::size_t n, float a, const float* x, const float* y,
                                       float* out, void* stream);

void saxpy_cpu(std::size_t n, float a, const float* x, const float* y, float* out);

}  // namespace narke::kernels
