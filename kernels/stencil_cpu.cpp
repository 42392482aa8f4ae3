#include "stencil.hpp"

#include <algorithm>

namespace narke::kernels {

void stencil_cpu(std::size_t width, std::size_t height, const float* in, float* out) {
  for (std::size_t y = 0; y < height; ++y) {
    const float* const row = in + y * width;
    float* const to = out + y * width;
    if (y == 0 || y + 1 == height || width < 3) {
      std::copy_n(row, width, to);
      continue;
    }
    const float* const north = row - width;
    const float* const south = row + width;
    to[0] = row[0];
    for (std::size_t x = 1; x + 1 < width; ++x)
      to[x] = 0.25F * ((north[x] + south[x]) + (row[x - 1] + row[x + 1]));
    to[width - 1] = row[width - 1];
  }
}

}  // namespace narke::kernels
