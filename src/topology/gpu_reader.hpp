// GPUs and their place in an hwloc topology.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "topology/hwloc_topology.hpp"
#include "topology/machine.hpp"

namespace narke::internal {

/// A GPU with the hwloc objects that stand for it; they belong to the topology.
struct located_gpu {
  gpu_info info;
  hwloc_obj_t pci = nullptr;             ///< null = not found
  std::vector<hwloc_obj_t> os_devices = {};  ///< "cuda0", "nvml0" …: several for one GPU
};

/// The NVIDIA GPUs that a topology names itself by CUDA or NVML devices, each once, in the order of
/// their CUDA (else NVML) numbers.
[[nodiscard]] std::vector<located_gpu> find_gpus(hwloc_topology_t topology);

/// Finds the PCI device at "00000000:3B:00.0" and the NUMA node next to it.
void locate_gpu(hwloc_topology_t topology, located_gpu& gpu);

/// How each GPU reaches each other one: over NVLink as far as the topology tells, else by the PCI
/// tree as nvidia-smi topo -m names it.
[[nodiscard]] std::vector<gpu_link> link_gpus(hwloc_topology_t topology,
                                              std::span<const located_gpu> gpus);

}  // namespace narke::internal
