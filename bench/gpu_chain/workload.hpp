// A chain in one stream: each kernel reads the array that the one before wrote, and the last array
// comes to the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"

namespace bench::gpu_chain {

struct parameters {
  gpu_choice choice;
  std::size_t length = 0;
  std::size_t elements = 0;
};

inline gpu_setup setup() {
  return {.memory_bytes = std::uint64_t{512} << 20, .pace = emulated_pace::free};
}

inline std::vector<float> first_values(const parameters& asked) {
  std::vector<float> all(asked.elements);
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = float(i % 1000) + 4096;
  return all;
}

contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_chain
