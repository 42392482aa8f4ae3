// A benchmark program: reads its options, runs the contenders of each workload in turn, so that
// what disturbs the machine disturbs all of them, and shows what came of it.
//
// Exit code: 0 all ran and were right, 1 one was wrong or failed (the others ran), 2 wrong usage.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "harness/options.hpp"
#include "harness/results.hpp"
#include "harness/workload.hpp"

namespace bench {

struct program {
  std::string name;         ///< "gpu_chain"
  std::string description;  ///< for --help
  /// Called once the options are read. Throws command_line_end on an input that cannot be used.
  std::function<std::vector<workload>(const options&)> workloads;
  std::function<void(CLI::App&)> add_options = {};
  /// Lines under the head of the table.
  std::function<std::vector<std::string>()> notes = {};
};

/// Runs what the options leave of `all`. Results appear on `table` as they come.
[[nodiscard]] std::vector<workload_result> run_workloads(const std::vector<workload>& all,
                                                         const options& chosen,
                                                         std::ostream& table);

/// The whole program; its result is the exit code.
[[nodiscard]] int run_program(const program& which, int argc, const char* const* argv,
                              std::ostream& out, std::ostream& err);

/// The same with the standard streams: what `main` returns.
[[nodiscard]] int main_of(const program& which, int argc, const char* const* argv);

}  // namespace bench
