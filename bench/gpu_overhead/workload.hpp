// What the host spends on a GPU task above the driver's calls: tiny kernels, by hand and as tasks.
// On emulated devices the driver costs nothing and does nothing but call the closures, which are
// counted; on a GPU their results are checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"

namespace bench::gpu_overhead {

inline constexpr std::size_t elements = 16;

struct parameters {
  gpu_choice choice;
  std::size_t tasks = 0;
  bool is_chain = false;  ///< each takes the result of the one before; else they have no arguments
};

inline gpu_setup setup() {
  return {.memory_bytes = std::uint64_t{1} << 30, .pace = emulated_pace::null};
}

/// A decay that an emulated device only counts.
struct counted_decay {
  decay work;
  std::uint64_t* executed = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    if (stream != narke::kernels::host_stream) return work(stream);
    ++*executed;
    return narke::kernels::launched;
  }
};

inline std::vector<float> first_values() {
  return std::vector<float>(elements, 4096.0F);
}

contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_overhead
