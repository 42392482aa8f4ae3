// Reads the CPU side of an hwloc topology into a machine: names, packages, NUMA nodes, caches,
// cores.
#pragma once

#include "topology/hwloc_topology.hpp"
#include "topology/machine.hpp"

namespace narke::internal {

/// Fills everything of `machine` but its limits, its GPUs and where it comes from.
void read_host(hwloc_topology_t topology, machine& machine);

/// The OS index of the one NUMA node next to `object`; nullopt when there are several or none.
[[nodiscard]] std::optional<int> nearest_numa_node(hwloc_topology_t topology, hwloc_obj_t object);

}  // namespace narke::internal
