// What of this machine a run may give out: what the machine has, less what an outer allocation
// (Slurm's, or CUDA_VISIBLE_DEVICES) leaves to it; and how its jobs are told of their GPUs. Pure
// functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resources/resource_totals.hpp"
#include "topology/machine.hpp"

namespace narke::internal {

/// The variables that an outer scheduler sets, as they were found.
struct outer_environment {
  std::optional<std::string> visible_devices;      ///< CUDA_VISIBLE_DEVICES
  std::optional<std::string> slurm_step_gpus;      ///< SLURM_STEP_GPUS
  std::optional<std::string> slurm_job_gpus;       ///< SLURM_JOB_GPUS
  std::optional<std::string> slurm_step_id;        ///< SLURM_STEP_ID
  std::optional<std::string> slurm_cpus_on_node;   ///< SLURM_CPUS_ON_NODE
  std::optional<std::string> slurm_cpus_per_task;  ///< SLURM_CPUS_PER_TASK
};

/// A GPU that jobs may get.
struct granted_gpu {
  int id = 0;        ///< 0, 1, 2 … in this run
  std::string uuid;  ///< empty = unknown
  std::string name;
  std::string entry;  ///< its place in CUDA_VISIBLE_DEVICES
  std::optional<std::uint64_t> memory_bytes;
  std::optional<int> numa_node;
};

struct granted_machine {
  int cpus = 1;
  std::vector<granted_gpu> gpus;
  /// False where a GPU is named by a number that CUDA counts in an order of the user's.
  bool by_pci_order = true;
  std::vector<std::string> warnings;  ///< what of the outer allocation was not understood

  [[nodiscard]] resource_totals totals() const;
  /// CUDA_VISIBLE_DEVICES for a job with these GPUs: "GPU-1a2b…,GPU-3c4d…"; "" for none.
  [[nodiscard]] std::string visible_devices(std::span<const int> ids) const;
};

/// Of a real machine, whose driver has applied CUDA_VISIBLE_DEVICES already, or of one with
/// emulated GPUs, which nobody has applied it to. Emulated GPUs go by numbers, and a variable that
/// hides all real GPUs leaves them alone.
granted_machine granted_of(const machine& described, const outer_environment& outer);

/// Numbers of a list such as Slurm's: "0,2", "0-3", "gpu:1". Nullopt when it is none.
std::optional<std::vector<int>> parse_index_list(std::string_view text);

}  // namespace narke::internal
