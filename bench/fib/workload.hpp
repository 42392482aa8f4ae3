// The n-th Fibonacci number by recursion, no cut-off: one child of each call is a task, the other a
// plain call. What nested tasks and waiting for them cost.
#pragma once

#include <cstdint>

#include "harness/workload.hpp"

namespace bench::fib {

struct parameters {
  int n = 0;
};

/// How many tasks that makes: the calls above 1.
std::uint64_t tasks_of(int n);
void check(std::uint64_t value, const parameters& asked);

contender serial(const parameters& asked);
contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender narke(const parameters& asked);
/// As coroutine tasks: the plain call is a co_await of a co_task, which has a frame of its own.
contender narke_co(const parameters& asked);

}  // namespace bench::fib
