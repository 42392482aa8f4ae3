// What there is and what is free: resources, nodes, GPUs, the report and the timeline. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <narke/export.hpp>

namespace narke {

/// One machine. There is one, as narke runs in one process.
struct node_info {
  std::string node_id;
  bool alive = false;
  std::string hostname;
  std::map<std::string, double> resources;
  std::map<std::string, std::string> labels;
};

/// One GPU that the runtime manages.
struct gpu {
  int id = -1;  ///< the ordinal of this process
  std::string uuid;
  std::string pci_bus_id;
  std::string name;
  std::uint64_t memory_bytes = 0;
  std::optional<int> numa_node;
  bool is_emulated = false;
};

struct report_options {
  bool tasks = false;
};

/// CPU, GPU, memory, object_store_memory (bytes), node:<host>, accelerator_type:<T>, and custom
/// resources.
NARKE_EXPORT std::map<std::string, double> cluster_resources();
/// The same, now. A resource of which nothing is left is absent.
NARKE_EXPORT std::map<std::string, double> available_resources();
NARKE_EXPORT std::vector<node_info> nodes();
NARKE_EXPORT std::vector<gpu> gpus();
/// In a task or an actor: the GPUs that it was given. Elsewhere: all that the runtime manages.
NARKE_EXPORT std::vector<int> get_gpu_ids();

/// The JSON of `narke report --json`.
NARKE_EXPORT std::string report(const report_options& options = {});
/// Writes what was recorded as Chrome trace events, for Perfetto. Throws narke::error naming the
/// file when it cannot be written; nothing is then left behind.
NARKE_EXPORT void timeline(const std::string& path);

}  // namespace narke
