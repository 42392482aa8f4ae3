#include <algorithm>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/build_info.hpp"
#include "base/needed_memory.hpp"
#include "observe/report.hpp"

namespace narke::internal {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* report_schema = "urn:narke:report:1";
constexpr const char* schema_version = "1.1";

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }
json or_null(const char* text) { return or_null(std::string{text}); }
json index_or_null(int index) { return index < 0 ? json(nullptr) : json(index); }
json size_or_null(std::uint64_t bytes) { return bytes == 0 ? json(nullptr) : json(bytes); }

json host_json(const host_facts& host) {
  return {{"hostname", or_null(host.hostname)},
          {"os", or_null(host.os)},
          {"kernel", or_null(host.kernel)},
          {"architecture", or_null(host.architecture)}};
}

json limits_json(const process_limits& limits) {
  return {{"affinity_cpus", or_null(limits.affinity_cpus)},
          {"cpuset_cpus", or_null(limits.cpuset_cpus)},
          {"quota_cpus", or_null(limits.quota_cpus)},
          {"memory_bytes", or_null(limits.memory_bytes)},
          {"cgroup_version", or_null(limits.cgroup_version)},
          {"usable_cpus", limits.usable_cpus},
          {"usable_memory_bytes", size_or_null(limits.usable_memory_bytes)}};
}

json packages_json(const machine& described) {
  json all = json::array();
  for (const package_info& package : described.packages) {
    all.push_back({{"os_index", index_or_null(package.os_index)},
                   {"model", or_null(package.model)},
                   {"cores", package.cores},
                   {"pus", package.pus}});
  }
  return all;
}

json numa_nodes_json(const machine& described) {
  json all = json::array();
  for (const numa_node_info& node : described.numa_nodes) {
    all.push_back({{"os_index", index_or_null(node.os_index)},
                   {"memory_bytes", size_or_null(node.memory_bytes)},
                   {"pus", node.pus}});
  }
  return all;
}

json caches_json(const machine& described) {
  json all = json::array();
  for (const cache_info& cache : described.caches) {
    all.push_back({{"level", cache.level},
                   {"type", cache.type},
                   {"size_bytes", size_or_null(cache.size_bytes)},
                   {"count", cache.count}});
  }
  return all;
}

json machine_json(const machine& described) {
  return {{"source", described.source},
          {"is_this_system", described.is_this_system},
          {"hostname", or_null(described.hostname)},
          {"architecture", or_null(described.architecture)},
          {"memory_bytes", size_or_null(described.memory_bytes)},
          {"cores", described.cores.size()},
          {"pus", described.pus},
          {"packages", packages_json(described)},
          {"numa_nodes", numa_nodes_json(described)},
          {"caches", caches_json(described)},
          {"limits", limits_json(described.limits)},
          {"cuda_driver_version", or_null(described.cuda_driver_version)},
          {"warnings", described.warnings}};
}

// The keys are those of nvidia-smi --query-gpu. What the CUDA driver does not tell is null.
json gpu_json(const gpu_info& gpu) {
  return {{"index", index_or_null(gpu.index)},
          {"uuid", or_null(gpu.uuid)},
          {"name", or_null(gpu.name)},
          {"pci.bus_id", or_null(gpu.pci_bus_id)},
          {"driver_version", nullptr},
          {"compute_cap", or_null(gpu.compute_capability)},
          {"memory.total_bytes", or_null(gpu.memory_total_bytes)},
          {"memory.used_bytes", nullptr},
          {"memory.free_bytes", nullptr},
          {"utilization.gpu", nullptr},
          {"temperature.gpu", nullptr},
          {"power.draw_watts", nullptr},
          {"clocks.sm_mhz", nullptr},
          {"multiprocessors", or_null(gpu.multiprocessors)},
          {"numa_node", or_null(gpu.numa_node)},
          {"is_emulated", gpu.is_emulated}};
}

json gpus_json(const machine& described) {
  json all = json::array();
  for (const gpu_info& gpu : described.gpus) all.push_back(gpu_json(gpu));
  return all;
}

json links_json(const machine& described) {
  json all = json::array();
  for (const gpu_link& link : described.gpu_links) {
    if (link.from < 0 || link.to < 0) continue;
    all.push_back({{"from", link.from},
                   {"to", link.to},
                   {"kind", or_null(link.kind)},
                   {"nvlink_bandwidth_mb_per_s", or_null(link.nvlink_bandwidth_mb_per_s)},
                   {"peer_access", or_null(link.peer_access)}});
  }
  return all;
}

const char* state_of(const gpu_use& gpu) {
  if (gpu.is_lost) return "lost";
  return gpu.is_open ? "open" : "closed";
}

json gpu_uses_json(const std::optional<runtime_facts>& facts) {
  if (!facts) return nullptr;
  json all = json::array();
  for (const gpu_use& gpu : facts->gpus) {
    all.push_back({{"index", index_or_null(gpu.index)},
                   {"state", state_of(gpu)},
                   {"capacity_bytes", size_or_null(gpu.capacity_bytes)},
                   {"used_bytes", gpu.used_bytes},
                   {"peak_bytes", gpu.peak_bytes},
                   {"evictions", gpu.evictions}});
  }
  return all;
}

json runtime_json(const std::optional<runtime_facts>& facts) {
  const auto known = [&](auto runtime_facts::*member) {
    return facts ? json((*facts).*member) : json(nullptr);
  };
  json uptime = nullptr;
  if (facts) uptime = facts->uptime.count();
  return {{"initialized", facts.has_value()},
          {"num_cpus", known(&runtime_facts::num_cpus)},
          {"workers", known(&runtime_facts::workers)},
          {"tasks_submitted", known(&runtime_facts::tasks_submitted)},
          {"tasks_finished", known(&runtime_facts::tasks_finished)},
          {"tasks_failed", known(&runtime_facts::tasks_failed)},
          {"tasks_pending", known(&runtime_facts::tasks_pending)},
          {"object_store_used_bytes", known(&runtime_facts::object_store_used_bytes)},
          {"object_store_limit_bytes", known(&runtime_facts::object_store_limit_bytes)},
          {"trace_events", known(&runtime_facts::trace_events)},
          {"trace_events_dropped", known(&runtime_facts::trace_events_dropped)},
          {"uptime_ms", uptime},
          {"gpus", gpu_uses_json(facts)},
          {"gpu_tasks", known(&runtime_facts::gpu_tasks)},
          {"bytes_to_devices", known(&runtime_facts::bytes_to_devices)},
          {"bytes_to_host", known(&runtime_facts::bytes_to_host)},
          {"bytes_between_devices", known(&runtime_facts::bytes_between_devices)}};
}

json advice_json(const std::vector<advice_entry>& advice) {
  json all = json::array();
  for (const advice_entry& each : advice) {
    all.push_back({{"code", each.code},
                   {"message", each.message},
                   {"file", or_null(each.location.file_name())},
                   {"line", each.location.line()},
                   {"count", each.count}});
  }
  return all;
}

json time_json(const std::optional<double>& ago_ms, std::chrono::system_clock::time_point now) {
  if (!ago_ms) return nullptr;
  const auto now_ms = std::chrono::duration<double, std::milli>{now.time_since_epoch()}.count();
  return now_ms - *ago_ms;
}

json task_json(const task_facts& task, std::chrono::system_clock::time_point now) {
  json resources = json::object();
  for (const auto& [name, amount] : task.required_resources) resources[name] = amount;
  return {{"task_id", task.id},
          {"parent_task_id", task.parent_id == 0 ? json(nullptr) : json(task.parent_id)},
          {"name", task.name},
          {"type", task.is_actor_call ? "ACTOR_TASK" : "NORMAL_TASK"},
          {"state", task.state},
          {"attempt_number", task.attempt},
          {"file", or_null(task.file)},
          {"line", task.line},
          {"required_resources", resources},
          {"waits_for", task.waits_for},
          {"reason", or_null(task.reason)},
          {"worker", or_null(task.thread)},
          {"start_time_ms", time_json(task.started_ago_ms, now)},
          {"end_time_ms", time_json(task.ended_ago_ms, now)}};
}

json tasks_json(const report_inputs& inputs) {
  json all = json::array();
  for (const task_facts& each : inputs.tasks->tasks) {
    all.push_back(task_json(each, inputs.generated_at));
  }
  return all;
}

json build_json() {
  const build_info& build = this_build();
  return {{"version", build.version},
          {"compiler", build.compiler},
          {"build_type", or_null(build.build_type)},
          {"sanitizers", or_null(build.sanitizers)},
          {"git_commit", or_null(build.git_commit)},
          {"hwloc_version", or_null(build.hwloc_version)}};
}

}  // namespace

std::string report_json(const report_inputs& inputs) {
  const memory_needed needed;  // by the destructor of json: it makes a list of what it holds
  json report = {
      {"$schema", report_schema},
      {"schema_version", schema_version},
      {"generated_at", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(inputs.generated_at))},
      {"host", host_json(inputs.host)},
      {"machine", machine_json(inputs.described)},
      {"gpus", gpus_json(inputs.described)},
      {"gpu_links", links_json(inputs.described)},
      {"cluster_resources", json::object()},
      {"available_resources", json::object()},
      {"runtime", runtime_json(inputs.runtime)},
      {"advice", advice_json(inputs.advice)},
      {"build", build_json()}};
  if (inputs.tasks) {
    report["tasks"] = tasks_json(inputs);
    report["tasks_left_out"] = inputs.tasks->left_out;
  }
  for (const auto& [name, amount] : inputs.cluster_resources) {
    report["cluster_resources"][name] = amount;
  }
  for (const auto& [name, amount] : inputs.available_resources) {
    report["available_resources"][name] = amount;
  }
  return report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace narke::internal
