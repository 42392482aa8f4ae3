// A machine from an hwloc XML file, as discover.hpp declares it.
#include <fmt/format.h>

#include <algorithm>

#include "topology/child_trial.hpp"
#include "topology/discover.hpp"
#include "topology/gpu_reader.hpp"
#include "topology/host_reader.hpp"
#include "topology/visible_devices.hpp"
#include "topology/xml_file.hpp"

namespace narke::internal {
namespace {

constexpr int trial_timeout_ms = 60'000;

/// Keeps the GPUs that a process with this CUDA_VISIBLE_DEVICES would see, in its order.
void hide_gpus(const std::string& visible_devices, std::vector<located_gpu>& gpus,
               std::vector<std::string>& warnings) {
  std::vector<visible_device> devices;
  for (const auto& gpu : gpus) devices.push_back({.uuid = gpu.info.uuid});
  const visible_selection selection = select_visible_devices(visible_devices, devices);
  std::vector<located_gpu> kept;
  for (const std::size_t chosen : selection.chosen) {
    kept.push_back(gpus[chosen]);
    kept.back().info.index = static_cast<int>(kept.size()) - 1;
  }
  gpus = std::move(kept);
  if (selection.explanation) warnings.push_back(*selection.explanation);
}

machine read_xml(const std::string& file, const std::string& xml, const load_options& options) {
  const hwloc_topology_owner topology = load_hwloc_xml(file, xml);
  machine result;
  read_host(topology.get(), result);
  result.source = file;
  result.is_this_system = false;
  result.limits.usable_cpus = std::max(1, result.pus);
  result.limits.usable_memory_bytes = result.memory_bytes;
  std::vector<located_gpu> gpus = find_gpus(topology.get());
  if (options.visible_devices) hide_gpus(*options.visible_devices, gpus, result.warnings);
  for (const auto& gpu : gpus) result.gpus.push_back(gpu.info);
  result.gpu_links = link_gpus(topology.get(), gpus);
  return result;
}

/// hwloc believes what a file says and may crash on a damaged one, or only grumble. The child meets
/// the same bytes in the same state, so what passes there passes here.
void refuse_unless_harmless(const std::string& file, const std::function<void()>& attempt) {
  const trial_result trial = try_in_child(attempt, trial_timeout_ms);
  switch (trial.outcome) {
    case trial_outcome::passed:
      break;
    case trial_outcome::refused:
      throw topology_error(file, trial.text);
    case trial_outcome::crashed:
      throw topology_error(file, "it is damaged: hwloc crashes on it");
    case trial_outcome::timed_out:
      throw topology_error(file, fmt::format("hwloc was not done with it after {} s",
                                             trial_timeout_ms / 1000));
    case trial_outcome::no_child:
      throw topology_error(file, fmt::format("no process can be started to check it: {}",
                                             trial.text));
  }
  if (trial.complaint.find("out-of-order XML") != std::string::npos) {
    throw topology_error(file, "it is damaged: its objects do not fit into each other");
  }
}

}  // namespace

machine load_machine(const std::string& file, const load_options& options) {
  constexpr std::uint64_t hwloc_bytes_max = std::uint64_t{1} << 30;
  const std::string xml =
      read_topology_file(file, std::min(options.file_bytes_max, hwloc_bytes_max));
  check_topology_xml(file, xml);
  refuse_unless_harmless(file, [&] {
    try {
      (void)read_xml(file, xml, options);
    } catch (const topology_error& error) {
      throw std::runtime_error(error.reason());
    }
  });
  return read_xml(file, xml, options);
}

}  // namespace narke::internal
