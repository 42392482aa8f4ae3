#include "topology/hwloc_topology.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "driver/clean_text.hpp"
#include "topology/discover.hpp"

namespace narke::internal {
namespace {

// hwloc opens its plugins for the first topology and closes them with the last. One that is never
// destroyed spares every later one that: milliseconds at each start of the runtime.
void keep_plugins_open() {
  // Used, so that leak checkers find it.
  [[gnu::used]] static const hwloc_topology_t kept = [] {
    hwloc_topology_t topology = nullptr;
    return ::hwloc_topology_init(&topology) == 0 ? topology : nullptr;
  }();
}

hwloc_topology_owner make_topology(const std::string& source) {
  keep_plugins_open();
  hwloc_topology_t topology = nullptr;
  if (::hwloc_topology_init(&topology) != 0) {
    throw topology_error(source, fmt::format("hwloc cannot start: {}", std::strerror(errno)));
  }
  return hwloc_topology_owner(topology);
}

}  // namespace

hwloc_topology_owner load_hwloc_this_machine() {
  const std::string source = "this machine";
  auto topology = make_topology(source);
  // "pci" tells what /sys tells without it, and leaks at each use (libpciaccess is never closed).
  for (const char* plugin : {"cuda", "nvml", "opencl", "gl", "rsmi", "levelzero", "pci"}) {
    // Fails when hwloc was built without the plugin, which is as good.
    (void)::hwloc_topology_set_components(topology.get(), HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST,
                                          plugin);
  }
  ::hwloc_topology_set_cache_types_filter(topology.get(), HWLOC_TYPE_FILTER_KEEP_ALL);
  ::hwloc_topology_set_icache_types_filter(topology.get(), HWLOC_TYPE_FILTER_KEEP_ALL);
  ::hwloc_topology_set_io_types_filter(topology.get(), HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (::hwloc_topology_load(topology.get()) != 0) {
    throw topology_error(source, fmt::format("hwloc cannot describe it: {}; is /sys mounted?",
                                             std::strerror(errno)));
  }
  return topology;
}

hwloc_topology_owner load_hwloc_xml(const std::string& file, const std::string& xml) {
  auto topology = make_topology(file);
  ::hwloc_topology_set_all_types_filter(topology.get(), HWLOC_TYPE_FILTER_KEEP_ALL);
  // hwloc counts the terminating zero.
  const int length = static_cast<int>(xml.size()) + 1;
  if (::hwloc_topology_set_xmlbuffer(topology.get(), xml.c_str(), length) != 0) {
    throw topology_error(file, "it is not well-formed XML");
  }
  if (::hwloc_topology_load(topology.get()) != 0) {
    throw topology_error(file, "hwloc does not accept it as a topology");
  }
  return topology;
}

std::string hwloc_info(hwloc_obj_t object, const char* name) {
  const char* value = ::hwloc_obj_get_info_by_name(object, name);
  return value != nullptr ? clean_text(value) : std::string{};
}

}  // namespace narke::internal
