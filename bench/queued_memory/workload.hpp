// Memory that a queued task takes: a million of them behind a gate, with what their submitter keeps
// of each (a ref, a future, or a place for the result). Each contender is measured in a process of
// its own, by how far the peak of its memory grows while it submits. Threads of other runtimes that
// run a task at once when too many are queued (OpenMP's of GCC) cannot take part.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "harness/workload.hpp"

namespace bench::queued_memory {

struct parameters {
  std::size_t tasks = 0;
};

/// What a task computes.
inline int value_of(int index) {
  return index ^ 5;
}

/// Holds all threads of a runtime, so that what is submitted is queued.
class gate {
 public:
  /// In a task of its own on each of them: told, then held.
  void hold() {
    held_.fetch_add(1);
    held_.notify_all();
    is_open_.wait(false);
  }
  void wait_for(int threads) const {
    for (int seen = held_.load(); seen < threads; seen = held_.load()) held_.wait(seen);
  }
  [[nodiscard]] bool holds(int threads) const { return held_.load() >= threads; }
  void open() {
    is_open_.store(true);
    is_open_.notify_all();
  }

 private:
  std::atomic<int> held_ = 0;
  std::atomic<bool> is_open_ = false;
};

/// What a runtime has to do, in a child: holds its threads with the gate, submits as many tasks,
/// calls `queued`, opens the gate, and gives all values.
using submitter = std::function<std::vector<int>(std::size_t tasks, gate& held,
                                                 const std::function<void()>& queued)>;

struct runtime {
  std::string name;
  submitter submit;
  std::size_t share = 1;  ///< one that takes much does with a tenth of the tasks: 10
};

std::vector<runtime> runtimes();

runtime onetbb();
runtime thread_pool();
runtime starpu();
runtime narke();

/// In a child: runs the runtime of that name with so many tasks, and says on standard output the
/// bytes and nanoseconds of one.
void measure_here(const std::string& name, std::size_t tasks);

/// Its body runs a child.
contender contender_of(const runtime& which, const parameters& asked);

}  // namespace bench::queued_memory
