#include "jobs/watch.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "jobs/job.hpp"
#include "jobs/process_tree.hpp"

namespace narke::internal {
namespace {

constexpr std::array stop_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Signals that were ignored when narke began, as by nohup, stay ignored.
bool is_ignored(int number) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t signals_to_take() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (const int number : stop_signals) {
    if (!is_ignored(number)) sigaddset(&set, number);
  }
  return set;
}

[[noreturn]] void fail(const char* what) {
  throw error{fmt::format("cannot {}: {}", what, std::generic_category().message(errno))};
}

// The worker's status once it has ended; adopted processes are waited for on the way.
std::optional<int> worker_status(pid_t worker) {
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended == worker) return status;
    if (ended == 0 || (ended < 0 && errno != EINTR)) return std::nullopt;
  }
}

int wait_for(pid_t worker, int signals, const sigset_t& taken) {
  while (true) {
    const int number = ::sigwaitinfo(&taken, nullptr);
    if (number == SIGCHLD) {
      if (const auto status = worker_status(worker)) return *status;
    } else if (number > 0) {
      const auto byte = static_cast<char>(number);
      while (::write(signals, &byte, 1) < 0 && errno == EINTR) {
      }
    }
  }
}

int result_of(int status, const std::vector<pid_t>& spared) {
  kill_all_descendants(spared);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int number = WTERMSIG(status);
  throw error{fmt::format(
      "the process that runs the jobs was killed by {} ({}); the jobs that ran were killed with "
      "it; what had ended is recorded, and --resume goes on from there",
      signal_name(number), number)};
}

}  // namespace

int run_watched(const std::function<int(const watch_link&)>& work) {
  std::array<int, 2> pipe_ends{-1, -1};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) fail("make a pipe");
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &by_default, nullptr);  // ignored, it would take the exit codes away
  watch_link link{.signals = pipe_ends[0]};
  const sigset_t taken = signals_to_take();
  ::sigprocmask(SIG_BLOCK, &taken, &link.outer_mask);
  // Children of the shell that became narke by exec are none of its business.
  const std::vector<pid_t> spared = children_of_this_process();
  adopt_orphans();
  const pid_t worker = ::fork();
  if (worker < 0) fail("start a process");
  if (worker == 0) {
    ::close(pipe_ends[1]);
    adopt_orphans();  // not inherited
    return work(link);
  }
  ::close(pipe_ends[0]);
  const int status = wait_for(worker, pipe_ends[1], taken);
  ::close(pipe_ends[1]);
  const int result = result_of(status, spared);
  ::sigprocmask(SIG_SETMASK, &link.outer_mask, nullptr);
  return result;
}

}  // namespace narke::internal
