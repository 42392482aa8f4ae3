// What a machine is made of, as an immutable value: no handles, no system calls. A source (this
// machine by hwloc and the CUDA driver, or an hwloc XML file) makes one; everything above reads it.
// Copyable, safe to read from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace narke::internal {

struct cache_info {
  int level = 0;     ///< 1, 2, 3 …
  std::string type;  ///< "unified", "data" or "instruction"
  std::uint64_t size_bytes = 0;
  int count = 0;  ///< how many of this kind the machine has
};

struct core_info {
  int os_index = -1;     ///< unknown = -1
  std::vector<int> pus;  ///< OS indices of its hardware threads
  int package = -1;      ///< index into machine::packages
  int numa_node = -1;    ///< OS index of the nearest node
};

struct package_info {
  int os_index = -1;
  std::string model;  ///< as the CPU names itself, may be empty
  int cores = 0;
  int pus = 0;
};

struct numa_node_info {
  int os_index = -1;
  std::uint64_t memory_bytes = 0;
  std::vector<int> pus;  ///< OS indices of the hardware threads next to it
};

/// How much of the CPUs and of memory this process may use, and what set each limit. Unknown or
/// unlimited = nullopt.
struct process_limits {
  std::optional<int> affinity_cpus;  ///< bits set in the affinity mask
  std::optional<int> cpuset_cpus;    ///< CPUs in the control group's cpuset
  /// Quota / period, the smallest on the way to the root.
  std::optional<double> quota_cpus;
  std::optional<std::uint64_t> memory_bytes;  ///< the smallest memory limit on the way to the root
  std::string cgroup_version;                 ///< "v1", "v2", "hybrid" or "" when there is none
  int usable_cpus = 1;                        ///< min of the above with ceil(quota), never below 1
  std::uint64_t usable_memory_bytes = 0;      ///< min of machine memory and the limit
};

/// The kind and speed of the way between two GPUs, or between a GPU and a package or switch.
struct gpu_link {
  int from = -1;  ///< index into machine::gpus
  int to = -1;    ///< index into machine::gpus
  /// As nvidia-smi topo -m: NV#, PIX, PXB, PHB, NODE, SYS; empty = unknown.
  std::string kind;
  /// Direct or through switches, null = unknown or none.
  std::optional<double> nvlink_bandwidth_mb_per_s;
  /// Whether the driver lets `from` read the memory of `to`; null = unknown.
  std::optional<bool> peer_access = std::nullopt;
};

struct gpu_info {
  /// The ordinal of this process, after CUDA_VISIBLE_DEVICES.
  int index = -1;
  std::string uuid;  ///< "GPU-…" or "MIG-…"; empty = unknown
  std::string name;
  /// "00000000:3B:00.0" in nvidia-smi's form, empty = unknown.
  std::string pci_bus_id;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::string> compute_capability;  ///< "9.0"
  std::optional<int> numa_node;                   ///< OS index
  std::optional<int> multiprocessors;
  bool is_emulated = false;
};

struct machine {
  std::string hostname;
  std::string architecture;
  std::string source;          ///< "this machine" or the file's name
  bool is_this_system = true;  ///< false for a file: binding would do nothing
  std::uint64_t memory_bytes = 0;
  std::vector<package_info> packages;
  std::vector<numa_node_info> numa_nodes;
  std::vector<cache_info> caches;
  std::vector<core_info> cores;
  int pus = 0;
  process_limits limits;
  std::vector<gpu_info> gpus;
  std::vector<gpu_link> gpu_links;                 ///< one for each ordered pair of different GPUs
  std::optional<std::string> cuda_driver_version;  ///< "13.0"
  std::vector<std::string> warnings;               ///< what was found broken, one sentence each
};

}  // namespace narke::internal
