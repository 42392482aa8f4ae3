// Copies of this program, for what has to be measured in a process of its own: its memory, its idle
// threads, two programs beside each other. A child reads lines from standard input and answers on
// standard output.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/program.hpp"

namespace bench {

/// A copy of this program that runs its child_body. Killed when it still runs at the end of this.
class child {
 public:
  explicit child(const std::vector<std::string>& arguments);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child();

  /// Throws std::runtime_error when the child has gone.
  void tell(std::string_view line) const;
  /// The next line that it says, without its end. Throws when it ended without one.
  [[nodiscard]] std::string hear();
  /// Waits for its end. Throws unless its exit code is 0.
  void wait();

 private:
  pid_t process_ = -1;  // -1: it has ended
  int input_ = -1;
  int output_ = -1;
  std::string heard_;
};

/// The numbers of a line.
[[nodiscard]] std::vector<double> numbers_of(const std::string& line);

/// What a child does with the arguments that it was given. What it throws is told and exit code 1.
using child_body = std::function<void(const std::vector<std::string>& arguments)>;

/// What `main` returns of a program that has children.
[[nodiscard]] int main_of(const program& which, const child_body& body, int argc,
                          const char* const* argv);

}  // namespace bench
