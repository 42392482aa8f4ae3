// Sorts keys upwards. Floats stand in the order of their values, with -0 and +0 equal and kept in
// the order they came in, NaNs with the sign bit before everything and the others behind it, by
// their bits: so the result is one and the same on every device and on the CPU. On a device it is
// CUB's radix sort. See launch.hpp for the rules of launchers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "launch.hpp"

namespace narke::kernels {

/// For keys of either type, on the device that is current; `stream` says whether it is one.
/// 0 with n > 0 says that CUDA could not tell: a launch gives the reason.
[[nodiscard]] std::size_t sort_workspace_bytes(std::size_t n, void* stream);

/// `out` may not overlap `in`, which stays as it is. n is at most 2^31 - 1.
[[nodiscard]] launch_code sort_launch(std::size_t n, const std::uint32_t* in, std::uint32_t* out,
                                      void* workspace, std::size_t workspace_bytes, void* stream);
[[nodiscard]] launch_code sort_launch(std::size_t n, const float* in, float* out, void* workspace,
                                      std::size_t workspace_bytes, void* stream);

/// `scratch` has room for n keys; no array may overlap another.
void sort_cpu(std::size_t n, const std::uint32_t* in, std::uint32_t* out, std::uint32_t* scratch);
void sort_cpu(std::size_t n, const float* in, float* out, float* scratch);

}  // namespace narke::kernels
