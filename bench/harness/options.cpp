#include "harness/options.hpp"

#include <regex>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "harness/machine_context.hpp"

namespace bench {
namespace {

constexpr int repetitions_usual = 5;
constexpr int repetitions_quick = 3;

std::string why_no_filter(const std::string& filter) {
  try {
    static_cast<void>(std::regex{filter});
    return {};
  } catch (const std::regex_error& wrong) {
    return fmt::format("--filter: \"{}\" is no regular expression: {}", filter, wrong.what());
  }
}

void add_common(CLI::App& app, options& chosen) {
  app.add_option("--json", chosen.json,
                 "Write the results as Google Benchmark's JSON to this file; - is standard output, "
                 "and the table then goes to standard error");
  app.add_option("--repetitions", chosen.repetitions,
                 fmt::format("Timed runs of each contender, after one that is not counted "
                             "(default {}, with --quick {})",
                             repetitions_usual, repetitions_quick))
      ->check(CLI::Range(1, repetitions_max));
  app.add_flag("--quick", chosen.quick, "Less of everything: a look, no figure to quote");
  app.add_option("--filter", chosen.filter,
                 "Only what this regular expression is found in: names as the table has them");
}

}  // namespace

options parse_options(const std::string& name, const std::string& description,
                      const std::function<void(CLI::App&)>& add_options, int argc,
                      const char* const* argv) {
  options chosen;
  CLI::App app{description, name};
  add_common(app, chosen);
  bool asks_version = false;
  app.add_flag("--version", asks_version, "Print the version and how this was built");
  if (add_options) add_options(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw command_line_end{app.help(), 0};
  } catch (const CLI::ParseError& wrong) {
    throw command_line_end{fmt::format("{}: {}\n\n{}", name, wrong.what(), app.help()), 2};
  }
  if (asks_version) throw command_line_end{version_text(name), 0};
  if (const std::string why = why_no_filter(chosen.filter); !why.empty()) {
    throw command_line_end{fmt::format("{}: {}\n", name, why), 2};
  }
  if (chosen.repetitions == 0) {
    chosen.repetitions = chosen.quick ? repetitions_quick : repetitions_usual;
  }
  return chosen;
}

}  // namespace bench
