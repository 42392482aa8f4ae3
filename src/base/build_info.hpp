// How this library was built, fixed when CMake configured it.
#pragma once

namespace narke::internal {

struct build_info {
  const char* version;
  const char* compiler;       ///< "GNU 12.2.0"
  const char* build_type;     ///< "Release"
  const char* sanitizers;     ///< "address,undefined"; empty = none
  const char* git_commit;     ///< when CMake ran; empty = not built from a repository
  const char* hwloc_version;
};

const build_info& this_build() noexcept;

}  // namespace narke::internal
