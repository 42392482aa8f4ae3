// CUDA_VISIBLE_DEVICES by CUDA's rules, as a pure function. The driver applies the variable itself:
// this is for machines that come from a file, and to say in words what a broken value hid. Any
// thread may call.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narke::internal {

/// A device that an entry may name. Devices stand in the order of their ordinals.
struct visible_device {
  std::string uuid;  ///< "GPU-…" or, for a slice of a GPU, "MIG-…"; empty = unknown
  // Of a slice, for the form MIG-GPU-<uuid>/<gpu instance>/<compute instance>:
  std::string parent_uuid = {};  ///< "GPU-…"
  int gpu_instance = -1;
  int compute_instance = -1;
};

struct visible_selection {
  std::vector<std::size_t> chosen;         ///< indices into the devices, in the process's order
  std::optional<std::string> explanation;  ///< what was ignored and why; null when nothing was
};

/// The devices that a process with this value sees; nullopt = unset, which shows all.
///
///   "1,0"        → 1, 0                the order counts
///   ""  "-1"     → none                on purpose: not explained
///   "0,2,-1,1"   → 0, 2                an invalid entry hides itself and what follows
///   "0,1,0"      → none                a device named twice hides all
///   "GPU-8932f9" → the one GPU whose UUID begins so; two that do make the entry invalid
[[nodiscard]] visible_selection select_visible_devices(std::optional<std::string_view> value,
                                                       std::span<const visible_device> devices);

/// What is wrong with a value whatever devices there are; null when nothing is, or when only the
/// devices could tell.
[[nodiscard]] std::optional<std::string> explain_visible_devices_syntax(std::string_view value);

}  // namespace narke::internal
