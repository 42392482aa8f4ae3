// Ten thousand refs that are ready, taken one at a time: by wait() on those that are left, by
// as_completed(), and by get() on all. Beside them as many std::future that are ready.
#pragma once

#include <cstddef>

#include "harness/workload.hpp"

namespace bench::wait_many {

struct parameters {
  std::size_t refs = 0;
};

inline void check(std::size_t sum, const parameters& asked) {
  expect_equal(sum, asked.refs * (asked.refs - 1) / 2, "the sum of all values");
}

contender std_future(const parameters& asked);
contender narke_get(const parameters& asked);
contender narke_wait(const parameters& asked);
contender narke_as_completed(const parameters& asked);

}  // namespace bench::wait_many
