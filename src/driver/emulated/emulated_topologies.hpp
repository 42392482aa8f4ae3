// Ready-made sets of emulated devices: equal ones with and without links between them, and what a
// real driver or a file told of a machine. Plain functions; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/device_facts.hpp"
#include "driver/emulated/emulated_options.hpp"

namespace narke::internal {

enum class emulated_links : std::uint8_t {
  none,
  pairs,  ///< 0 with 1, 2 with 3, …
  all,    ///< everyone with everyone
};

/// `count` devices of `memory_bytes` each. Throws std::invalid_argument when `count` is negative.
[[nodiscard]] std::vector<emulated_gpu> equal_gpus(int count, std::uint64_t memory_bytes);

/// The links between `count` devices. `bytes_per_second` 0 = the model's.
[[nodiscard]] std::vector<std::vector<emulated_link>> make_links(
    int count, emulated_links kind, std::uint64_t bytes_per_second = 0);

/// Devices with the names, UUIDs, bus ids, sizes and links of these. What is unknown is made up:
/// a device of unknown size gets `memory_bytes`.
[[nodiscard]] emulated_options emulate_devices(const std::vector<device_facts>& devices,
                                               const std::vector<peer_facts>& peers,
                                               std::uint64_t memory_bytes);

}  // namespace narke::internal
