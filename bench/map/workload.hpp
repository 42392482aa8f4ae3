// One function over a million elements, in chunks that each runtime chooses; the vector of results
// is made within what is timed, as map makes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/workload.hpp"

namespace bench::map {

struct parameters {
  std::size_t elements = 0;
};

inline std::uint64_t value_of(std::uint64_t x) {
  return x * 3 + 1;
}

/// The range 0, 1, …: made once.
[[nodiscard]] const std::vector<std::uint64_t>& the_elements(const parameters& asked);
void check(const std::vector<std::uint64_t>& values, const parameters& asked);

contender serial(const parameters& asked);
contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender thread_pool(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::map
