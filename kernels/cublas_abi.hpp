// The few functions of cuBLAS that narke calls, in our own words, so that no toolkit is needed to
// build and no library to start. A test holds them against the toolkit's header where there is one.
#pragma once

#include <cstddef>

namespace narke::kernels {

struct cublas_state;  // cuBLAS's own
using cublas_handle = cublas_state*;

/// Unlisted values are legal too.
enum class cublas_status : int {
  success = 0,
  not_initialized = 1,
  alloc_failed = 3,
  invalid_value = 7,
  execution_failed = 13,
};

enum class cublas_operation : int { none = 0 };

using cublas_create_fn = cublas_status(cublas_handle* handle);
using cublas_destroy_fn = cublas_status(cublas_handle handle);
using cublas_set_stream_fn = cublas_status(cublas_handle handle, void* stream);
using cublas_set_workspace_fn = cublas_status(cublas_handle handle, void* workspace,
                                              std::size_t bytes);
/// Column by column: c (m x n) = alpha * a (m x k) * b (k x n) + beta * c.
using cublas_sgemm_fn = cublas_status(cublas_handle handle, cublas_operation a_operation,
                                      cublas_operation b_operation, int m, int n, int k,
                                      const float* alpha, const float* a, int a_stride,
                                      const float* b, int b_stride, const float* beta, float* c,
                                      int c_stride);

}  // namespace narke::kernels
