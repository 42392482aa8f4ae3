// What there is to give out, as a value: fixed when the runtime starts, but for GPUs that are
// looked up later or are lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/quantity.hpp"

namespace narke::internal {

struct gpu_total {
  int id = 0;                     ///< the ordinal of this process
  std::int64_t memory_bytes = 0;  ///< 0 = unknown: no request with gpu_memory fits
  int numa_node = -1;             ///< OS index, unknown = -1
  bool is_lost = false;           ///< it gives nothing, but keeps its place: indices hold
};

struct resource_totals {
  int cpus = 1;
  std::vector<gpu_total> gpus;    ///< in the order of packing
  std::int64_t memory_bytes = 0;
  std::map<std::string, quantity> custom;
  std::vector<int> numa_nodes;    ///< OS indices, for requests that wish for one
  std::map<int, int> numa_cpus;   ///< CPUs by node, as far as they are known
};

}  // namespace narke::internal
