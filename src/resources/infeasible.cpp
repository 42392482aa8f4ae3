// ledger::infeasible_reason: what can never be had, in words.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

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

std::string list_gpus(const std::vector<gpu_total>& gpus, bool with_nodes) {
  std::vector<std::string> texts;
  for (const auto& gpu : gpus) {
    const auto node = with_nodes ? fmt::format(" on NUMA node {}", gpu.numa_node) : std::string{};
    texts.push_back(fmt::format("GPU {}{} with {}", gpu.id, node,
                                gpu.memory_bytes == 0 ? "unknown memory"
                                                      : bytes_text(gpu.memory_bytes)));
  }
  return texts.empty() ? "no GPU" : fmt::format("{}", fmt::join(texts, ", "));
}

// False when the device or node wished for is not there.
bool check_wish(const resource_request& request, const resource_totals& totals, complaint& out) {
  const int index = request.wish_index;
  if (request.wish == placement_wish::gpu &&
      std::none_of(totals.gpus.begin(), totals.gpus.end(),
                   [index](const auto& gpu) { return gpu.id == index; })) {
    out.add(fmt::format("to run on GPU {}", index), list_gpus(totals.gpus, false));
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

std::vector<gpu_total> wished_for(const resource_request& request, const resource_totals& totals) {
  std::vector<gpu_total> result;
  for (const auto& gpu : totals.gpus) {
    const bool other_gpu = request.wish == placement_wish::gpu && gpu.id != request.wish_index;
    const bool other_node =
        request.wish == placement_wish::numa_node && gpu.numa_node != request.wish_index;
    if (!other_gpu && !other_node) {
      result.push_back(gpu);
    }
  }
  return result;
}

void check_gpus(const resource_request& request, const resource_totals& totals, complaint& out) {
  const auto count = static_cast<std::size_t>(request.gpus.ceil_whole());
  if (count > totals.gpus.size()) {
    out.add(fmt::format("GPU: {}", request.gpus.to_string()),
            fmt::format("GPU: {}", totals.gpus.size()));
  }
  const auto candidates = wished_for(request, totals);
  if (count <= totals.gpus.size() && count > candidates.size()) {
    const bool one = request.wish == placement_wish::gpu;
    out.add(fmt::format("GPU: {} {} {}", request.gpus.to_string(),
                        one ? "on GPU" : "on NUMA node", request.wish_index),
            list_gpus(totals.gpus, true));
  }
  const auto large_enough =
      std::count_if(candidates.begin(), candidates.end(), [&request](const auto& gpu) {
        return gpu.memory_bytes >= request.gpu_memory_bytes;
      });
  if (static_cast<std::size_t>(large_enough) < std::min(count, candidates.size())) {
    out.add(fmt::format("gpu_memory: {} on each of {} GPU{}", bytes_text(request.gpu_memory_bytes),
                        count, count == 1 ? "" : "s"),
            list_gpus(candidates, false));
  }
}

void check_custom(const custom_amount& wanted, const resource_totals& totals, complaint& out) {
  const auto at = totals.custom.find(wanted.name);
  const auto asked = fmt::format("{}: {}", wanted.name, wanted.amount.to_string());
  if (at == totals.custom.end()) {
    std::vector<std::string_view> names;
    for (const auto& entry : totals.custom) {
      names.push_back(entry.first);
    }
    out.add(asked, fmt::format("no {} (custom resources: {})", wanted.name,
                               names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  } else if (wanted.amount > at->second) {
    out.add(asked, fmt::format("{}: {}", wanted.name, at->second.to_string()));
  }
}

}  // namespace

std::optional<std::string> ledger::infeasible_reason(const resource_request& request) const {
  complaint out;
  if (request.cpus > quantity::from_whole(totals_.cpus)) {
    out.add(fmt::format("CPU: {}", request.cpus.to_string()), fmt::format("CPU: {}", totals_.cpus));
  }
  if (check_wish(request, totals_, out) && !request.gpus.is_zero()) {
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
