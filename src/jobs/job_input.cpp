#include "jobs/job_input.hpp"

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace narke::internal {
namespace {

[[noreturn]] void fail(const std::string& name, int number) {
  throw job_input_error{fmt::format("cannot read the jobs from {}: {}", name,
                                    std::generic_category().message(number))};
}

}  // namespace

job_input_error::~job_input_error() = default;

job_input::job_input(const std::string& path, bool follow, job_settings defaults)
    : name_{path == "-" ? "standard input" : fmt::format("'{}'", path)},
      reader_{std::move(defaults)},
      follows_{follow} {
  // Not to wait for somebody to open the other end of a named pipe: `poll` does that.
  const int descriptor = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                     : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) fail(name_, errno);
  file_ = owned_descriptor{descriptor};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(name_, errno);
  if (S_ISDIR(status.st_mode)) fail(name_, EISDIR);
  is_regular_ = S_ISREG(status.st_mode);
}

std::optional<int> job_input::pollable() const {
  return is_regular_ || ended_ ? std::nullopt : std::optional<int>{file_.get()};
}

std::vector<job_line> job_input::read_more() {
  std::vector<job_line> lines;
  if (ended_) return lines;
  while (read_piece(lines) && is_regular_ && !reader_.is_ended()) {
  }
  if (reader_.is_ended()) ended_ = true;
  if (ended_) {
    for (job_line& last : reader_.finish()) lines.push_back(std::move(last));
  }
  return lines;
}

bool job_input::read_piece(std::vector<job_line>& lines) {
  std::array<char, 65'536> buffer{};
  const ssize_t bytes = ::read(file_.get(), buffer.data(), buffer.size());
  if (bytes < 0) {
    if (errno == EINTR || errno == EAGAIN) return false;
    fail(name_, errno);
  }
  if (bytes == 0) {
    struct stat status {};
    if (is_regular_ && follows_ && ::fstat(file_.get(), &status) == 0 && status.st_size < offset_) {
      throw job_input_error{
          fmt::format("{} became shorter while it was followed; jobs are added at its end", name_)};
    }
    ended_ = !is_regular_ || !follows_;
    return false;
  }
  offset_ += bytes;
  for (job_line& line : reader_.feed({buffer.data(), static_cast<std::size_t>(bytes)})) {
    lines.push_back(std::move(line));
  }
  return true;
}

}  // namespace narke::internal
