#include "gpu_reduce/workload.hpp"

namespace bench::gpu_reduce {

std::vector<float> part(const parameters& asked, std::size_t index) {
  std::vector<float> all(asked.elements);
  for (std::size_t i = 0; i != all.size(); ++i) all[i] = 1.0F / float((i + index) % 997 + 1);
  return all;
}

float expected(const parameters& asked) {
  std::vector<float> sums;
  for (std::size_t i = 0; i != parts; ++i) {
    const std::vector<float> values = part(asked, i);
    sums.push_back(narke::kernels::reduce_cpu(values.size(), values.data()));
  }
  for (std::size_t left = parts; left != 1; left /= 2) {
    for (std::size_t k = 0; k != left / 2; ++k) sums[k] = sums[2 * k] + sums[2 * k + 1];
  }
  return sums.front();
}

}  // namespace bench::gpu_reduce
