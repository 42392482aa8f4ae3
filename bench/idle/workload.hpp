// What a runtime with nothing to do takes: CPU time of a second, some time after its last task.
// Each is measured in a process of its own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "harness/workload.hpp"

namespace bench::idle {

struct parameters {
  std::chrono::milliseconds settle{0};  ///< after the last task
  std::chrono::milliseconds watch{0};
};

inline constexpr int tasks_before = 1000;

struct runtime {
  std::string name;
  /// Has all threads awake and runs tasks_before tasks; true when their results are right.
  std::function<bool()> work;
};

std::vector<runtime> runtimes();

runtime openmp();
runtime onetbb();
runtime thread_pool();
runtime starpu();
runtime narke();

/// In a child: works, waits, and says how many nanoseconds the watch took, and of CPU time.
void watch_here(const std::string& name, const parameters& asked);

/// Its body runs a child.
contender contender_of(const runtime& which, const parameters& asked);

}  // namespace bench::idle
