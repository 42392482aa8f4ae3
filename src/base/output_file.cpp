#include "base/output_file.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <narke/errors.hpp>

namespace narke::internal {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;

// While it lives, writing to a pipe that nobody reads, or beyond the limit on file sizes, is an
// error and not a signal that ends the program. Both signals come to the writing thread.
class write_signals_guard {
 public:
  write_signals_guard() noexcept {
    sigemptyset(&signals_);
    sigset_t pending;
    sigpending(&pending);
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
      if (sigismember(&pending, signal) == 0) sigaddset(&signals_, signal);
    }
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~write_signals_guard() {
    const timespec at_once{};
    while (sigtimedwait(&signals_, nullptr, &at_once) > 0 || errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  write_signals_guard(const write_signals_guard&) = delete;
  write_signals_guard& operator=(const write_signals_guard&) = delete;

 private:
  sigset_t signals_{};  ///< those that were not pending already: they are ours to take back
  sigset_t before_{};
};

// What a symbolic link stands for, so that writing through it keeps the link.
std::string resolved(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return path;
  std::string result{real};
  std::free(real);
  return result;
}

}  // namespace

output_file::output_file(std::string path) : path_{std::move(path)} {
  if (path_.empty() || path_.find('\0') != std::string::npos) fail("open", EINVAL);
  buffer_.reserve(buffer_bytes);  // first: what is thrown here comes without the destructor
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    open_beside();
  } else if (S_ISDIR(status.st_mode)) {
    fail("open", EISDIR);
  } else if (S_ISREG(status.st_mode)) {
    open_beside();
  } else {
    open_directly();
  }
}

output_file::~output_file() { discard(); }

void output_file::open_directly() {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail("open", errno);
}

void output_file::open_beside() {
  const std::string target = resolved(path_);
  const std::string directory = target.substr(0, target.rfind('/') + 1);
  const std::string stem = directory + ".narke-" + std::to_string(::getpid()) + "-";
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    std::string candidate = stem + std::to_string(attempt);
    descriptor_ = ::open(candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) {
      temporary_path_ = std::move(candidate);
      return;
    }
    if (errno != EEXIST) break;
  }
  fail("create", errno);
}

void output_file::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= buffer_bytes) flush();
}

void output_file::flush() {
  const write_signals_guard no_signal;
  std::string_view left{buffer_};
  while (!left.empty()) {
    const ssize_t written = ::write(descriptor_, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      fail("write", errno);
    }
  }
  buffer_.clear();
}

void output_file::commit() {
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("write", errno);
  if (temporary_path_.empty()) return;
  if (::rename(temporary_path_.c_str(), resolved(path_).c_str()) != 0) fail("write", errno);
  temporary_path_.clear();
}

void output_file::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
  temporary_path_.clear();
}

void output_file::fail(const char* what, int error_number) {
  discard();
  throw error{std::string{"cannot "} + what + " '" + path_ +
              "': " + std::generic_category().message(error_number) +
              "; choose another place or make room"};
}

void write_file(const std::string& path, std::string_view text) {
  output_file file{path};
  file.write(text);
  file.commit();
}

}  // namespace narke::internal
