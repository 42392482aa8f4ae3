// A library with cuBLAS's functions that computes on the host, for the tests of what calls them. It
// notes what it was given last.
#include <cstddef>

#include "fake_cublas.hpp"
#include "kernels/cublas_abi.hpp"

using narke::kernels::cublas_handle;
using narke::kernels::cublas_operation;
using narke::kernels::cublas_status;

namespace {

fake_cublas_calls calls;

cublas_handle handle() {
  return reinterpret_cast<cublas_handle>(&calls);
}

}  // namespace

extern "C" {

fake_cublas_calls* fake_cublas() {
  return &calls;
}

cublas_status cublasCreate_v2(cublas_handle* made) {
  if (calls.create_fails) return cublas_status::not_initialized;
  ++calls.open_handles;
  *made = handle();
  return cublas_status::success;
}

cublas_status cublasDestroy_v2(cublas_handle) {
  --calls.open_handles;
  return cublas_status::success;
}

cublas_status cublasSetStream_v2(cublas_handle, void* stream) {
  calls.stream = stream;
  calls.workspace = nullptr;
  calls.workspace_bytes = 0;
  return cublas_status::success;
}

cublas_status cublasSetWorkspace_v2(cublas_handle, void* workspace, std::size_t bytes) {
  calls.workspace = workspace;
  calls.workspace_bytes = bytes;
  return cublas_status::success;
}

// Column by column, as the real one.
cublas_status cublasSgemm_v2(cublas_handle given, cublas_operation, cublas_operation, int m, int n,
                             int k, const float* alpha, const float* a, int a_stride,
                             const float* b, int b_stride, const float* beta, float* c,
                             int c_stride) {
  if (given != handle() || a_stride < m || b_stride < k || b_stride < 1 || c_stride < m)
    return cublas_status::invalid_value;
  for (int column = 0; column < n; ++column) {
    for (int row = 0; row < m; ++row) {
      double sum = 0;
      for (int i = 0; i < k; ++i)
        sum += double(a[i * a_stride + row]) * double(b[column * b_stride + i]);
      float& cell = c[column * c_stride + row];
      cell = float(double(*alpha) * sum + (*beta == 0 ? 0.0 : double(*beta) * double(cell)));
    }
  }
  return cublas_status::success;
}

}  // extern "C"
