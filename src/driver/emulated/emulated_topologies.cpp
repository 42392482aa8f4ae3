#include "driver/emulated/emulated_topologies.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace narke::internal {
namespace {

/// "9.0" to its two numbers; untouched when it is something else.
void set_compute_capability(const std::string& text, emulated_gpu& gpu) {
  int major = 0;
  int minor = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  if (second.ec != std::errc{} || second.ptr != end) return;
  gpu.compute_capability_major = major;
  gpu.compute_capability_minor = minor;
}

emulated_gpu gpu_of(const device_facts& facts, std::uint64_t memory_bytes) {
  emulated_gpu gpu;
  if (!facts.name.empty()) gpu.name = facts.name;
  gpu.uuid = facts.uuid;
  gpu.pci_bus_id = facts.pci_bus_id;
  gpu.memory_bytes = facts.memory_total_bytes.value_or(memory_bytes);
  if (facts.compute_capability) set_compute_capability(*facts.compute_capability, gpu);
  gpu.multiprocessors = facts.multiprocessors.value_or(gpu.multiprocessors);
  return gpu;
}

}  // namespace

std::vector<emulated_gpu> equal_gpus(int count, std::uint64_t memory_bytes) {
  if (count < 0) {
    throw std::invalid_argument(fmt::format("count is {}; allowed is 0 or more.", count));
  }
  emulated_gpu gpu;
  gpu.memory_bytes = memory_bytes;
  return std::vector<emulated_gpu>(static_cast<std::size_t>(count), gpu);
}

std::vector<std::vector<emulated_link>> make_links(int count, emulated_links kind,
                                                   std::uint64_t bytes_per_second) {
  if (count < 0) {
    throw std::invalid_argument(fmt::format("count is {}; allowed is 0 or more.", count));
  }
  const auto size = static_cast<std::size_t>(count);
  std::vector<std::vector<emulated_link>> links(size, std::vector<emulated_link>(size));
  const emulated_link link{
      .can_access = true, .native_atomics = true, .bytes_per_second = bytes_per_second};
  for (std::size_t from = 0; from < size; ++from) {
    for (std::size_t to = 0; to < size; ++to) {
      const bool is_pair = from / 2 == to / 2;
      const bool is_linked =
          kind == emulated_links::all || (kind == emulated_links::pairs && is_pair);
      if (from != to && is_linked) links[from][to] = link;
    }
  }
  return links;
}

emulated_options emulate_devices(const std::vector<device_facts>& devices,
                                 const std::vector<peer_facts>& peers, std::uint64_t memory_bytes) {
  emulated_options options;
  options.gpus.clear();
  for (const device_facts& facts : devices) options.gpus.push_back(gpu_of(facts, memory_bytes));
  const int count = static_cast<int>(devices.size());
  options.links = make_links(count, emulated_links::none);
  for (const peer_facts& peer : peers) {
    const bool is_known = peer.from >= 0 && peer.from < count && peer.to >= 0 && peer.to < count;
    if (!is_known || peer.from == peer.to) continue;
    emulated_link& link =
        options.links[static_cast<std::size_t>(peer.from)][static_cast<std::size_t>(peer.to)];
    link.can_access = peer.can_access.value_or(false);
    link.native_atomics = peer.native_atomics.value_or(false);
    link.performance_rank = peer.performance_rank.value_or(0);
  }
  return options;
}

}  // namespace narke::internal
