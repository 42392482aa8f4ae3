// One array for several kernels on several streams, several arrays for one kernel, and both in
// turn: rounds of `width` decays, whose results are added up in a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"

namespace bench::gpu_fan {

inline constexpr std::size_t width = 8;
inline constexpr std::size_t streams = 4;
inline constexpr std::size_t elements = 1024;

enum class shape : std::uint8_t {
  out,      ///< a round: one array is read by `width` kernels
  in,       ///< `width` arrays are made and added up
  diamond,  ///< both; each round reads the sum of the one before
};

struct parameters {
  gpu_choice choice;
  std::size_t rounds = 0;
  shape kind = shape::out;
};

/// How many kernels a run of `asked` has.
std::size_t kernels_of(const parameters& asked);
std::vector<float> first_values();
/// What the last round has to come to: its sum, or without one the result of each kernel.
std::vector<float> expected(const parameters& asked);

inline gpu_setup setup() {
  return {.memory_bytes = std::uint64_t{512} << 20, .pace = emulated_pace::free};
}

contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_fan
