// A chain of tasks, each on the result of the one before, submitted by one thread while it runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/workload.hpp"

namespace bench::chain {

struct parameters {
  std::size_t length = 0;
};

inline std::uint64_t step(std::uint64_t value) {
  return value * 3 + 1;
}

inline void check(std::uint64_t value, const parameters& asked) {
  std::uint64_t expected = 1;
  for (std::size_t i = 0; i != asked.length; ++i) expected = step(expected);
  expect_equal(value, expected, "the end of the chain");
}

contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender starpu(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::chain
