// The command line of a benchmark program.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace bench {

struct options {
  std::string json;     ///< the file to write, "-" = standard output; empty = none
  int repetitions = 0;  ///< of each contender, besides one that is not counted
  bool quick = false;   ///< less of everything: a look, no figure to quote
  std::string filter;   ///< a regular expression for the names of what runs
};

/// The command line ends here: `--help`, `--version`, or an option that is wrong.
class command_line_end : public std::runtime_error {
 public:
  command_line_end(const std::string& text, int exit_code)
      : std::runtime_error{text}, exit_code_{exit_code} {}

  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

inline constexpr int repetitions_max = 1000;

/// `add_options` adds those that this program alone has; it may be empty. Throws
/// `command_line_end`.
options parse_options(const std::string& name, const std::string& description,
                      const std::function<void(CLI::App&)>& add_options, int argc,
                      const char* const* argv);

}  // namespace bench
