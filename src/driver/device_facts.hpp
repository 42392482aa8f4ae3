// What the CUDA driver says of its devices without opening one: no context is made, nothing is
// allocated. Plain values that the caller owns; any thread may call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "driver/driver_table.hpp"

namespace narke::internal {

/// Unknown = empty or nullopt: a fact that the driver refused to tell.
struct device_facts {
  int ordinal = -1;
  std::string uuid;        ///< "GPU-…" or, for a slice, "MIG-…", in nvidia-smi's form
  std::string name;
  std::string pci_bus_id;  ///< "00000000:3B:00.0"
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::string> compute_capability;  ///< "9.0"
  std::optional<int> multiprocessors;
};

/// The way from one device to another as the driver rates it.
struct peer_facts {
  int from = -1;  ///< ordinal
  int to = -1;    ///< ordinal
  std::optional<bool> can_access;
  std::optional<bool> native_atomics;
  std::optional<int> performance_rank;  ///< 0 is the fastest kind of link of this machine
};

struct driver_facts {
  std::vector<device_facts> devices;  ///< in the driver's order, after CUDA_VISIBLE_DEVICES
  std::vector<peer_facts> peers;      ///< one for each ordered pair of different devices
  std::vector<std::string> warnings;  ///< what the driver failed to tell, one sentence each
};

/// Requires: `table` comes from a driver that is present.
[[nodiscard]] driver_facts read_driver_facts(const driver_table& table);

/// "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6".
[[nodiscard]] std::string format_gpu_uuid(const cu_uuid& uuid);

}  // namespace narke::internal
