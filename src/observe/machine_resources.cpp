#include "observe/machine_resources.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace narke::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper_or_digit(char c) { return (c >= 'A' && c <= 'Z') || is_digit(c); }

// "V100" of "V100-SXM3-32GB".
std::string_view model_part(std::string_view word) {
  const auto end = std::find_if_not(word.begin(), word.end(), is_upper_or_digit);
  return word.substr(0, static_cast<std::size_t>(end - word.begin()));
}

bool has_digit(std::string_view word) { return std::any_of(word.begin(), word.end(), is_digit); }

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto length = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

// Each pair of more than these would be a million links for a thousand GPUs.
constexpr int emulated_gpus_linked_max = 64;

double share_of(std::uint64_t bytes, double share) {
  return std::floor(static_cast<double>(bytes) * share);
}

}  // namespace

std::map<std::string, double> cluster_resources(const machine& described,
                                                const resource_overrides& overrides) {
  const std::uint64_t usable = described.limits.usable_memory_bytes != 0
                                   ? described.limits.usable_memory_bytes
                                   : described.memory_bytes;
  std::map<std::string, double> all{overrides.resources};
  all["CPU"] = overrides.num_cpus.value_or(described.limits.usable_cpus);
  all["GPU"] = overrides.num_gpus.value_or(static_cast<double>(described.gpus.size()));
  all["memory"] = share_of(usable, memory_share);
  all["object_store_memory"] = overrides.object_store_memory_bytes
                                   ? static_cast<double>(*overrides.object_store_memory_bytes)
                                   : share_of(usable, object_store_share);
  all["node:" + (described.hostname.empty() ? "localhost" : described.hostname)] = 1.0;
  if (all["GPU"] > 0.0) {
    for (const gpu_info& gpu : described.gpus) {
      const auto type =
          gpu.is_emulated ? std::optional<std::string>{"emulated"} : accelerator_type(gpu.name);
      if (type) all["accelerator_type:" + *type] = 1.0;
    }
  }
  std::erase_if(all, [](const auto& entry) { return !(entry.second > 0.0); });
  return all;
}

std::optional<std::string> accelerator_type(std::string_view gpu_name) {
  const std::vector<std::string_view> words = words_of(gpu_name);
  if (words.size() < 2) return std::nullopt;
  // The first word is the maker or "Tesla". A line of cards goes before its number.
  std::string type;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view model = model_part(words[i]);
    type += type.empty() ? "" : "-";
    if (has_digit(model)) return type + std::string{model};
    type += words[i];
  }
  const std::string_view line = model_part(words[1]);
  if (line.size() < 2) return std::nullopt;
  return std::string{line};
}

std::vector<gpu_info> emulated_gpus(int count, std::uint64_t memory_bytes) {
  std::vector<gpu_info> gpus;
  for (int i = 0; i < count; ++i) {
    gpu_info gpu;
    gpu.index = i;
    gpu.uuid = fmt::format("GPU-6e61726b-6500-4000-8000-{:012x}", i);
    gpu.name = "narke emulated GPU";
    // A domain beyond those of PCI itself: no real device has it.
    gpu.pci_bus_id = fmt::format("{:08X}:{:02X}:00.0", 0x10000 + i / 256, i % 256);
    gpu.memory_total_bytes = memory_bytes != 0 ? memory_bytes : emulated_gpu_memory_bytes;
    gpu.is_emulated = true;
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

machine with_emulated_gpus(machine described, int count, std::uint64_t memory_bytes) {
  described.gpus = emulated_gpus(count, memory_bytes);
  described.gpu_links.clear();
  if (count > emulated_gpus_linked_max) return described;
  for (int from = 0; from < count; ++from) {
    for (int to = 0; to < count; ++to) {
      if (from != to) described.gpu_links.push_back({.from = from, .to = to, .peer_access = true});
    }
  }
  return described;
}

}  // namespace narke::internal
