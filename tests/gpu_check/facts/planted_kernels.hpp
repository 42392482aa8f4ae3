// Kernels that checks plant: one that does nothing, and some that break the device. Compiled by
// nvcc where there is one; else every launch answers `without_nvcc`. A stream is a CUstream.
#pragma once

namespace gpu_check {

inline constexpr int without_nvcc = -2;

enum class fault { illegal_address = 700, assertion = 710, trap = 719 };

/// What CUDA's runtime answered to the launch; 0 = enqueued.
[[nodiscard]] int launch_nothing(void* stream);
[[nodiscard]] int launch_fault(fault kind, void* stream);
/// Keeps the stream busy for about so long.
[[nodiscard]] int launch_spin(unsigned long long cycles, void* stream);

}  // namespace gpu_check
