#include "saxpy.hpp"

namespace narke::kernels {

void saxpy_cpu(std::size_t n, float a, const float* x, const float* y, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a * x[i] + y[i];
}

}  // namespace narke::kernels
