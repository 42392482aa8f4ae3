#include "jobs/granted_machine.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "driver/clean_text.hpp"
#include "topology/visible_devices.hpp"

namespace narke::internal {
namespace {

constexpr int index_max = 4'095;

std::optional<int> parse_index(std::string_view text) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0 || value > index_max) {
    return std::nullopt;
  }
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool all_emulated(const std::vector<gpu_info>& gpus) {
  return !gpus.empty() &&
         std::all_of(gpus.begin(), gpus.end(), [](const gpu_info& gpu) { return gpu.is_emulated; });
}

// The place of each GPU in the order of PCI addresses; as they stand when an address is unknown.
std::vector<int> pci_ranks(const std::vector<gpu_info>& gpus) {
  std::vector<std::size_t> order(gpus.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool known = std::none_of(gpus.begin(), gpus.end(),
                                  [](const gpu_info& gpu) { return gpu.pci_bus_id.empty(); });
  if (known) {
    std::stable_sort(order.begin(), order.end(), [&gpus](std::size_t a, std::size_t b) {
      return gpus[a].pci_bus_id < gpus[b].pci_bus_id;
    });
  }
  std::vector<int> ranks(gpus.size());
  for (std::size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<int>(i);
  return ranks;
}

void add_gpu(const gpu_info& gpu, std::string entry, granted_machine& granted) {
  granted.gpus.push_back({.id = static_cast<int>(granted.gpus.size()),
                          .uuid = gpu.uuid,
                          .name = gpu.name,
                          .entry = std::move(entry),
                          .memory_bytes = gpu.memory_total_bytes,
                          .numa_node = gpu.numa_node});
}

// Indices into `gpus` that the variable leaves, which nobody has applied to emulated GPUs.
std::vector<std::size_t> visible_emulated(const std::vector<gpu_info>& gpus,
                                          const outer_environment& outer,
                                          std::vector<std::string>& warnings) {
  std::vector<visible_device> devices;
  for (const gpu_info& gpu : gpus) devices.push_back({.uuid = gpu.uuid});
  auto selection = select_visible_devices(outer.visible_devices, devices);
  if (selection.chosen.empty()) return select_visible_devices(std::nullopt, devices).chosen;
  if (selection.explanation) warnings.push_back(std::move(*selection.explanation));
  return std::move(selection.chosen);
}

// Slurm's list counts by PCI address. Where no more GPUs are seen than it names, the control group
// has hidden the others already.
void keep_slurm_gpus(const outer_environment& outer, const std::vector<gpu_info>& gpus,
                     std::vector<std::size_t>& kept, std::vector<std::string>& warnings) {
  const auto& list = outer.slurm_step_gpus ? outer.slurm_step_gpus : outer.slurm_job_gpus;
  const char* const name = outer.slurm_step_gpus ? "SLURM_STEP_GPUS" : "SLURM_JOB_GPUS";
  if (!list || outer.visible_devices) return;
  const auto indices = parse_index_list(*list);
  if (!indices) {
    warnings.push_back(
        fmt::format("{}: '{}' is no list of numbers and is ignored.", name, clean_text(*list, 60)));
    return;
  }
  if (kept.size() <= indices->size()) return;
  const std::vector<int> ranks = pci_ranks(gpus);
  std::erase_if(kept, [&](std::size_t gpu) {
    return std::find(indices->begin(), indices->end(), ranks[gpu]) == indices->end();
  });
}

void limit_cpus(const char* name, const std::optional<std::string>& value,
                granted_machine& granted) {
  const auto cpus = parse_index(*value);
  if (cpus && *cpus > 0) {
    granted.cpus = std::min(granted.cpus, *cpus);
  } else {
    granted.warnings.push_back(
        fmt::format("{}: '{}' is no number of CPUs and is ignored.", name, clean_text(*value, 60)));
  }
}

// A batch script has all CPUs of the node's share; a task of a step those of one task.
void apply_slurm_cpus(const outer_environment& outer, granted_machine& granted) {
  const bool per_task =
      outer.slurm_cpus_per_task && (outer.slurm_step_id || !outer.slurm_cpus_on_node);
  if (per_task) {
    limit_cpus("SLURM_CPUS_PER_TASK", outer.slurm_cpus_per_task, granted);
  } else if (outer.slurm_cpus_on_node) {
    limit_cpus("SLURM_CPUS_ON_NODE", outer.slurm_cpus_on_node, granted);
  }
}

// Numbers that a job's own CUDA will count the same way, for GPUs whose UUIDs are not known.
std::vector<std::string> number_entries(const std::vector<gpu_info>& gpus,
                                        const outer_environment& outer, granted_machine& granted) {
  std::vector<std::string> entries;
  if (outer.visible_devices) {
    granted.by_pci_order = false;
    const auto listed = split(*outer.visible_devices, ',');
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      entries.emplace_back(i < listed.size() ? std::string{listed[i]} : std::to_string(i));
    }
    return entries;
  }
  for (const int rank : pci_ranks(gpus)) entries.push_back(std::to_string(rank));
  return entries;
}

}  // namespace

std::optional<std::vector<int>> parse_index_list(std::string_view text) {
  std::vector<int> indices;
  for (std::string_view part : split(text, ',')) {
    if (const auto colon = part.rfind(':'); colon != std::string_view::npos) {
      part.remove_prefix(colon + 1);
    }
    const auto dash = part.find('-');
    const auto first = parse_index(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_index(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    for (int index = *first; index <= *last; ++index) indices.push_back(index);
  }
  return indices;
}

resource_totals granted_machine::totals() const {
  resource_totals totals{.cpus = cpus};
  for (const granted_gpu& gpu : gpus) {
    totals.gpus.push_back({.id = gpu.id,
                           .memory_bytes = static_cast<std::int64_t>(gpu.memory_bytes.value_or(0)),
                           .numa_node = gpu.numa_node.value_or(-1)});
  }
  return totals;
}

std::string granted_machine::visible_devices(std::span<const int> ids) const {
  std::string value;
  for (const int id : ids) {
    if (!value.empty()) value += ',';
    value += gpus[static_cast<std::size_t>(id)].entry;
  }
  return value;
}

granted_machine granted_of(const machine& described, const outer_environment& outer) {
  granted_machine granted;
  granted.cpus = std::max(1, described.limits.usable_cpus);
  const auto& gpus = described.gpus;
  const bool emulated = all_emulated(gpus);
  std::vector<std::size_t> kept(gpus.size());
  std::iota(kept.begin(), kept.end(), std::size_t{0});
  if (emulated) kept = visible_emulated(gpus, outer, granted.warnings);
  keep_slurm_gpus(outer, gpus, kept, granted.warnings);
  const bool all_have_uuids =
      std::none_of(gpus.begin(), gpus.end(), [](const gpu_info& gpu) { return gpu.uuid.empty(); });
  const auto numbers = emulated || all_have_uuids ? std::vector<std::string>{}
                                                  : number_entries(gpus, outer, granted);
  for (const std::size_t i : kept) {
    add_gpu(gpus[i],
            emulated         ? std::to_string(i)
            : all_have_uuids ? gpus[i].uuid
                             : numbers[i],
            granted);
  }
  apply_slurm_cpus(outer, granted);
  return granted;
}

}  // namespace narke::internal
