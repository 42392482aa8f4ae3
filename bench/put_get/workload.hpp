// One byte into the store, and the same one read again and again: beside std::make_shared, and
// copies of a std::shared_ptr.
#pragma once

#include <cstddef>

#include "harness/workload.hpp"

namespace bench::put_get {

struct parameters {
  std::size_t times = 0;
  bool is_put = false;  ///< else the value is read
};

inline void check(std::size_t sum, const parameters& asked) {
  expect_equal(sum, asked.times * 7, "the sum of what was read");
}

contender shared_ptr(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::put_get
