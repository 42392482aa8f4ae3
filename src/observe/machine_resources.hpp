// What a machine offers by Ray's rules and names, and GPUs that are not there. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/machine.hpp"

namespace narke::internal {

inline constexpr double memory_share = 0.7;        ///< of what the process may use, as `memory`
inline constexpr double object_store_share = 0.3;  ///< and as `object_store_memory`
inline constexpr std::uint64_t emulated_gpu_memory_bytes = std::uint64_t{16} << 30;

/// What the user says instead of what the machine offers.
struct resource_overrides {
  std::optional<double> num_cpus;
  std::optional<double> num_gpus;
  std::optional<std::uint64_t> object_store_memory_bytes;
  std::map<std::string, double> resources;  ///< custom ones, added
};

/// CPU, GPU, memory, object_store_memory, node:<host>, accelerator_type:<T> and custom resources.
/// Those of which there is nothing are absent.
std::map<std::string, double> cluster_resources(const machine& described,
                                                const resource_overrides& overrides = {});

/// The <T> of accelerator_type:<T>: "H100" for "NVIDIA H100 80GB HBM3", "GeForce-RTX-5090" and
/// "RTX-PRO-6000" where the number alone would be ambiguous. Nullopt when the name does not tell.
std::optional<std::string> accelerator_type(std::string_view gpu_name);

/// GPUs made of CPU threads. Their UUIDs and PCI ids are of valid form and always the same.
/// 0 bytes stands for `emulated_gpu_memory_bytes`.
std::vector<gpu_info> emulated_gpus(int count, std::uint64_t memory_bytes = 0);

/// The machine with these GPUs and no others; each reaches the memory of each, which is listed for
/// up to 64.
machine with_emulated_gpus(machine described, int count, std::uint64_t memory_bytes = 0);

}  // namespace narke::internal
