#include "jobs/log_directory.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "jobs/job_text.hpp"

namespace narke::internal {
namespace {

constexpr int attempts_max = 1'000'000;

[[noreturn]] void fail(const char* what, const std::string& path, int number) {
  throw error{fmt::format("cannot {} '{}': {}; choose another place with --logs, or make room",
                          what, path, std::generic_category().message(number))};
}

void check_is_private(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail("look at", path, errno);
  if (status.st_uid != ::geteuid()) {
    throw error{
        fmt::format("'{}' belongs to another user; choose another place with --logs", path)};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw error{fmt::format(
        "'{}' may be written to by others; take that right away, or choose another place with "
        "--logs",
        path)};
  }
}

}  // namespace

owned_descriptor::~owned_descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

owned_descriptor::owned_descriptor(owned_descriptor&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)} {}

owned_descriptor& owned_descriptor::operator=(owned_descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

log_directory::log_directory(std::string path) : path_{std::move(path)} {
  if (::mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) fail("make", path_, errno);
  directory_ =
      owned_descriptor{::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (directory_.get() < 0) fail("open the directory", path_, errno);
  check_is_private(directory_.get(), path_);
}

int log_directory::create(const std::string& name) {
  return ::openat(directory_.get(), name.c_str(),
                  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
}

attempt_logs log_directory::open_for(const job& of) {
  const std::string& name = of.settings->name;
  const std::string stem =
      fmt::format("{}-{}", of.id, safe_file_name(name.empty() ? program_name(of.command) : name));
  for (int attempt = std::max(of.attempts, 1); attempt <= attempts_max; ++attempt) {
    const std::string base = attempt == 1 ? stem : fmt::format("{}.{}", stem, attempt);
    attempt_logs logs{.output = owned_descriptor{create(base + ".out")},
                      .output_path = fmt::format("{}/{}.out", path_, base),
                      .errors_path = fmt::format("{}/{}.err", path_, base)};
    if (logs.output.get() < 0) {
      if (errno == EEXIST) continue;
      fail("create", logs.output_path, errno);
    }
    logs.errors = owned_descriptor{create(base + ".err")};
    if (logs.errors.get() >= 0) return logs;
    if (errno != EEXIST) fail("create", logs.errors_path, errno);
    ::unlinkat(directory_.get(), (base + ".out").c_str(), 0);
  }
  fail("create", fmt::format("{}/{}.out", path_, stem), EEXIST);
}

std::string set_aside(const std::string& path) {
  constexpr int number_max = 1'000'000;
  for (int number = 1; number <= number_max; ++number) {
    std::string target = fmt::format("{}.{}", path, number);
    struct stat status {};
    if (::lstat(target.c_str(), &status) == 0) continue;
    if (errno != ENOENT) fail("look at", target, errno);
    if (::rename(path.c_str(), target.c_str()) != 0) fail("rename", path, errno);
    return target;
  }
  fail("find a free name for", path, EEXIST);
}

}  // namespace narke::internal
