// Tasks of about one microsecond each, submitted by one thread: what of two CPUs' time is left for
// the work itself. The first contender is the plain loop: below 1 is a speed-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/cpu.hpp"
#include "harness/workload.hpp"

namespace bench::tiny_tasks {

struct parameters {
  std::size_t tasks = 0;
  std::uint64_t rounds = 0;  ///< of spin(), a task
};

inline std::uint64_t value_of(std::size_t index, std::uint64_t rounds) {
  return spin(rounds, index + 1);
}

inline void check(std::span<const std::uint64_t> values, const parameters& asked) {
  expect_equal(values.size(), asked.tasks, "the number of results");
  for (std::size_t i = 0; i < asked.tasks; i += 97) {
    expect_equal(values[i], value_of(i, asked.rounds), fmt::format("result {}", i));
  }
}

contender serial(const parameters& asked);
contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender thread_pool(const parameters& asked);
contender starpu(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::tiny_tasks
