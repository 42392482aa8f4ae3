#include "topology/gpu_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "driver/clean_text.hpp"
#include "driver/pci_address.hpp"
#include "topology/host_reader.hpp"

namespace narke::internal {
namespace {

constexpr unsigned nvidia_vendor = 0x10de;

template <class Number>
std::optional<Number> parse_number(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

/// hwloc 2 puts the library into the subtype, hwloc 1 into an info; NVML had only the latter.
bool is_device_of(hwloc_obj_t device, const char* library) {
  const std::string subtype = device->subtype != nullptr ? device->subtype : "";
  return subtype == library || hwloc_info(device, "Backend") == library ||
         hwloc_info(device, "CoProcType") == library;
}

hwloc_obj_t pci_parent(hwloc_obj_t device) {
  hwloc_obj_t parent = device->parent;
  while (parent != nullptr && parent->type != HWLOC_OBJ_PCI_DEVICE) {
    if (!::hwloc_obj_type_is_io(parent->type)) return nullptr;
    parent = parent->parent;
  }
  return parent;
}

bool is_nvidia(hwloc_obj_t device) {
  const hwloc_obj_t pci = pci_parent(device);
  if (pci != nullptr && pci->attr != nullptr && pci->attr->pcidev.vendor_id == nvidia_vendor) {
    return true;
  }
  return hwloc_info(device, "GPUVendor").find("NVIDIA") != std::string::npos;
}

/// The number at the end of "cuda3".
int device_number(hwloc_obj_t device) {
  const std::string name = device->name != nullptr ? device->name : "";
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  return parse_number<int>(name.substr(digits)).value_or(std::numeric_limits<int>::max());
}

/// A GPU while its devices are gathered.
struct gathered_gpu {
  located_gpu gpu;
  int cuda_number = std::numeric_limits<int>::max();
  int nvml_number = std::numeric_limits<int>::max();
};

/// The GPU that `device` is another view of: on the same PCI device, or with the same UUID.
gathered_gpu& gpu_of(hwloc_obj_t device, std::vector<gathered_gpu>& gpus) {
  const hwloc_obj_t pci = pci_parent(device);
  const std::string uuid = hwloc_info(device, "NVIDIAUUID");
  for (auto& known : gpus) {
    if (pci != nullptr && known.gpu.pci == pci) return known;
    if (!uuid.empty() && known.gpu.info.uuid == uuid) return known;
  }
  gpus.push_back({.gpu = {.pci = pci}});
  return gpus.back();
}

void add_facts(hwloc_obj_t device, gpu_info& info) {
  if (info.uuid.empty()) info.uuid = hwloc_info(device, "NVIDIAUUID");
  if (info.name.empty()) info.name = hwloc_info(device, "GPUModel");
  const auto kibibytes = parse_number<std::uint64_t>(hwloc_info(device, "CUDAGlobalMemorySize"));
  if (kibibytes && *kibibytes <= std::numeric_limits<std::uint64_t>::max() / 1024) {
    info.memory_total_bytes = *kibibytes * 1024;
  }
  const auto processors = parse_number<int>(hwloc_info(device, "CUDAMultiProcessors"));
  if (processors) info.multiprocessors = processors;
}

void finish(hwloc_topology_t topology, located_gpu& gpu) {
  if (gpu.pci != nullptr && gpu.pci->attr != nullptr) {
    const auto& place = gpu.pci->attr->pcidev;
    gpu.info.pci_bus_id = format_pci_address({place.domain, place.bus, place.dev, place.func});
    if (gpu.info.name.empty() && gpu.pci->name != nullptr) {
      gpu.info.name = clean_text(gpu.pci->name);
    }
  }
  const hwloc_obj_t place = gpu.pci != nullptr ? gpu.pci : gpu.os_devices.front();
  gpu.info.numa_node = nearest_numa_node(topology, place);
}

}  // namespace

std::vector<located_gpu> find_gpus(hwloc_topology_t topology) {
  std::vector<gathered_gpu> gathered;
  hwloc_obj_t device = nullptr;
  while ((device = ::hwloc_get_next_osdev(topology, device)) != nullptr) {
    const bool by_cuda = is_device_of(device, "CUDA");
    const bool by_nvml = is_device_of(device, "NVML");
    if (!(by_cuda || by_nvml) || !is_nvidia(device)) continue;
    gathered_gpu& entry = gpu_of(device, gathered);
    entry.gpu.os_devices.push_back(device);
    int& number = by_cuda ? entry.cuda_number : entry.nvml_number;
    number = std::min(number, device_number(device));
    add_facts(device, entry.gpu.info);
  }
  std::stable_sort(gathered.begin(), gathered.end(), [](const auto& a, const auto& b) {
    return std::pair(a.cuda_number, a.nvml_number) < std::pair(b.cuda_number, b.nvml_number);
  });
  std::vector<located_gpu> gpus;
  for (auto& entry : gathered) {
    entry.gpu.info.index = static_cast<int>(gpus.size());
    finish(topology, entry.gpu);
    gpus.push_back(std::move(entry.gpu));
  }
  return gpus;
}

void locate_gpu(hwloc_topology_t topology, located_gpu& gpu) {
  const auto address = parse_pci_address(gpu.info.pci_bus_id);
  if (!address) return;
  gpu.pci = ::hwloc_get_pcidev_by_busid(topology, address->domain, address->bus, address->device,
                                        address->function);
  if (gpu.pci != nullptr) gpu.info.numa_node = nearest_numa_node(topology, gpu.pci);
}

}  // namespace narke::internal
