// Two programs on one machine, each with as many threads as it has CPUs: what of its speed alone is
// left to each. Where both CPUs are busy with work that is a half; less is lost to threads that
// spin, or hold what others wait for. A child is a program: it runs rounds of tasks until its time
// is up, and says how many it has done. By a real-time policy they would take no turns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/cpu.hpp"
#include "harness/workload.hpp"

namespace bench::side_by_side {

struct parameters {
  std::chrono::microseconds task_time{0};  ///< 0: next to nothing
  std::chrono::milliseconds run_time{0};
};

/// Times are told for so many, so that they are precise.
inline constexpr std::uint64_t items = 1000;

/// What a task computes.
inline std::uint64_t value_of(std::size_t index, std::uint64_t rounds) {
  return rounds == 0 ? index ^ 5 : spin(rounds, index + 1);
}

/// Runs so many tasks, value_of(0 …, rounds), and gives the sum of their results.
using round_runner = std::function<std::uint64_t(std::size_t tasks, std::uint64_t rounds)>;

struct runtime {
  std::string name;
  round_runner run_round;
};

std::vector<runtime> runtimes();

runtime openmp();
runtime onetbb();
runtime starpu();
runtime narke();

/// In a child: says "ready", waits for a line, runs rounds for so long, and says the tasks done in
/// a second.
void run_here(const std::string& name, const parameters& asked);

/// Its body runs a child alone, then two beside each other. Its time is that of a task of one of
/// two; the counters `share_least` and `share_most` are their speeds, as shares of that alone.
contender contender_of(const runtime& which, const parameters& asked);

}  // namespace bench::side_by_side
