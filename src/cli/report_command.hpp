// `narke report`: what a machine has and what of it may be used.
#pragma once

#include <CLI/App.hpp>

namespace narke::internal {

/// Adds the verb. It runs, when it is the one chosen, while the arguments are parsed.
void add_report_command(CLI::App& program);

}  // namespace narke::internal
