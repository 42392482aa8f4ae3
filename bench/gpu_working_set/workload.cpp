#include "gpu_working_set/workload.hpp"

#include <random>

#include "gpu_working_set/lru_cache.hpp"

namespace bench::gpu_working_set {

std::vector<std::size_t> make_order(access kind, std::size_t arrays, std::size_t length) {
  std::mt19937_64 random{11};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i != length; ++i) {
    const std::size_t limit = random() % 4 == 0 ? arrays : arrays / 8;
    order.push_back(kind == access::cyclic ? i % arrays : random() % limit);
  }
  return order;
}

std::size_t copies_of_lru(const parameters& asked) {
  lru_cache cache{asked.arrays_that_fit};
  std::size_t copies = 0;
  for (const std::size_t each : asked.order) copies += cache.use(each).was_there ? 0 : 1;
  return copies;
}

std::vector<float> values_of(const parameters& asked, std::size_t index) {
  return std::vector<float>(asked.elements, 1.0F / float(index + 1));
}

std::vector<float> expected(const parameters& asked) {
  std::vector<float> of_each;
  for (std::size_t i = 0; i != asked.arrays; ++i) {
    const std::vector<float> values = values_of(asked, i);
    of_each.push_back(narke::kernels::reduce_cpu(values.size(), values.data()));
  }
  std::vector<float> sums;
  for (const std::size_t each : asked.order) sums.push_back(of_each[each]);
  return sums;
}

}  // namespace bench::gpu_working_set
