// `narke run --dry-run`: what would run where, as data on standard output. Starts nothing and
// writes no file.
#pragma once

#include "jobs/granted_machine.hpp"
#include "jobs/job_runner.hpp"

namespace narke::internal {

/// Throws job_input_error as the run would. The exit code.
int print_plan(const run_options& options, const granted_machine& granted, bool json);

}  // namespace narke::internal
