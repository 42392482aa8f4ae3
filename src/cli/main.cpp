// The program `narke`: one verb a file. Errors end here, each with its exit code.
#include <algorithm>
#include <csignal>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/messages.hpp"
#include "cli/report_command.hpp"
#include "cli/run_command.hpp"
#include "jobs/job_input.hpp"
#include "jobs/state_file.hpp"
#include "topology/discover.hpp"

namespace narke::internal {
namespace {

// Help and version are data; everything else that CLI11 throws is wrong usage.
int answer_parse_result(const CLI::App& program, const CLI::ParseError& result) {
  std::ostringstream data;
  std::ostringstream message;
  const int code = program.exit(result, data, message);
  if (code == 0) {
    print_data(data.str());
    return exit_done;
  }
  print_error(message.str());
  return exit_usage;
}

int run(std::vector<std::string> arguments) {
  CLI::App program{"GPU-aware task scheduler: what this machine has to offer, and jobs on it",
                   "narke"};
  const std::vector<std::string> command = split_command(arguments);
  int exit_status = exit_done;
  program.set_version_flag("--version", version_text(), "Print the version and how it was built");
  program.require_subcommand(0, 1);
  add_report_command(program);
  add_run_command(program, command, exit_status);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes a list
  try {
    program.parse(std::move(arguments));
    // Asked for here and not of CLI11, which would say so of a verb that it does not know, too.
    if (program.get_subcommands().empty()) throw CLI::RequiredError{"A verb"};
  } catch (const CLI::ParseError& result) {
    return answer_parse_result(program, result);
  }
  return exit_status;
}

}  // namespace
}  // namespace narke::internal

int main(int argc, char** argv) {
  using namespace narke::internal;
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error with a message,
  std::signal(SIGXFSZ, SIG_IGN);  // and so is the limit on the size of files
  try {
    hold_standard_streams();
    return run({argv + 1, argv + std::max(argc, 1)});
  } catch (const usage_error& wrong) {
    print_error(wrong.what());
    return exit_usage;
  } catch (const topology_error& unreadable) {
    print_error(unreadable.what());
    return exit_usage;
  } catch (const job_input_error& unreadable) {
    print_error(unreadable.what());
    return exit_usage;
  } catch (const state_file_error& unusable) {
    print_error(unusable.what());
    return exit_usage;
  } catch (const std::exception& failed) {
    print_error(failed.what());
    return exit_failed;
  }
}
