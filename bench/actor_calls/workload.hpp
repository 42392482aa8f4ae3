// Calls of one caller to one object with a state: many under way at once, or one at a time. Beside
// them an object with a mutex, which any thread may call, called directly.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/workload.hpp"

namespace bench::actor_calls {

struct parameters {
  std::size_t calls = 0;
  bool one_at_a_time = false;
};

inline void check(std::uint64_t sum, const parameters& asked) {
  expect_equal<std::uint64_t>(sum, std::uint64_t(asked.calls) * (asked.calls + 1) / 2,
                              "the sum of all results");
}

contender mutex(const parameters& asked);
contender onetbb(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::actor_calls
