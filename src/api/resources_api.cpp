#include <narke/resources.hpp>

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/forked_child.hpp"
#include "observe/event.hpp"
#include "runtime/engine.hpp"
#include "runtime/task_explain.hpp"
#include "worker/thread_state.hpp"

namespace narke {

namespace {

// The settings of the running runtime, which is started when nobody ever has, with its GPUs.
std::shared_ptr<const internal::runtime_settings> running_settings(const char* call) {
  internal::ensure_running(call);
  internal::know_gpus();
  return internal::current_settings();
}

std::map<std::string, std::string> labels_of(const internal::runtime_settings& settings) {
  std::map<std::string, std::string> labels{{"architecture", settings.described.architecture}};
  if (!settings.described.gpus.empty()) {
    if (const auto type = internal::accelerator_type(settings.described.gpus.front().name)) {
      labels["accelerator-type"] = *type;
    }
  }
  return labels;
}

}  // namespace

std::map<std::string, double> cluster_resources() {
  const auto settings = running_settings("cluster_resources");
  return internal::cluster_resources(settings->described, settings->overrides);
}

std::map<std::string, double> available_resources() {
  return internal::available_now(*running_settings("available_resources"));
}

std::vector<node_info> nodes() {
  const auto settings = running_settings("nodes");
  node_info node;
  node.hostname = settings->described.hostname;
  node.node_id = fmt::format("{:016x}", std::hash<std::string>{}(node.hostname));
  node.alive = true;
  node.resources = internal::cluster_resources(settings->described, settings->overrides);
  node.labels = labels_of(*settings);
  return {node};
}

std::vector<gpu> gpus() {
  std::vector<gpu> all;
  for (const internal::gpu_info& each : running_settings("gpus")->described.gpus) {
    all.push_back({.id = each.index,
                   .uuid = each.uuid,
                   .pci_bus_id = each.pci_bus_id,
                   .name = each.name,
                   .memory_bytes = each.memory_total_bytes.value_or(0),
                   .numa_node = each.numa_node,
                   .is_emulated = each.is_emulated});
  }
  return all;
}

std::vector<int> get_gpu_ids() {
  internal::refuse_in_forked_child("get_gpu_ids");
  if (const internal::execution* current = internal::this_thread_state.current) {
    return current->gpu_ids != nullptr ? *current->gpu_ids : std::vector<int>{};
  }
  std::vector<int> ids;
  for (const internal::gpu_info& each : running_settings("get_gpu_ids")->described.gpus) {
    ids.push_back(each.index);
  }
  return ids;
}

std::string report() {
  internal::ensure_running("report");
  return internal::report_now();
}

std::string detail::report_with(const report_options& options) {
  if (options.tasks) {
    list_tasks();  // a plugin that was loaded after the program began asks from now on
  }
  internal::ensure_running("report");
  return internal::report_now(options.tasks);
}

std::string detail::explain_slot(result_slot& slot) {
  return internal::explain(slot);
}

std::vector<advice_entry> advice() {
  return internal::advice_now();
}

void timeline(const std::string& path) {
  internal::refuse_in_forked_child("timeline");
  internal::write_chrome_trace(path, internal::advice_now());
}

}  // namespace narke
