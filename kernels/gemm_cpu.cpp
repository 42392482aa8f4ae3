#include "gemm.hpp"

#include <algorithm>

namespace narke::kernels {
namespace {

// A block of b of this size stays in the second-level cache while all rows of a pass over it.
constexpr std::size_t block_rows = 128;
constexpr std::size_t block_columns = 512;

void scale(std::size_t n, float beta, float* c) {
  if (beta == 0.0F) {
    std::fill_n(c, n, 0.0F);
  } else if (beta != 1.0F) {
    for (std::size_t i = 0; i < n; ++i) c[i] *= beta;
  }
}

/// c[j] += sum of a[i] * b[i][j] for four rows of b at a time.
void add_rows(std::size_t rows, std::size_t columns, float alpha, const float* a, const float* b,
              std::size_t b_stride, float* c) {
  std::size_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float a0 = alpha * a[i];
    const float a1 = alpha * a[i + 1];
    const float a2 = alpha * a[i + 2];
    const float a3 = alpha * a[i + 3];
    const float* const b0 = b + i * b_stride;
    const float* const b1 = b0 + b_stride;
    const float* const b2 = b1 + b_stride;
    const float* const b3 = b2 + b_stride;
    for (std::size_t j = 0; j < columns; ++j)
      c[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]);
  }
  for (; i < rows; ++i) {
    const float factor = alpha * a[i];
    for (std::size_t j = 0; j < columns; ++j) c[j] += factor * b[i * b_stride + j];
  }
}

}  // namespace

void gemm_cpu(std::size_t m, std::size_t n, std::size_t k, float alpha, const float* a,
              const float* b, float beta, float* c) {
  scale(m * n, beta, c);
  for (std::size_t left = 0; left < n; left += block_columns) {
    const std::size_t columns = std::min(block_columns, n - left);
    for (std::size_t top = 0; top < k; top += block_rows) {
      const std::size_t rows = std::min(block_rows, k - top);
      for (std::size_t i = 0; i < m; ++i)
        add_rows(rows, columns, alpha, a + i * k + top, b + top * n + left, n, c + i * n + left);
    }
  }
}

}  // namespace narke::kernels
