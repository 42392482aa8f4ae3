#include "cli/messages.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/build_info.hpp"
#include "driver/clean_text.hpp"

namespace narke::internal {
namespace {

// 0, or the error number.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void hold_standard_streams() {
  if (::fcntl(STDERR_FILENO, F_GETFD) == -1) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    if (nowhere != STDERR_FILENO) ::dup2(nowhere, STDERR_FILENO);
  }
  if (::fcntl(STDOUT_FILENO, F_GETFD) == -1) throw error{"standard output is closed"};
}

void print_data(std::string_view text) {
  if (const int number = write_all(STDOUT_FILENO, text); number != 0) {
    throw error{"cannot write to standard output: " + std::generic_category().message(number)};
  }
}

void print_error(std::string_view text) {
  constexpr std::size_t line_bytes_max = 4'096;
  std::string shown = "narke: ";
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  while (true) {
    const auto end = text.find('\n');
    shown += clean_text(text.substr(0, end), line_bytes_max) + '\n';
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  write_all(STDERR_FILENO, shown);
}

void print_terminal(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

std::string version_text() {
  const build_info& build = this_build();
  std::string text = fmt::format("narke {}\ncompiler: {}\nbuild type: {}\nhwloc: {}", build.version,
                                 build.compiler, build.build_type, build.hwloc_version);
  if (*build.sanitizers != '\0') text += fmt::format("\nsanitizers: {}", build.sanitizers);
  if (*build.git_commit != '\0') text += fmt::format("\ncommit: {}", build.git_commit);
  return text;
}

}  // namespace narke::internal
