// `narke run`: commands as jobs, each on the GPUs and CPUs that it asks for.
#pragma once

#include <string>
#include <vector>

#include <CLI/App.hpp>

namespace narke::internal {

/// Takes what stands behind "--" out of the arguments when the verb is `run`: that is a command,
/// whose options are not ours.
std::vector<std::string> split_command(std::vector<std::string>& arguments);

/// Adds the verb. It runs, when it is the one chosen, while the arguments are parsed, and leaves
/// the exit code in `exit_status`. Both references hold as long as the program.
void add_run_command(CLI::App& program, const std::vector<std::string>& command, int& exit_status);

}  // namespace narke::internal
