// A topology file: a machine, or topology_error. hwloc itself reads it in a child first, which may
// crash; this process may not.
#include <cstdio>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz_targets.hpp"
#include "topology/discover.hpp"
#include "topology/xml_file.hpp"

namespace narke_fuzz {

using namespace narke::internal;

void topology_xml(std::string_view bytes) {
  try {
    check_topology_xml("fuzzed", std::string{bytes});
  } catch (const topology_error& refused) {
    require(!refused.reason().empty(), "a refusal says why");
    return;
  }
  const int file = ::memfd_create("topology", MFD_CLOEXEC);
  require(file >= 0, "a file in memory");
  require(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "it is written");
  try {
    const machine described = load_machine("/proc/self/fd/" + std::to_string(file));
    require(described.limits.usable_cpus >= 1, "a CPU");
    for (std::size_t i = 0; i < described.gpus.size(); ++i) {
      require(described.gpus[i].index == static_cast<int>(i), "GPUs in order");
      require(is_harmless(described.gpus[i].name), "a GPU's name");
    }
  } catch (const topology_error& refused) {
    require(!refused.reason().empty(), "a refusal says why");
  }
  ::close(file);
}

}  // namespace narke_fuzz
