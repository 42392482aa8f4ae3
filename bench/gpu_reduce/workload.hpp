// The sum of many parts by several devices: each part is summed up where it lies, and the sums are
// added in a tree, across devices where they have to be. The first contender uses one device.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"
#include "kernels/reduce.hpp"

namespace bench::gpu_reduce {

inline constexpr std::size_t parts = 16;

struct parameters {
  gpu_choice choice;
  int devices = 1;
  std::size_t elements = 0;               ///< of a part
  std::chrono::nanoseconds part_time{0};  ///< of a sum of one part, on an emulated device
  std::size_t rounds = 0;

  [[nodiscard]] gpu_setup setup() const {
    return {.devices = devices, .memory_bytes = std::uint64_t{256} << 20};
  }
};

std::vector<float> part(const parameters& asked, std::size_t index);
float expected(const parameters& asked);

contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_reduce
