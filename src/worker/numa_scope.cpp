#include "worker/numa_scope.hpp"

#include <sched.h>

#include <cstddef>
#include <utility>

namespace narke::internal {

namespace {

using mask = std::vector<unsigned long>;
constexpr std::size_t bits_each = sizeof(unsigned long) * 8;
constexpr std::size_t words = 256;  // 16,384 CPUs, twice what Linux has

std::map<int, mask>& masks() {
  static auto* all = new std::map<int, mask>;
  return *all;
}

cpu_set_t* as_set(mask& bits) {
  return reinterpret_cast<cpu_set_t*>(bits.data());
}

}  // namespace

void set_numa_cpus(std::map<int, std::vector<int>> cpus_of_nodes) {
  masks().clear();
  for (const auto& [node, cpus] : cpus_of_nodes) {
    mask bits(words);
    for (const int cpu : cpus) {
      const auto at = static_cast<std::size_t>(cpu);
      if (cpu >= 0 && at / bits_each < words) {
        bits[at / bits_each] |= 1UL << (at % bits_each);
      }
    }
    masks()[node] = std::move(bits);
  }
}

numa_scope::numa_scope(int node) {
  const auto found = masks().find(node);
  if (node < 0 || found == masks().end()) {
    return;
  }
  mask before(words);
  constexpr std::size_t bytes = words * sizeof(unsigned long);
  if (sched_getaffinity(0, bytes, as_set(before)) != 0) {
    return;
  }
  mask common(words);
  bool is_any = false;
  for (std::size_t i = 0; i != words; ++i) {
    common[i] = before[i] & found->second[i];
    is_any = is_any || common[i] != 0;
  }
  if (is_any && common != before && sched_setaffinity(0, bytes, as_set(common)) == 0) {
    before_ = std::move(before);
  }
}

numa_scope::~numa_scope() {
  if (!before_.empty()) {
    sched_setaffinity(0, before_.size() * sizeof(unsigned long), as_set(before_));
  }
}

}  // namespace narke::internal
