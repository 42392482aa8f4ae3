#include <span>
#include <vector>

#include "saxpy.hpp"

int main() {
  narke::init({.num_cpus = 2, .emulated_gpus = {.count = 1, .memory_bytes = 256 << 20}});
  auto x = narke::put(narke::array<float>{std::vector<float>(1000, 3.0F)});
  auto y = narke::put(narke::array<float>{std::vector<float>(1000, 0.5F)});
  auto first = narke::task(saxpy, {.num_gpus = 1}).remote(2.0F, x, y);
  auto second = narke::task(saxpy, {.num_gpus = 1}).remote(10.0F, first, first);
  const narke::array<float> result = narke::get(second);
  bool right = result.size() == 1000;
  for (const float value : result.host()) right = right && value == 71.5F;
  narke::shutdown();
  return right ? 0 : 1;
}
