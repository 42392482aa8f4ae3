// The link between host and device under work: arrays come from the host, a kernel takes about as
// long as a copy, and its results stay there or go back. Ideally only the link is seen: everything
// else happens beside the next copy. The first contender is the link alone, by copies of the driver
// between registered memory and the device, both ways at once where results go back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/gpu_kernels.hpp"
#include "harness/gpu_setup.hpp"

namespace bench::gpu_link {

struct parameters {
  gpu_choice choice;
  std::size_t arrays = 0;
  std::size_t elements = 0;  ///< of each
  std::uint64_t link_bytes_per_second = 0;
  bool goes_back = false;

  /// On a GPU: as many as take about as long as a copy over PCIe 5.
  [[nodiscard]] int passes() const { return choice.is_emulated ? 1 : 12; }
  [[nodiscard]] std::size_t bytes() const { return elements * sizeof(float); }
  [[nodiscard]] gpu_setup setup() const {
    return {.memory_bytes = std::uint64_t{1} << 30,
            .pace = emulated_pace::modelled,
            .link_bytes_per_second = link_bytes_per_second};
  }
};

/// out is x after `passes` steps of decay.
struct passes_of_decay {
  int passes = 1;
  std::size_t n = 0;
  const float* x = nullptr;
  float* out = nullptr;

  narke::kernels::launch_code operator()(void* stream) const {
    narke::kernels::launch_code code = decay{n, x, out}(stream);
    for (int i = 1; i != passes && code == narke::kernels::launched; ++i) {
      code = decay{n, out, out}(stream);
    }
    return code;
  }
};

/// As long as a copy, on an emulated device.
inline lasting<passes_of_decay> kernel(const parameters& asked, const float* x, float* out) {
  const double seconds = double(asked.bytes()) / double(asked.link_bytes_per_second);
  return {
      {asked.passes(), asked.elements, x, out},
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{seconds})};
}

std::vector<float> input(const parameters& asked, std::size_t index);
/// What the kernel makes of input `index`.
std::vector<float> output(const parameters& asked, std::size_t index);

contender link_alone(const parameters& asked);
contender raw_driver(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::gpu_link
