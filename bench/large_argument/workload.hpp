// A vector of 200 MB for ten tasks that add it up: one vector shared by hand, given to each task by
// value, or put into the store once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "harness/workload.hpp"

namespace bench::large_argument {

struct parameters {
  std::size_t elements = 0;
  std::size_t tasks = 10;
};

using values = std::vector<double>;

/// Made once.
[[nodiscard]] const values& the_values(const parameters& asked);
[[nodiscard]] double sum_of(const values& all);
void check(const std::vector<double>& sums, const parameters& asked);

contender shared(const parameters& asked);
/// The same of a copy of its own, as what is put from an lvalue.
contender shared_copy(const parameters& asked);
/// Moved into the store, as shared() has its vector.
contender narke_put_moved(const parameters& asked);
contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender starpu(const parameters& asked);
contender narke_put(const parameters& asked);
contender narke_by_value(const parameters& asked);

}  // namespace bench::large_argument
