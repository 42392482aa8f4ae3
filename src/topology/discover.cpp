#include "topology/discover.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "driver/clean_text.hpp"
#include "driver/cuda_driver.hpp"
#include "driver/device_facts.hpp"
#include "topology/cgroup_limits.hpp"
#include "topology/gpu_reader.hpp"
#include "topology/host_reader.hpp"
#include "topology/visible_devices.hpp"

namespace narke::internal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t listed_gpus_max = 1024;

located_gpu make_gpu(hwloc_topology_t topology, const device_facts& facts) {
  located_gpu gpu{.info = {.index = facts.ordinal,
                           .uuid = facts.uuid,
                           .name = facts.name,
                           .pci_bus_id = facts.pci_bus_id,
                           .memory_total_bytes = facts.memory_total_bytes,
                           .compute_capability = facts.compute_capability,
                           .multiprocessors = facts.multiprocessors}};
  locate_gpu(topology, gpu);
  return gpu;
}

void add_peer_access(const driver_facts& facts, std::vector<gpu_link>& links) {
  for (auto& link : links) {
    const auto peer = std::find_if(facts.peers.begin(), facts.peers.end(), [&](const auto& pair) {
      return pair.from == link.from && pair.to == link.to;
    });
    if (peer != facts.peers.end()) link.peer_access = peer->can_access;
  }
}

void read_gpus(hwloc_topology_t topology, const driver_table& table, machine& result) {
  const driver_facts facts = read_driver_facts(table);
  std::vector<located_gpu> gpus;
  for (const auto& device : facts.devices) gpus.push_back(make_gpu(topology, device));
  for (const auto& gpu : gpus) result.gpus.push_back(gpu.info);
  result.gpu_links = link_gpus(topology, gpus);
  add_peer_access(facts, result.gpu_links);
  result.warnings.insert(result.warnings.end(), facts.warnings.begin(), facts.warnings.end());
}

/// The UUID in a file that says "GPU UUID: \t GPU-…"; empty when it does not.
std::string read_listed_uuid(const fs::path& file) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with("GPU UUID:")) continue;
    const std::size_t begin = line.find("GPU-", 9);
    return begin == std::string::npos ? std::string{} : clean_text(line.substr(begin), 64);
  }
  return {};
}

/// Every GPU of the kernel driver, those that CUDA_VISIBLE_DEVICES hides too.
std::vector<visible_device> list_all_gpus(const std::string& directory) {
  std::vector<visible_device> devices;
  std::error_code problem;
  for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (devices.size() == listed_gpus_max) break;
    devices.push_back({.uuid = read_listed_uuid(entry->path() / "information")});
  }
  return devices;
}

/// Numbers follow an order that the list need not have; an explanation only needs how many there
/// are. Slices are not in the list, and where a UUID is missing only the form can be judged.
std::optional<std::string> explain_visible_devices(const discover_options& options) {
  const std::string& value = *options.visible_devices;
  const auto devices = list_all_gpus(options.nvidia_proc_directory);
  const bool has_uuids = std::all_of(devices.begin(), devices.end(),
                                     [](const auto& device) { return !device.uuid.empty(); });
  if (devices.empty() || !has_uuids || value.find("MIG-") != std::string::npos) {
    return explain_visible_devices_syntax(value);
  }
  return select_visible_devices(value, devices).explanation;
}

void read_driver(hwloc_topology_t topology, const discover_options& options, machine& result) {
  const cuda_driver driver = load_cuda_driver(options.driver_library);
  if (driver.version > 0) result.cuda_driver_version = cuda_version_text(driver.version);
  if (driver.state == driver_state::broken) result.warnings.push_back(driver.problem);
  if (driver.state == driver_state::present) read_gpus(topology, driver.table, result);
  if (!options.visible_devices) return;
  if (auto explanation = explain_visible_devices(options)) {
    result.warnings.push_back(std::move(*explanation));
  }
}

std::uint64_t physical_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes)
             : 0;
}

}  // namespace

topology_error::topology_error(std::string source, std::string reason)
    : error(fmt::format("cannot read the topology of {}: {}", clean_text(source, 4096), reason)),
      source_(std::move(source)),
      reason_(std::move(reason)) {}

topology_error::~topology_error() = default;

machine discover_machine(const discover_options& options) {
  const hwloc_topology_owner topology = load_hwloc_this_machine();
  machine result;
  read_host(topology.get(), result);
  // The sum over NUMA nodes misses what a virtual machine was given after it started.
  result.memory_bytes = std::max(result.memory_bytes, physical_memory_bytes());
  result.source = "this machine";
  result.is_this_system = ::hwloc_topology_is_thissystem(topology.get()) != 0;
  if (!result.is_this_system) {
    result.warnings.emplace_back(
        "An environment variable of hwloc (HWLOC_XMLFILE, HWLOC_SYNTHETIC or HWLOC_FSROOT) stands "
        "in for this machine's topology: threads are not bound.");
  }
  utsname names{};
  if (::uname(&names) == 0) {
    result.hostname = clean_text(names.nodename);
    result.architecture = clean_text(names.machine);
  }
  result.limits =
      combine_limits(count_affinity_cpus(),
                     read_cgroup_limits(options.cgroup_root, options.proc_cgroup_file), result.pus,
                     result.memory_bytes);
  if (options.with_gpus) read_driver(topology.get(), options, result);
  return result;
}

}  // namespace narke::internal
