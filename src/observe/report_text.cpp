// The report as people read it:
//   Machine dgx (1.5 TiB, x86_64)
//     Package 0: 24 cores, 48 threads, Intel(R) Xeon(R)
//       NUMANode 0: 755 GiB, CPUs 0-23,48-71
//         GPU 0: Tesla V100-SXM3-32GB, 32 GiB, 00000000:34:00.0, GPU-…
//     Caches: L1 data 32 KiB x 48, L2 1 MiB x 48, L3 33 MiB x 2
//   Usable by this process
//     4 CPUs: affinity 8, cgroup quota 4.0
#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/build_info.hpp"
#include "base/byte_size.hpp"
#include "driver/clean_text.hpp"
#include "observe/report.hpp"

namespace narke::internal {
namespace {

class indented_text {
 public:
  template <typename... Args>
  void line(int depth, fmt::format_string<Args...> format, Args&&... args) {
    text_.append(static_cast<std::size_t>(depth) * 2, ' ');
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  void block(std::string_view text) { text_ += text; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string size_or_unknown(std::uint64_t bytes) {
  return bytes == 0 ? "unknown size" : format_byte_size(bytes);
}

// "0-3,8" of 0, 1, 2, 3, 8.
std::string ranges_of(std::vector<int> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::format("{}", numbers[i])
                      : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

// The package that a NUMA node lies in; -1 when it is in none or in several.
int package_of(const machine& described, int numa_node) {
  std::set<int> packages;
  for (const core_info& core : described.cores) {
    if (core.numa_node == numa_node) packages.insert(core.package);
  }
  return packages.size() == 1 ? *packages.begin() : -1;
}

void add_gpu(indented_text& out, int depth, const gpu_info& gpu) {
  std::vector<std::string> facts{gpu.name.empty() ? "unknown model" : clean_text(gpu.name)};
  if (gpu.memory_total_bytes) facts.push_back(format_byte_size(*gpu.memory_total_bytes));
  if (gpu.compute_capability) facts.push_back("compute " + clean_text(*gpu.compute_capability));
  if (!gpu.pci_bus_id.empty()) facts.push_back(clean_text(gpu.pci_bus_id));
  if (!gpu.uuid.empty()) facts.push_back(clean_text(gpu.uuid));
  out.line(depth, "GPU {}: {}", gpu.index, fmt::join(facts, ", "));
}

void add_numa_node(indented_text& out, int depth, const machine& described,
                   const numa_node_info& node) {
  const std::string cpus =
      node.pus.empty() ? std::string{"no CPUs"} : "CPUs " + ranges_of(node.pus);
  out.line(depth, "NUMANode {}: {}, {}", node.os_index, size_or_unknown(node.memory_bytes), cpus);
  for (const gpu_info& gpu : described.gpus) {
    if (gpu.numa_node == node.os_index) add_gpu(out, depth + 1, gpu);
  }
}

void add_packages(indented_text& out, const machine& described) {
  for (std::size_t i = 0; i < described.packages.size(); ++i) {
    const package_info& package = described.packages[i];
    const std::string model = package.model.empty() ? "" : ", " + clean_text(package.model);
    out.line(1, "Package {}: {}, {}{}", package.os_index < 0 ? static_cast<int>(i)
                                                             : package.os_index,
             counted(static_cast<std::size_t>(package.cores), "core"),
             counted(static_cast<std::size_t>(package.pus), "thread"), model);
    for (const numa_node_info& node : described.numa_nodes) {
      if (package_of(described, node.os_index) == static_cast<int>(i)) {
        add_numa_node(out, 2, described, node);
      }
    }
  }
}

bool is_known_node(const machine& described, std::optional<int> numa_node) {
  return std::any_of(described.numa_nodes.begin(), described.numa_nodes.end(),
                     [&](const numa_node_info& node) { return node.os_index == numa_node; });
}

void add_caches(indented_text& out, const machine& described) {
  std::vector<std::string> caches;
  for (const cache_info& cache : described.caches) {
    const std::string type = cache.type == "unified" ? "" : " " + clean_text(cache.type);
    caches.push_back(fmt::format("L{}{} {} x {}", cache.level, type,
                                 size_or_unknown(cache.size_bytes), cache.count));
  }
  if (!caches.empty()) out.line(1, "Caches: {}", fmt::join(caches, ", "));
}

void add_machine(indented_text& out, const machine& described) {
  const std::string source =
      described.is_this_system ? "" : ", from " + clean_text(described.source);
  out.line(0, "Machine {} ({}, {}{})",
           described.hostname.empty() ? "without a name" : clean_text(described.hostname),
           size_or_unknown(described.memory_bytes),
           described.architecture.empty() ? "unknown architecture"
                                          : clean_text(described.architecture),
           source);
  for (const numa_node_info& node : described.numa_nodes) {
    if (package_of(described, node.os_index) < 0) add_numa_node(out, 1, described, node);
  }
  add_packages(out, described);
  for (const gpu_info& gpu : described.gpus) {
    if (!is_known_node(described, gpu.numa_node)) add_gpu(out, 1, gpu);
  }
  add_caches(out, described);
  if (described.gpus.empty()) out.line(1, "No GPU");
}

void add_limits(indented_text& out, const machine& described) {
  const process_limits& limits = described.limits;
  std::vector<std::string> causes;
  if (limits.affinity_cpus) causes.push_back(fmt::format("affinity {}", *limits.affinity_cpus));
  if (limits.cpuset_cpus) causes.push_back(fmt::format("cpuset {}", *limits.cpuset_cpus));
  if (limits.quota_cpus) causes.push_back(fmt::format("cgroup quota {:.1f}", *limits.quota_cpus));
  out.line(0, "{}", described.is_this_system ? "Usable by this process" : "Usable");
  out.line(1, "{}{}{}", counted(static_cast<std::size_t>(limits.usable_cpus), "CPU"),
           causes.empty() ? "" : ": ", fmt::join(causes, ", "));
  if (limits.usable_memory_bytes != 0) {
    out.line(1, "{} of memory{}", format_byte_size(limits.usable_memory_bytes),
             limits.memory_bytes ? ": cgroup limit " + format_byte_size(*limits.memory_bytes)
                                 : std::string{});
  }
}

std::string amount_text(const std::string& name, double amount) {
  const bool is_bytes = name == "memory" || name == "object_store_memory";
  return is_bytes ? format_byte_size(static_cast<std::uint64_t>(amount))
                  : fmt::format("{}", amount);
}

void add_resources(indented_text& out, const report_inputs& inputs) {
  std::size_t width = 10;
  for (const auto& [name, total] : inputs.cluster_resources) {
    width = std::max(width, clean_text(name).size());
  }
  out.line(0, "{:<{}} {:>12} {:>12}", "Resources", width + 2, "total", "available");
  for (const auto& [name, total] : inputs.cluster_resources) {
    const auto available = inputs.available_resources.find(name);
    const double left = available == inputs.available_resources.end() ? 0.0 : available->second;
    out.line(1, "{:<{}} {:>12} {:>12}", clean_text(name), width, amount_text(name, total),
             amount_text(name, left));
  }
}

void add_gpu_use(indented_text& out, const runtime_facts& facts) {
  for (const gpu_use& gpu : facts.gpus) {
    if (gpu.is_lost) {
      out.line(1, "GPU {}: lost", gpu.index);
    } else if (gpu.is_open) {
      out.line(1, "GPU {}: {} of {} used, {} at most; {} arrays had to leave", gpu.index,
               format_byte_size(gpu.used_bytes), format_byte_size(gpu.capacity_bytes),
               format_byte_size(gpu.peak_bytes), gpu.evictions);
    }
  }
  if (facts.gpu_tasks != 0) {
    out.line(1, "GPU tasks: {}; copied to devices {}, to the host {}, between devices {}",
             facts.gpu_tasks, format_byte_size(facts.bytes_to_devices),
             format_byte_size(facts.bytes_to_host), format_byte_size(facts.bytes_between_devices));
  }
}

std::string link_text(const gpu_link& link) {
  if (!link.kind.empty()) return clean_text(link.kind);
  return link.peer_access.value_or(false) ? "P2P" : "?";
}

void add_runtime(indented_text& out, const report_inputs& inputs) {
  if (!inputs.runtime) return;
  const runtime_facts& facts = *inputs.runtime;
  out.line(0, "Runtime, up for {:.1f} s", static_cast<double>(facts.uptime.count()) / 1000.0);
  out.line(1, "{}, {} threads", counted(static_cast<std::size_t>(facts.num_cpus), "CPU"),
           facts.workers);
  out.line(1, "tasks: {} submitted, {} finished, {} failed, {} pending", facts.tasks_submitted,
           facts.tasks_finished, facts.tasks_failed, facts.tasks_pending);
  out.line(1, "object store: {} of {}", format_byte_size(facts.object_store_used_bytes),
           format_byte_size(facts.object_store_limit_bytes));
  out.line(1, "trace: {} events, {} dropped", facts.trace_events, facts.trace_events_dropped);
  add_gpu_use(out, facts);
}

void add_build(indented_text& out, const report_inputs& inputs) {
  const build_info& build = this_build();
  out.line(0, "narke {} ({}, {}, hwloc {})", build.version, build.compiler, build.build_type,
           build.hwloc_version);
  out.line(1, "{:%Y-%m-%dT%H:%M:%SZ} on {}, {}, {}", fmt::gmtime(inputs.generated_at),
           clean_text(inputs.host.hostname), clean_text(inputs.host.os),
           clean_text(inputs.host.kernel));
}

}  // namespace

std::string link_matrix(const machine& described) {
  if (described.gpu_links.empty()) return {};
  const std::size_t count = described.gpus.size();
  std::vector<std::vector<std::string>> cells(count, std::vector<std::string>(count, "?"));
  for (std::size_t i = 0; i < count; ++i) cells[i][i] = "X";
  for (const gpu_link& link : described.gpu_links) {
    const auto from = static_cast<std::size_t>(link.from);  // -1, no GPU, becomes too large
    const auto to = static_cast<std::size_t>(link.to);
    if (from < count && to < count) cells[from][to] = link_text(link);
  }
  const auto label = [](const gpu_info& gpu) { return fmt::format("GPU{}", gpu.index); };
  std::string text = fmt::format("{:6}", "");
  for (const gpu_info& gpu : described.gpus) text += fmt::format(" {:>5}", label(gpu));
  text += " NUMANode\n";
  for (std::size_t row = 0; row < count; ++row) {
    const gpu_info& gpu = described.gpus[row];
    text += fmt::format("{:6}", label(gpu));
    for (const std::string& cell : cells[row]) text += fmt::format(" {:>5}", cell);
    text += gpu.numa_node ? fmt::format(" {:>8}\n", *gpu.numa_node) : fmt::format(" {:>8}\n", "?");
  }
  return text;
}

std::string report_text(const report_inputs& inputs) {
  indented_text out;
  add_machine(out, inputs.described);
  for (const std::string& warning : inputs.described.warnings) {
    out.line(1, "Warning: {}", clean_text(warning, 1'000));
  }
  add_limits(out, inputs.described);
  add_resources(out, inputs);
  if (const std::string links = link_matrix(inputs.described); !links.empty()) {
    out.line(0, "Links between GPUs");
    out.block(links);
    out.line(1, "NV# = NVLink, # links or through switches; PIX, PXB = PCI switches; "
                "PHB = PCI host bridge;");
    out.line(1, "NODE = within a NUMA node; SYS = between NUMA nodes;");
    out.line(1, "P2P = reaches its memory, by a way that is not known; ? = unknown");
  }
  add_runtime(out, inputs);
  add_build(out, inputs);
  return out.take();
}

}  // namespace narke::internal
