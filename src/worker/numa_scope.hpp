// Keeps a thread on the CPUs of one NUMA node for as long as a task runs that was placed there.
#pragma once

#include <map>
#include <vector>

namespace narke::internal {

/// The CPUs of each node, by OS indices. By init, before any task runs.
void set_numa_cpus(std::map<int, std::vector<int>> cpus_of_nodes);

class numa_scope {
 public:
  /// -1, or a node of which nothing is known: does nothing.
  explicit numa_scope(int node);
  numa_scope(const numa_scope&) = delete;
  numa_scope& operator=(const numa_scope&) = delete;
  ~numa_scope();

 private:
  std::vector<unsigned long> before_;  // the mask of the thread; empty: it was left as it is
};

}  // namespace narke::internal
