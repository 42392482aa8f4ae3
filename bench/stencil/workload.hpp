// A grid of tasks, steps by columns, each on its neighbours' results of the step before: the
// stencil of Task Bench. Told is METG(50 %): how long a task has to be for half of all threads'
// time to go into tasks. A contender runs the grid with tasks of decreasing length, beside a plain
// loop over the same work, and the length at which its efficiency falls below a half is its time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/cpu.hpp"
#include "harness/workload.hpp"

namespace bench::stencil {

struct parameters {
  std::size_t columns = 0;
  std::size_t steps = 0;
};

/// One grid, computed: the last step's values. `rounds` of spin() a task.
using grid_runner = std::function<std::vector<std::uint64_t>(const parameters&, std::uint64_t)>;

/// What a task makes of its neighbours' results, the sum of which is `inputs`.
inline std::uint64_t value_of(std::uint64_t inputs, std::uint64_t rounds) {
  return spin(rounds, inputs) + 1;
}

[[nodiscard]] std::vector<std::uint64_t> run_serially(const parameters& asked,
                                                      std::uint64_t rounds);

/// A contender whose time is the METG of `run_grid`.
[[nodiscard]] contender metg_of(const std::string& name, const parameters& asked,
                                const grid_runner& run_grid);

/// A point of an efficiency curve: how long a task takes in the plain loop, and what share of all
/// threads' time went into tasks.
struct efficiency {
  double task_ns = 0;
  double share = 0;
};

/// Where the curve, from long tasks to short ones, falls below `share` for good: between two points
/// by their logarithms. Without such points: the shortest task, or, when it never reaches it, the
/// longest.
[[nodiscard]] double task_ns_at(const std::vector<efficiency>& curve, double share);

contender openmp(const parameters& asked);
contender onetbb(const parameters& asked);
contender narke(const parameters& asked);

}  // namespace bench::stencil
