// An hwloc topology as an owned resource, and the two ways to get one. Not shared between threads
// while it loads; afterwards it is only read.
#pragma once

#include <hwloc.h>

#include <memory>
#include <string>

namespace narke::internal {

struct hwloc_topology_destroyer {
  void operator()(hwloc_topology* topology) const noexcept { ::hwloc_topology_destroy(topology); }
};
using hwloc_topology_owner = std::unique_ptr<hwloc_topology, hwloc_topology_destroyer>;

/// This computer, with the PCI devices that matter. hwloc's own GPU plugins stay out: they would
/// start CUDA or OpenCL. Throws topology_error.
[[nodiscard]] hwloc_topology_owner load_hwloc_this_machine();

/// What `xml` says, with every object. Throws topology_error that names `file`.
[[nodiscard]] hwloc_topology_owner load_hwloc_xml(const std::string& file, const std::string& xml);

/// The value of an object's info `name`, cleaned for output; empty when it has none.
[[nodiscard]] std::string hwloc_info(hwloc_obj_t object, const char* name);

}  // namespace narke::internal
