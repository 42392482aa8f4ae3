// Reads a topology file's bytes and refuses what cannot be an hwloc XML topology before hwloc sees
// it, with words that hwloc does not have. No state; any thread may call.
#pragma once

#include <cstdint>
#include <string>

namespace narke::internal {

/// The whole file. Throws topology_error: absent, unreadable, no regular file, empty, too large.
[[nodiscard]] std::string read_topology_file(const std::string& file, std::uint64_t bytes_max);

/// Throws topology_error when `xml` is not XML, not a topology, of an unknown version or cut off.
void check_topology_xml(const std::string& file, const std::string& xml);

}  // namespace narke::internal
