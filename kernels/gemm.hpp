// c = alpha * a * b + beta * c for matrices of float, row by row without gaps: a is m x k, b is
// k x n, c is m x n. On a device it is cuBLAS, which is opened when the first handle is, so that
// nothing needs it to link or to start. Its order of additions is its own: the CPU twin's result
// differs in the last bits. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>

#include "launch.hpp"

namespace narke::kernels {

/// A cuBLAS handle: belongs to the context in which it was opened, and to one thread at a time.
struct gemm_handle;

/// Opens `library`, or where that is null the cuBLAS of this machine, and makes a handle.
/// `launch_without_cublas` when there is no library or it lacks a function.
[[nodiscard]] launch_code gemm_open(gemm_handle** handle, const char* library = nullptr);
launch_code gemm_close(gemm_handle* handle);

/// What cuBLAS asks for on the largest devices. Less, even none, is allowed and may be slower.
[[nodiscard]] std::size_t gemm_workspace_bytes();

/// `handle` may be null for `host_stream`, where the CPU twin runs. Sizes are at most 2^31 - 1.
[[nodiscard]] launch_code gemm_launch(gemm_handle* handle, std::size_t m, std::size_t n,
                                      std::size_t k, float alpha, const float* a, const float* b,
                                      float beta, float* c, void* workspace,
                                      std::size_t workspace_bytes, void* stream);

/// With beta = 0, c is only written to.
void gemm_cpu(std::size_t m, std::size_t n, std::size_t k, float alpha, const float* a,
              const float* b, float beta, float* c);

}  // namespace narke::kernels
