// Where a `machine` comes from: this computer (hwloc, the control groups and the CUDA driver) or an
// hwloc XML file. Both functions hold no state, keep nothing open, may be called from any thread
// and may be slow (milliseconds; the first call that asks for GPUs initialises the CUDA driver).
// The caller owns the value it gets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <narke/errors.hpp>
#include <narke/export.hpp>

#include "topology/machine.hpp"

namespace narke::internal {

/// A topology file, or this machine's own topology, that cannot be read. The command line answers
/// with exit code 2.
class NARKE_EXPORT topology_error : public error {
 public:
  topology_error(std::string source, std::string reason);
  ~topology_error() override;

  /// The file's name, or "this machine".
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  /// Why, and what to do about it.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  std::string source_;
  std::string reason_;
};

/// Where to look; the defaults are this machine's own places, tests give others.
struct discover_options {
  bool with_gpus = true;                          ///< false: the CUDA driver is not even looked for
  std::string driver_library = "libcuda.so.1";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_cgroup_file = "/proc/self/cgroup";
  /// Where NVIDIA's kernel driver lists all GPUs, hidden ones too: only for explanations.
  std::string nvidia_proc_directory = "/proc/driver/nvidia/gpus";
  /// CUDA_VISIBLE_DEVICES as the caller found it; the driver applies it, here it is only explained.
  std::optional<std::string> visible_devices = std::nullopt;
};

struct load_options {
  /// When given, hides GPUs of the file as CUDA_VISIBLE_DEVICES would.
  std::optional<std::string> visible_devices = std::nullopt;
  std::uint64_t file_bytes_max = std::uint64_t{64} << 20;
};

/// This computer. What is broken about its GPUs becomes a sentence in `warnings`, no exception.
/// Throws topology_error when hwloc cannot describe the machine at all.
[[nodiscard]] machine discover_machine(const discover_options& options = {});

/// The machine that an hwloc XML file describes. Throws topology_error when it is not one.
[[nodiscard]] machine load_machine(const std::string& file, const load_options& options = {});

}  // namespace narke::internal
