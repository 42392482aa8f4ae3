// The program `narke`: one verb a file. Errors end here, each with its exit code.
#include <csignal>
#include <exception>
#include <sstream>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/messages.hpp"
#include "cli/report_command.hpp"
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

int run(int argc, char** argv) {
  CLI::App program{"GPU-aware task scheduler: what this machine has to offer", "narke"};
  program.set_version_flag("--version", version_text(), "Print the version and how it was built");
  program.require_subcommand(0, 1);
  add_report_command(program);
  try {
    program.parse(argc, argv);
    // Asked for here and not of CLI11, which would say so of a verb that it does not know, too.
    if (program.get_subcommands().empty()) throw CLI::RequiredError{"A verb"};
  } catch (const CLI::ParseError& result) {
    return answer_parse_result(program, result);
  }
  return exit_done;
}

}  // namespace
}  // namespace narke::internal

int main(int argc, char** argv) {
  using namespace narke::internal;
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error with a message
  try {
    hold_standard_streams();
    return run(argc, argv);
  } catch (const usage_error& wrong) {
    print_error(wrong.what());
    return exit_usage;
  } catch (const topology_error& unreadable) {
    print_error(unreadable.what());
    return exit_usage;
  } catch (const std::exception& failed) {
    print_error(failed.what());
    return exit_failed;
  }
}
