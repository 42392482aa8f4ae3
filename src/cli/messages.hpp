// How the program speaks: standard output is data, standard error is messages, and the exit code
// says which of them matters.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace narke::internal {

enum exit_code : int {
  exit_done = 0,
  exit_failed = 1,  ///< a job failed, or the output could not be written
  exit_usage = 2,   ///< wrong usage or unreadable input
};

/// Wrong usage: the message names the option and what is allowed.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Sees to it that no file opened later is taken for a standard stream. Throws narke::error when
/// there is no standard output.
void hold_standard_streams();

/// All of the text, or a narke::error that says why not (a full disk, a closed pipe).
void print_data(std::string_view text);

/// "narke: <text>" on standard error, without control characters.
void print_error(std::string_view text);

/// As it is, control sequences too, on standard error: for drawing on a terminal.
void print_terminal(std::string_view text);

/// What `--version` prints: the version and what it was built with.
std::string version_text();

}  // namespace narke::internal
