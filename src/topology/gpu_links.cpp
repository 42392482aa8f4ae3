// The ways between GPUs, as gpu_reader.hpp declares them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "topology/gpu_reader.hpp"

namespace narke::internal {
namespace {

/// hwloc's matrix of NVLink bandwidths, read once: GPUs, NVSwitches and, on POWER, packages.
class nvlink_matrix {
 public:
  nvlink_matrix(hwloc_topology_t topology, std::span<const located_gpu> gpus) {
    unsigned count = 1;
    hwloc_distances_s* distances = nullptr;
    if (::hwloc_distances_get_by_name(topology, "NVLinkBandwidth", &count, &distances, 0) != 0 ||
        count == 0 || distances == nullptr) {
      return;
    }
    size_ = distances->nbobjs;
    values_.assign(distances->values, distances->values + std::size_t{size_} * size_);
    row_of_gpu_.assign(gpus.size(), size_);
    for (std::size_t row = 0; row < size_; ++row) {
      place(distances->objs[row], row, gpus);
    }
    ::hwloc_distances_release(topology, distances);
  }

  /// MB/s from one GPU to another: their own links, and what each switch between them passes on.
  [[nodiscard]] double bandwidth(std::size_t from, std::size_t to) const {
    if (size_ == 0 || row_of_gpu_[from] == size_ || row_of_gpu_[to] == size_) return 0;
    auto sum = static_cast<double>(value(row_of_gpu_[from], row_of_gpu_[to]));
    for (const std::size_t hop : switches_) {
      sum += static_cast<double>(
          std::min(value(row_of_gpu_[from], hop), value(hop, row_of_gpu_[to])));
    }
    return sum;
  }

 private:
  void place(hwloc_obj_t object, std::size_t row, std::span<const located_gpu> gpus) {
    if (object == nullptr) return;
    for (std::size_t i = 0; i < gpus.size(); ++i) {
      const auto& views = gpus[i].os_devices;
      if (object == gpus[i].pci || std::find(views.begin(), views.end(), object) != views.end()) {
        row_of_gpu_[i] = row;
        return;
      }
    }
    const std::string subtype = object->subtype != nullptr ? object->subtype : "";
    if (object->type == HWLOC_OBJ_PCI_DEVICE && subtype == "NVSwitch") switches_.push_back(row);
  }

  [[nodiscard]] std::uint64_t value(std::size_t from, std::size_t to) const {
    return values_[from * size_ + to];
  }

  std::size_t size_ = 0;
  std::vector<std::uint64_t> values_;
  std::vector<std::size_t> row_of_gpu_;  ///< `size_` = the GPU is not in the matrix
  std::vector<std::size_t> switches_;
};

/// "NV6" for 150,000 MB/s: hwloc counts 20,000 for a link of the first generation, which only the
/// P100 has, and 25,000 for the others. Empty when that does not come out even.
std::string nvlink_kind(double bandwidth_mb_per_s, const std::string& gpu_name) {
  const std::uint64_t link = gpu_name.find("P100") != std::string::npos ? 20000 : 25000;
  const auto total = static_cast<std::uint64_t>(bandwidth_mb_per_s);
  if (total == 0 || total % link != 0) return {};
  return fmt::format("NV{}", total / link);
}

/// The object that both hang below, and how many PCI bridges lie between it and the farther one.
struct meeting {
  hwloc_obj_t object = nullptr;
  int bridges = 0;
};

meeting meet(hwloc_obj_t a, hwloc_obj_t b) {
  int bridges_a = 0;
  for (hwloc_obj_t up = a->parent; up != nullptr; up = up->parent) {
    int bridges_b = 0;
    for (hwloc_obj_t other = b->parent; other != nullptr; other = other->parent) {
      if (other == up) return {up, std::max(bridges_a, bridges_b)};
      if (other->type == HWLOC_OBJ_BRIDGE) ++bridges_b;
    }
    if (up->type == HWLOC_OBJ_BRIDGE) ++bridges_a;
  }
  return {};
}

/// nvidia-smi's words: PIX one switch, PXB several, PHB through the host bridge, NODE between host
/// bridges of one NUMA node, SYS between nodes.
std::string pci_kind(hwloc_topology_t topology, const located_gpu& from, const located_gpu& to) {
  if (from.pci == nullptr || to.pci == nullptr) return {};
  const meeting met = meet(from.pci, to.pci);
  if (met.object == nullptr) return {};
  if (met.object->type == HWLOC_OBJ_BRIDGE && met.object->attr != nullptr) {
    if (met.object->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_HOST) return "PHB";
    return met.bridges <= 1 ? "PIX" : "PXB";
  }
  const bool one_node = ::hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE) <= 1;
  const bool same_node = from.info.numa_node && from.info.numa_node == to.info.numa_node;
  return one_node || same_node ? "NODE" : "SYS";
}

}  // namespace

std::vector<gpu_link> link_gpus(hwloc_topology_t topology, std::span<const located_gpu> gpus) {
  const nvlink_matrix nvlinks(topology, gpus);
  std::vector<gpu_link> links;
  for (std::size_t from = 0; from < gpus.size(); ++from) {
    for (std::size_t to = 0; to < gpus.size(); ++to) {
      if (from == to) continue;
      gpu_link link{.from = static_cast<int>(from), .to = static_cast<int>(to)};
      const double bandwidth = nvlinks.bandwidth(from, to);
      if (bandwidth > 0) link.nvlink_bandwidth_mb_per_s = bandwidth;
      link.kind = nvlink_kind(bandwidth, gpus[from].info.name);
      if (link.kind.empty()) link.kind = pci_kind(topology, gpus[from], gpus[to]);
      links.push_back(std::move(link));
    }
  }
  return links;
}

}  // namespace narke::internal
