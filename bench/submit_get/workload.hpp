// One task submitted and waited for: again and again, or each after all threads have gone to sleep.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "harness/workload.hpp"

namespace bench::submit_get {

struct parameters {
  std::size_t tasks = 0;
  std::chrono::microseconds idle_before{0};  ///< each task; 0 = one follows the other
};

inline int value_of(int index) {
  return index ^ 5;
}

/// Measures `submit_and_get(index)` as the parameters ask.
[[nodiscard]] contender measure(const std::string& name, const parameters& asked,
                                const std::function<int(int)>& submit_and_get);

contender std_async(const parameters& asked);
contender onetbb(const parameters& asked);
contender openmp(const parameters& asked);
contender thread_pool(const parameters& asked);
contender starpu(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::submit_get
