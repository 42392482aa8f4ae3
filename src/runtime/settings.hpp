// The options of init, completed by the environment and checked: what the runtime is started with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <narke/options.hpp>

#include "observe/machine_resources.hpp"
#include "resources/resource_totals.hpp"
#include "topology/machine.hpp"

namespace narke::internal {

struct runtime_settings {
  machine described;  ///< with the GPUs that the runtime manages, no others
  /// False: the CUDA driver was not asked yet; `described` and `totals` are without GPUs.
  bool knows_gpus = true;
  resource_overrides overrides;
  resource_totals totals;
  std::int64_t object_store_bytes = 0;
  std::string logging_level;
  bool tracing = false;
  bool advisor = true;
  std::optional<std::string> report_file;
};

/// Throws std::invalid_argument naming the field or the environment variable that is wrong. Asks
/// the CUDA driver for its devices only when num_gpus says that some are needed: a program without
/// GPU tasks is not to pay for that.
runtime_settings resolve_settings(const runtime_options& options);
/// Asks the driver. Requires: !settings.knows_gpus. Slow; throws topology_error.
runtime_settings with_gpus_looked_up(runtime_settings settings);

}  // namespace narke::internal
