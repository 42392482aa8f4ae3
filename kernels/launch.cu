#include "launch.hpp"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#endif

namespace narke::kernels {
namespace {

std::string cuda_text(launch_code code) {
  std::string text = "CUDA error " + std::to_string(code);
#if defined(__CUDACC__)
  text += ": ";
  text += cudaGetErrorString(static_cast<cudaError_t>(code));
#endif
  return text;
}

}  // namespace

bool built_with_cuda() noexcept {
#if defined(__CUDACC__)
  return true;
#else
  return false;
#endif
}

std::string launch_text(launch_code code) {
  switch (code) {
    case launched:
      return "enqueued";
    case launch_bad_argument:
      return "a null pointer or a size out of range was given to a kernel";
    case launch_without_cuda:
      return "these kernels were built without CUDA and cannot use a device; build with nvcc "
             "(NARKE_CUDA=ON)";
    case launch_without_cublas:
      return "no libcublas.so with the functions that are needed; install cuBLAS of CUDA 12 or 13";
    default:
      break;
  }
  if (code > 0) return cuda_text(code);
  if (code <= launch_cublas_failed)
    return "cuBLAS status " + std::to_string(launch_cublas_failed - code);
  return "unknown launch code " + std::to_string(code);
}

}  // namespace narke::kernels
