#include "gpu_fan/workload.hpp"

namespace bench::gpu_fan {

std::size_t kernels_of(const parameters& asked) {
  return asked.rounds * (asked.kind == shape::out ? width : 2 * width - 1);
}

std::vector<float> first_values() {
  std::vector<float> all(elements);
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = float(i) + 1;
  return all;
}

// Eight equal numbers add up without rounding: to eight times the number.
std::vector<float> expected(const parameters& asked) {
  std::vector<float> at = first_values();
  const std::size_t rounds = asked.kind == shape::diamond ? asked.rounds : 1;
  for (std::size_t i = 0; i != rounds; ++i) {
    at = decayed(std::move(at), 1);
    if (asked.kind == shape::out) continue;
    for (float& each : at) each = each * width;
  }
  return at;
}

}  // namespace bench::gpu_fan
