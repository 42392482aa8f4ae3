#include "topology/host_reader.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace narke::internal {
namespace {

int os_index(hwloc_obj_t object) {
  return object->os_index == HWLOC_UNKNOWN_INDEX ? -1 : static_cast<int>(object->os_index);
}

/// Calls `visit` for each object of a type, in hwloc's logical order.
template <class Visit>
void for_each_object(hwloc_topology_t topology, hwloc_obj_type_t type, Visit visit) {
  hwloc_obj_t object = nullptr;
  while ((object = ::hwloc_get_next_obj_by_type(topology, type, object)) != nullptr) visit(object);
}

int count_inside(hwloc_topology_t topology, hwloc_obj_t object, hwloc_obj_type_t type) {
  if (object->cpuset == nullptr) return 0;
  return std::max(0, ::hwloc_get_nbobjs_inside_cpuset_by_type(topology, object->cpuset, type));
}

std::vector<int> pus_inside(hwloc_topology_t topology, hwloc_obj_t object) {
  std::vector<int> pus;
  if (object->cpuset == nullptr) return pus;
  for_each_object(topology, HWLOC_OBJ_PU, [&](hwloc_obj_t pu) {
    if (pu->cpuset != nullptr && ::hwloc_bitmap_isincluded(pu->cpuset, object->cpuset)) {
      pus.push_back(os_index(pu));
    }
  });
  return pus;
}

void read_packages(hwloc_topology_t topology, machine& machine) {
  for_each_object(topology, HWLOC_OBJ_PACKAGE, [&](hwloc_obj_t package) {
    machine.packages.push_back({.os_index = os_index(package),
                                .model = hwloc_info(package, "CPUModel"),
                                .cores = count_inside(topology, package, HWLOC_OBJ_CORE),
                                .pus = count_inside(topology, package, HWLOC_OBJ_PU)});
  });
}

void read_numa_nodes(hwloc_topology_t topology, machine& machine) {
  for_each_object(topology, HWLOC_OBJ_NUMANODE, [&](hwloc_obj_t node) {
    machine.numa_nodes.push_back(
        {.os_index = os_index(node),
         .memory_bytes = node->attr != nullptr ? node->attr->numanode.local_memory : 0,
         .pus = pus_inside(topology, node)});
  });
}

const char* cache_type_name(hwloc_obj_cache_type_t type) {
  if (type == HWLOC_OBJ_CACHE_INSTRUCTION) return "instruction";
  return type == HWLOC_OBJ_CACHE_DATA ? "data" : "unified";
}

/// Caches of one level, kind and size become one entry with a count.
void read_caches(hwloc_topology_t topology, machine& machine) {
  std::map<std::tuple<int, std::string, std::uint64_t>, int> counts;
  for (int type = HWLOC_OBJ_L1CACHE; type <= HWLOC_OBJ_L3ICACHE; ++type) {
    for_each_object(topology, static_cast<hwloc_obj_type_t>(type), [&](hwloc_obj_t cache) {
      if (cache->attr == nullptr) return;
      const auto& facts = cache->attr->cache;
      ++counts[{static_cast<int>(facts.depth), cache_type_name(facts.type), facts.size}];
    });
  }
  for (const auto& [key, count] : counts) {
    const auto& [level, type, size_bytes] = key;
    machine.caches.push_back(
        {.level = level, .type = type, .size_bytes = size_bytes, .count = count});
  }
}

/// hwloc does not list packages that lie at several depths, which only a damaged file has.
int package_of(hwloc_topology_t topology, hwloc_obj_t object, const machine& machine) {
  const hwloc_obj_t package =
      ::hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, object);
  const bool is_listed =
      package != nullptr && package->logical_index < machine.packages.size();
  return is_listed ? static_cast<int>(package->logical_index) : -1;
}

void read_cores(hwloc_topology_t topology, machine& machine) {
  // Some virtual machines do not tell which hardware threads share a core: each counts as one.
  const bool has_cores = ::hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0;
  for_each_object(topology, has_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU, [&](hwloc_obj_t core) {
    const int first_node = core->nodeset != nullptr ? ::hwloc_bitmap_first(core->nodeset) : -1;
    machine.cores.push_back({.os_index = os_index(core),
                             .pus = pus_inside(topology, core),
                             .package = package_of(topology, core, machine),
                             .numa_node = first_node});
  });
}

}  // namespace

void read_host(hwloc_topology_t topology, machine& machine) {
  const hwloc_obj_t root = ::hwloc_get_root_obj(topology);
  machine.hostname = hwloc_info(root, "HostName");
  machine.architecture = hwloc_info(root, "Architecture");
  machine.memory_bytes = root->total_memory;
  machine.pus = std::max(0, ::hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU));
  read_packages(topology, machine);
  read_numa_nodes(topology, machine);
  read_caches(topology, machine);
  read_cores(topology, machine);
}

std::optional<int> nearest_numa_node(hwloc_topology_t topology, hwloc_obj_t object) {
  const hwloc_obj_t near = ::hwloc_get_non_io_ancestor_obj(topology, object);
  if (near == nullptr || near->nodeset == nullptr) return std::nullopt;
  if (::hwloc_bitmap_weight(near->nodeset) != 1) return std::nullopt;
  return ::hwloc_bitmap_first(near->nodeset);
}

}  // namespace narke::internal
