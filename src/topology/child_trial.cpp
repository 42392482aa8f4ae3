#include "topology/child_trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <string_view>

namespace narke::internal {
namespace {

// The child writes to one pipe: whatever libraries print, then a zero byte, a verdict and its text.
// A pipe that ends without a verdict means that the child did not get there, whatever the host
// program does with SIGCHLD.
constexpr char verdict_mark = '\0';
constexpr char verdict_passed = 'P';
constexpr char verdict_refused = 'R';
constexpr std::size_t output_bytes_max = std::size_t{1} << 20;

void write_all(int pipe, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(pipe, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string verdict_of(const std::function<void()>& attempt) {
  try {
    attempt();
    return {verdict_mark, verdict_passed};
  } catch (const std::exception& error) {
    return std::string{verdict_mark, verdict_refused} + error.what();
  } catch (...) {
    return std::string{verdict_mark, verdict_refused} + "unknown failure";
  }
}

[[noreturn]] void run_child(const std::function<void()>& attempt, int pipe) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT}) {
    ::signal(signal, SIG_DFL);
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::dup2(pipe, STDERR_FILENO);
  write_all(pipe, verdict_of(attempt));
  ::_exit(0);
}

int remaining_ms(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

/// Reads until the child closes its end; false when that takes too long or gives too much.
bool read_to_end(int pipe, int timeout_ms, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<char, 4096> block;
  while (output.size() < output_bytes_max) {
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, remaining_ms(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(pipe, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    output.append(block.data(), static_cast<std::size_t>(got));
  }
  return false;
}

void reap(pid_t child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

trial_result judge(const std::string& output) {
  const std::size_t mark = output.rfind(verdict_mark);
  if (mark == std::string::npos || mark + 1 >= output.size()) {
    return {.outcome = trial_outcome::crashed, .complaint = output};
  }
  const char verdict = output[mark + 1];
  return {.outcome = verdict == verdict_passed ? trial_outcome::passed : trial_outcome::refused,
          .text = output.substr(mark + 2),
          .complaint = output.substr(0, mark)};
}

}  // namespace

trial_result try_in_child(const std::function<void()>& attempt, int timeout_ms) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return {.outcome = trial_outcome::no_child, .text = std::strerror(errno)};
  }
  const pid_t child = ::fork();
  if (child == 0) run_child(attempt, ends[1]);
  const int fork_error = errno;
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return {.outcome = trial_outcome::no_child, .text = std::strerror(fork_error)};
  }
  std::string output;
  const bool ended = read_to_end(ends[0], timeout_ms, output);
  ::close(ends[0]);
  if (!ended) ::kill(child, SIGKILL);
  reap(child);
  if (!ended) return {.outcome = trial_outcome::timed_out, .complaint = output};
  return judge(output);
}

}  // namespace narke::internal
