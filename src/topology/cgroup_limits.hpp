// What the control groups (v1, v2 and both at once) allow this process. Pure reading of files below
// a root that is given, so that tests can lay out their own; any thread may call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "topology/machine.hpp"

namespace narke::internal {

/// The smallest limits on the way from the process's groups to the root. Unlimited or unreadable =
/// nullopt.
struct cgroup_limits {
  std::string version;                        ///< "v1", "v2", "hybrid" or "" when there is none
  std::optional<int> cpuset_cpus;             ///< CPUs of the smallest cpuset
  std::optional<double> quota_cpus;           ///< quota / period
  std::optional<std::uint64_t> memory_bytes;
};

/// `root` is the mount point, usually /sys/fs/cgroup; `proc_cgroup_file` usually /proc/self/cgroup.
[[nodiscard]] cgroup_limits read_cgroup_limits(const std::string& root,
                                               const std::string& proc_cgroup_file);

/// CPUs in a list as the kernel writes it ("0-3,8,10-11"); nullopt when it is empty or malformed.
[[nodiscard]] std::optional<int> count_cpu_list(const std::string& text);

/// CPUs in the calling thread's affinity mask, however many CPUs the machine has; nullopt when the
/// kernel does not say.
[[nodiscard]] std::optional<int> count_affinity_cpus();

/// Joins the affinity mask's count and the groups' limits with what the machine has.
[[nodiscard]] process_limits combine_limits(std::optional<int> affinity_cpus,
                                            const cgroup_limits& groups, int machine_pus,
                                            std::uint64_t machine_memory_bytes);

}  // namespace narke::internal
