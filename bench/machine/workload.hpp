// What the machine itself takes for the steps that runtimes are made of: the limits that
// docs/PERFORMANCE.md holds the other workloads against. No runtime takes part.
#pragma once

#include <cstddef>

#include "harness/workload.hpp"

namespace bench::machine {

struct parameters {
  std::size_t times = 0;
  std::size_t bytes = 0;  ///< for those of memory
};

/// An atomic addition to a line that only one thread has.
workload atomic_add(const parameters& asked);
/// A line of the cache to another CPU and back.
workload line_round_trip(const parameters& asked);
/// A sleeping thread woken, which wakes this one.
workload wake_round_trip(const parameters& asked);
/// An allocation of 256 bytes, and its end.
workload allocation(const parameters& asked);
/// A reading of the clock.
workload clock_reading(const parameters& asked);
/// Memory read by all threads.
workload read_memory(const parameters& asked);
/// Memory copied by one thread to a place that it has just been given, and to one that it has had.
workload copy_memory(const parameters& asked, bool is_fresh);

}  // namespace bench::machine
