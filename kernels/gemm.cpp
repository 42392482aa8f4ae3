#include "gemm.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <optional>

#include "cublas_abi.hpp"

namespace narke::kernels {
namespace {

struct cublas_functions {
  cublas_create_fn* create = nullptr;
  cublas_destroy_fn* destroy = nullptr;
  cublas_set_stream_fn* set_stream = nullptr;
  cublas_set_workspace_fn* set_workspace = nullptr;
  cublas_sgemm_fn* sgemm = nullptr;
};

template <class Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

/// A library that was used is never closed: it has threads and contexts of its own.
std::optional<cublas_functions> open_library(const char* name) {
  void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  cublas_functions functions;
  const bool whole = find(library, "cublasCreate_v2", functions.create) &&
                     find(library, "cublasDestroy_v2", functions.destroy) &&
                     find(library, "cublasSetStream_v2", functions.set_stream) &&
                     find(library, "cublasSetWorkspace_v2", functions.set_workspace) &&
                     find(library, "cublasSgemm_v2", functions.sgemm);
  if (whole) return functions;
  ::dlclose(library);
  return std::nullopt;
}

std::optional<cublas_functions> open_any(const char* name) {
  if (name != nullptr) return open_library(name);
  for (const char* usual : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"})
    if (auto functions = open_library(usual)) return functions;
  return std::nullopt;
}

launch_code code_of(cublas_status status) {
  return status == cublas_status::success ? launched : launch_cublas_failed - int(status);
}

bool fits(std::size_t size) {
  return size <= std::size_t(std::numeric_limits<int>::max());
}

}  // namespace

struct gemm_handle {
  cublas_functions functions;
  cublas_handle handle = nullptr;
};

launch_code gemm_open(gemm_handle** handle, const char* library) {
  if (handle == nullptr) return launch_bad_argument;
  *handle = nullptr;
  const auto functions = open_any(library);
  if (!functions) return launch_without_cublas;
  std::unique_ptr<gemm_handle> made{new (std::nothrow) gemm_handle{*functions}};
  if (made == nullptr) return code_of(cublas_status::alloc_failed);
  const cublas_status status = functions->create(&made->handle);
  if (status == cublas_status::success) *handle = made.release();
  return code_of(status);
}

launch_code gemm_close(gemm_handle* handle) {
  if (handle == nullptr) return launched;
  const std::unique_ptr<gemm_handle> closed{handle};
  return code_of(closed->functions.destroy(closed->handle));
}

std::size_t gemm_workspace_bytes() {
  return std::size_t{32} << 20;
}

launch_code gemm_launch(gemm_handle* handle, std::size_t m, std::size_t n, std::size_t k,
                        float alpha, const float* a, const float* b, float beta, float* c,
                        void* workspace, std::size_t workspace_bytes, void* stream) {
  if (m == 0 || n == 0) return launched;
  if (!fits(m) || !fits(n) || !fits(k) || c == nullptr) return launch_bad_argument;
  if (k > 0 && (a == nullptr || b == nullptr)) return launch_bad_argument;
  if (stream == host_stream) {
    gemm_cpu(m, n, k, alpha, a, b, beta, c);
    return launched;
  }
  if (handle == nullptr) return launch_bad_argument;
  const cublas_functions& cublas = handle->functions;
  // In this order: setting the stream takes the workspace away.
  cublas_status status = cublas.set_stream(handle->handle, stream);
  if (status == cublas_status::success)
    status = cublas.set_workspace(handle->handle, workspace, workspace_bytes);
  // Rows of ours are columns of cuBLAS's: it makes c transposed = b transposed * a transposed.
  const int columns = int(n);
  const int inner = std::max(int(k), 1);
  if (status == cublas_status::success)
    status = cublas.sgemm(handle->handle, cublas_operation::none, cublas_operation::none, columns,
                          int(m), int(k), &alpha, b, columns, a, inner, &beta, c, columns);
  return code_of(status);
}

}  // namespace narke::kernels
