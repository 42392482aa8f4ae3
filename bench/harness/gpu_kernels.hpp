// Kernels that several workloads give to their contenders: plain values that are called with the
// stream to launch in, or with host_stream.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include "kernels/launch.hpp"
#include "kernels/reduce.hpp"
#include "kernels/saxpy.hpp"

namespace bench {

/// out = x - x / 4096, element by element: each step of a chain can be told from the one before.
struct decay {
  std::size_t n = 0;
  const float* x = nullptr;
  float* out = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    constexpr float a = -1.0F / 4096;
    if (stream != narke::kernels::host_stream) {
      return narke::kernels::saxpy_launch(n, a, x, x, out, stream);
    }
    narke::kernels::saxpy_cpu(n, a, x, x, out);
    return narke::kernels::launched;
  }
};

/// *out = the sum of the elements of `in`; `workspace` as the kernel wants it.
struct sum_of_elements {
  std::size_t n = 0;
  const float* in = nullptr;
  float* out = nullptr;
  void* workspace = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    if (stream != narke::kernels::host_stream) {
      return narke::kernels::reduce_launch(n, in, out, workspace, stream);
    }
    *out = narke::kernels::reduce_cpu(n, in);
    return narke::kernels::launched;
  }
};

/// out = x + y, element by element.
struct add {
  std::size_t n = 0;
  const float* x = nullptr;
  const float* y = nullptr;
  float* out = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    if (stream != narke::kernels::host_stream) {
      return narke::kernels::saxpy_launch(n, 1, x, y, out, stream);
    }
    narke::kernels::saxpy_cpu(n, 1, x, y, out);
    return narke::kernels::launched;
  }
};

/// What `times` steps of decay make of `values`.
[[nodiscard]] inline std::vector<float> decayed(std::vector<float> values, std::size_t times) {
  for (std::size_t i = 0; i != times; ++i) {
    decay{values.size(), values.data(), values.data()}(narke::kernels::host_stream);
  }
  return values;
}

/// A kernel that takes `emulated_time` on an emulated device, where a thread sleeps for the rest of
/// it, so that more devices than there are CPUs can be busy at once.
template <class Kernel>
struct lasting {
  Kernel kernel;
  std::chrono::nanoseconds emulated_time;

  narke::kernels::launch_code operator()(void* stream) const {
    if (stream != narke::kernels::host_stream) return kernel(stream);
    const auto end = std::chrono::steady_clock::now() + emulated_time;
    const narke::kernels::launch_code code = kernel(stream);
    std::this_thread::sleep_until(end);
    return code;
  }
};

/// Whether both have the same bits.
[[nodiscard]] inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace bench
