// What a kernel launcher answers. Launchers never throw: they run between the steps of a stream,
// where an error has to be a value. Any thread may call.
//
// The rules of every launcher in this folder:
//   - Sizes come first, then inputs, outputs, the workspace if there is one, and last the stream: a
//     CUstream, which is a cudaStream_t, as a plain pointer.
//   - Pointers are device memory of the context that is current. Nothing is allocated and nothing
//     waits: scratch memory is the caller's, as many bytes as `<name>_workspace_bytes()` says,
//     aligned to 256 bytes.
//   - `host_stream` in place of a stream: pointers are host memory, and the kernel's own code runs
//     right there, one block after the other, however narke was built. That is for tests and small
//     work; `<name>_cpu` is the same function written for a CPU, with the same result.
//   - A stream in a build without CUDA gets `launch_without_cuda`.
#pragma once

#include <string>

namespace narke::kernels {

/// A launcher's answer: 0 is success, above 0 is CUDA's runtime error code, below 0 is our own.
using launch_code = int;

inline constexpr launch_code launched = 0;
inline constexpr launch_code launch_bad_argument = -1;  ///< a null pointer, or a size out of range
inline constexpr launch_code launch_without_cuda = -2;  ///< a stream, but no kernels for it
inline constexpr launch_code launch_without_cublas = -3;  ///< libcublas is not on this machine
/// What cuBLAS answered, s, is `launch_cublas_failed - s`; see `cublas_status`.
inline constexpr launch_code launch_cublas_failed = -1000;

inline constexpr void* host_stream = nullptr;

/// What the code means and what to do, such as "CUDA error 700: an illegal memory access …".
[[nodiscard]] std::string launch_text(launch_code code);

/// Whether this build's launchers hold code for GPUs.
[[nodiscard]] bool built_with_cuda() noexcept;

}  // namespace narke::kernels
