// More data than the device has memory for: sums over arrays in host memory, in an order that comes
// back to them. By hand the device's memory is an exact least-recently-used cache of whole arrays
// whose copies are enqueued ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"
#include "kernels/reduce.hpp"

namespace bench::gpu_working_set {

enum class access : std::uint8_t {
  cyclic,  ///< one after the other, again and again
  skewed,  ///< three of four go to an eighth of them
};

struct parameters {
  gpu_choice choice;
  std::size_t arrays = 0;
  std::size_t elements = 0;  ///< of each
  std::size_t arrays_that_fit = 0;
  std::vector<std::size_t> order = {};

  [[nodiscard]] std::size_t bytes() const { return elements * sizeof(float); }
  /// The device has a little more, for results and scratch.
  [[nodiscard]] std::uint64_t memory_bytes() const { return (arrays_that_fit + 1) * bytes(); }
  [[nodiscard]] gpu_setup setup() const {
    return {.memory_bytes = memory_bytes(),
            .pace = emulated_pace::modelled,
            .link_bytes_per_second = 250'000'000};
  }
};

std::vector<std::size_t> make_order(access kind, std::size_t arrays, std::size_t length);
/// How many arrays an exact least-recently-used cache brings to the device.
std::size_t copies_of_lru(const parameters& asked);

/// `x[i]` of array `index`; its sum is found by `sum_of_elements`.
std::vector<float> values_of(const parameters& asked, std::size_t index);
/// The sums in the order of access.
std::vector<float> expected(const parameters& asked);

contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_working_set
