// The processes below this one, read from /proc. What loses its parent becomes a child of the
// nearest process above it that has called `adopt_orphans`, so that nothing gets away. Linux only;
// one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace narke::internal {

/// From here on, what its parent leaves behind below this process becomes a child of it.
void adopt_orphans();

/// The children of this process, adopted ones too, dead ones that nobody waited for too.
std::vector<pid_t> children_of_this_process();

/// Whether the process was started with these entries, each "NAME=value", in its environment.
bool was_started_with(pid_t process, const std::vector<std::string>& entries);

/// Kills what is below this process, and waits until nothing is left but children in `spared` and
/// processes that this user may not kill.
void kill_all_descendants(const std::vector<pid_t>& spared = {});

}  // namespace narke::internal
