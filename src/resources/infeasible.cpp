// ledger::infeasible_reason: what can never be had, in words.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "resources/group_placement.hpp"
#include "resources/ledger.hpp"

namespace narke::internal {
namespace {

// The two halves of "asks …; this machine has …".
class complaint {
 public:
  void add(std::string asked, std::string there_is) {
    asked_.push_back(std::move(asked));
    there_is_.push_back(std::move(there_is));
  }
  [[nodiscard]] std::optional<std::string> sentence() const {
    if (asked_.empty()) {
      return std::nullopt;
    }
    return fmt::format("asks {}; this machine has {}", fmt::join(asked_, ", "),
                       fmt::join(there_is_, ", "));
  }

 private:
  std::vector<std::string> asked_;
  std::vector<std::string> there_is_;
};

// "1073741824 bytes (1 GiB)"
std::string bytes_text(std::int64_t bytes) {
  constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    return fmt::format("{} bytes", bytes);
  }
  double scaled = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (scaled >= 1024 && unit + 1 < std::size(units)) {
    scaled /= 1024;
    ++unit;
  }
  return fmt::format("{} bytes ({:.3g} {})", bytes, scaled, units[unit]);
}

bool is_candidate(const gpu_total& gpu, const resource_request& request) {
  const bool other_gpu = request.wish == placement_wish::gpu && gpu.id != request.wish_index;
  const bool other_node =
      request.wish == placement_wish::numa_node && gpu.numa_node != request.wish_index;
  return !gpu.is_lost && !other_gpu && !other_node;
}

// " (GPU 1 was lost)", or nothing.
std::string lost_text(const std::vector<gpu_total>& gpus) {
  std::vector<int> lost;
  for (const auto& gpu : gpus) {
    if (gpu.is_lost) lost.push_back(gpu.id);
  }
  return lost.empty()       ? std::string{}
         : lost.size() == 1 ? fmt::format(" (GPU {} was lost)", lost[0])
                            : fmt::format(" (GPUs {} were lost)", fmt::join(lost, ", "));
}

// Those that `accept` takes, and which were lost.
template <typename Accept>
std::string list_gpus(const std::vector<gpu_total>& gpus, bool with_nodes, Accept accept) {
  std::vector<std::string> texts;
  for (const auto& gpu : gpus) {
    if (!accept(gpu)) {
      continue;
    }
    const auto node = with_nodes ? fmt::format(" on NUMA node {}", gpu.numa_node) : std::string{};
    texts.push_back(fmt::format("GPU {}{} with {}", gpu.id, node,
                                gpu.memory_bytes == 0 ? "unknown memory"
                                                      : bytes_text(gpu.memory_bytes)));
  }
  return (texts.empty() ? "no GPU" : fmt::format("{}", fmt::join(texts, ", "))) + lost_text(gpus);
}

bool is_there(const gpu_total& gpu) { return !gpu.is_lost; }

// False when the device or node wished for is not there.
bool check_wish(const resource_request& request, const resource_totals& totals, complaint& out) {
  const int index = request.wish_index;
  if (request.wish == placement_wish::gpu &&
      std::none_of(totals.gpus.begin(), totals.gpus.end(),
                   [index](const auto& gpu) { return gpu.id == index && is_there(gpu); })) {
    out.add(fmt::format("to run on GPU {}", index), list_gpus(totals.gpus, false, is_there));
    return false;
  }
  if (request.wish == placement_wish::numa_node &&
      std::find(totals.numa_nodes.begin(), totals.numa_nodes.end(), index) ==
          totals.numa_nodes.end()) {
    out.add(fmt::format("to run on NUMA node {}", index),
            fmt::format("the NUMA nodes {{{}}}", fmt::join(totals.numa_nodes, ", ")));
    return false;
  }
  return true;
}

void check_gpus(const resource_request& request, const resource_totals& totals, complaint& out) {
  const auto& gpus = totals.gpus;
  const auto wanted = request.gpus.ceil_whole();
  const auto there = std::count_if(gpus.begin(), gpus.end(), is_there);
  const auto is_wished = [&request](const auto& gpu) { return is_candidate(gpu, request); };
  const auto candidates = std::count_if(gpus.begin(), gpus.end(), is_wished);
  if (wanted > there) {
    out.add(fmt::format("GPU: {}", request.gpus.to_string()),
            fmt::format("GPU: {}{}", there, lost_text(gpus)));
  } else if (wanted > candidates) {
    const bool one = request.wish == placement_wish::gpu;
    out.add(fmt::format("GPU: {} {} {}", request.gpus.to_string(),
                        one ? "on GPU" : "on NUMA node", request.wish_index),
            list_gpus(gpus, true, is_there));
  }
  const auto large_enough = std::count_if(gpus.begin(), gpus.end(), [&](const auto& gpu) {
    return is_wished(gpu) && gpu.memory_bytes >= request.gpu_memory_bytes;
  });
  if (large_enough < std::min(wanted, candidates)) {
    out.add(fmt::format("gpu_memory: {} on each of {} GPU{}", bytes_text(request.gpu_memory_bytes),
                        wanted, wanted == 1 ? "" : "s"),
            list_gpus(gpus, false, is_wished));
  }
}

void check_custom(const custom_amount& wanted, const resource_totals& totals, complaint& out) {
  const auto at = totals.custom.find(wanted.name);
  if (at != totals.custom.end() && wanted.amount <= at->second) {
    return;
  }
  const auto asked = fmt::format("{}: {}", wanted.name, wanted.amount.to_string());
  if (at == totals.custom.end()) {
    std::vector<std::string_view> names;
    for (const auto& entry : totals.custom) {
      names.push_back(entry.first);
    }
    out.add(asked, fmt::format("no {} (custom resources: {})", wanted.name,
                               names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  } else {
    out.add(asked, fmt::format("{}: {}", wanted.name, at->second.to_string()));
  }
}

std::string_view name_of(group_strategy strategy) {
  switch (strategy) {
    case group_strategy::pack:
      return "pack";
    case group_strategy::spread:
      return "spread";
    case group_strategy::strict_pack:
      return "strict_pack";
    case group_strategy::strict_spread:
      return "strict_spread";
  }
  return "";
}

void check_group(const resource_request& request, const resource_totals& totals, complaint& out) {
  if (place_group(*request.group, totals, full_amounts(totals).gpus)) {
    return;
  }
  std::vector<std::string> bundles;
  for (const bundle_request& bundle : request.group->bundles) {
    bundles.push_back(fmt::format("{{{}}}", resource_request{.cpus = bundle.cpus,
                                                             .gpus = bundle.gpus,
                                                             .gpu_memory_bytes =
                                                                 bundle.gpu_memory_bytes,
                                                             .memory_bytes = bundle.memory_bytes,
                                                             .custom = bundle.custom}
                                                .to_string()));
  }
  out.add(fmt::format("the bundles {} by {}", fmt::join(bundles, ", "),
                      name_of(request.group->strategy)),
          fmt::format("{}, and the NUMA nodes {{{}}}", list_gpus(totals.gpus, true, is_there),
                      fmt::join(totals.numa_nodes, ", ")));
}

}  // namespace

std::optional<std::string> ledger::infeasible_reason(const resource_request& request) const {
  complaint out;
  if (request.cpus > quantity::from_whole(totals_.cpus)) {
    out.add(fmt::format("CPU: {}", request.cpus.to_string()), fmt::format("CPU: {}", totals_.cpus));
  }
  if (request.group != nullptr) {
    check_group(request, totals_, out);
  } else if (check_wish(request, totals_, out) && !request.gpus.is_zero()) {
    check_gpus(request, totals_, out);
  }
  if (request.memory_bytes > totals_.memory_bytes) {
    out.add(fmt::format("memory: {}", bytes_text(request.memory_bytes)),
            fmt::format("memory: {}", bytes_text(totals_.memory_bytes)));
  }
  for (const auto& wanted : request.custom) {
    check_custom(wanted, totals_, out);
  }
  return out.sentence();
}

}  // namespace narke::internal
