// Tasks with next to nothing in them, submitted by one thread, each with its result: what a task
// costs. narke gives a handle for each result; OpenMP and oneTBB none, their tasks
// write into a vector.
#pragma once

#include <cstddef>

#include "harness/workload.hpp"

namespace bench::empty_tasks {

struct parameters {
  std::size_t tasks = 0;
};

/// Of narke and its closest peer: runs of OpenMP's take from 12 to 100 ns a task.
inline constexpr int runs_a_repetition = 3;

/// What a task computes.
inline int value_of(int index) {
  return index ^ 5;
}

template <class Values>
void check(const Values& values, const parameters& asked) {
  expect_equal(values.size(), asked.tasks, "the number of results");
  for (std::size_t i = 0; i != asked.tasks; ++i) {
    expect_equal(values[i], value_of(int(i)), fmt::format("result {}", i));
  }
}

contender serial(const parameters& asked);
contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender thread_pool(const parameters& asked);
contender starpu(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::empty_tasks
