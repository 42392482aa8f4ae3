// The environment of the process, read in this one place.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace narke::internal {

/// The value of a variable, which may be empty; nullopt when it is not set, or the program runs
/// with raised privileges.
std::optional<std::string> environment_value(const char* name);

/// All of it, as "NAME=value", to be given on to another program.
std::vector<std::string> whole_environment();

}  // namespace narke::internal
