// A child of vfork shares the memory of its parent, which stands still until the child has become
// another program or is gone. It makes system calls and nothing else: no allocation, no lock, no
// return from the function that called vfork.
#include "jobs/child_process.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace narke::internal {
namespace {

// Those that narke ignores or holds back for itself.
constexpr std::array reset_signals{SIGPIPE, SIGXFSZ, SIGCHLD};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct child_plan {
  char* const* arguments;
  char* const* environment;
  std::array<int, 3> streams;
  const sigset_t* signal_mask;
  pid_t parent;
  int report;  ///< where the error number goes; closed by a successful exec
};

// Everything that may go wrong; returns the error number.
int become_program(const child_plan& plan) noexcept {
  if (::setpgid(0, 0) != 0) return errno;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  if (::getppid() != plan.parent) return ESRCH;  // it ended before it could be tied to
  // The descriptors lie above 2, so none is overwritten before its turn.
  for (int target = 0; target < 3; ++target) {
    if (::dup2(plan.streams[static_cast<std::size_t>(target)], target) < 0) return errno;
  }
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (const int number : reset_signals) ::sigaction(number, &by_default, nullptr);
  ::sigprocmask(SIG_SETMASK, plan.signal_mask, nullptr);
  ::execvpe(plan.arguments[0], plan.arguments, plan.environment);
  return errno;
}

// In a function of its own: the frame of who calls vfork must not change between child and parent.
[[gnu::noinline]] pid_t spawn(const child_plan& plan) noexcept {
  const pid_t pid = ::vfork();
  if (pid != 0) return pid;
  const int number = become_program(plan);
  while (::write(plan.report, &number, sizeof number) < 0 && errno == EINTR) {
  }
  ::_exit(127);
}

// A copy above the standard streams, closed in the program that follows.
int lifted(int descriptor) {
  return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

void close_all(const std::array<int, 3>& descriptors) {
  for (const int descriptor : descriptors) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

int read_report(int descriptor) {
  int number = 0;
  ssize_t bytes = 0;
  do {
    bytes = ::read(descriptor, &number, sizeof number);
  } while (bytes < 0 && errno == EINTR);
  return bytes == static_cast<ssize_t>(sizeof number) ? number : 0;
}

}  // namespace

child_start start_child(const child_request& request) {
  std::array<int, 2> pipe_ends{-1, -1};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return {.error_number = errno};
  child_start started;
  const std::array<int, 3> streams{lifted(request.input), lifted(request.output),
                                   lifted(request.errors)};
  if (streams[0] < 0 || streams[1] < 0 || streams[2] < 0) {
    started.error_number = errno;
  } else {
    const auto arguments = pointers_to(request.arguments);
    const auto environment = pointers_to(request.environment);
    started.pid = spawn({.arguments = arguments.data(),
                         .environment = environment.data(),
                         .streams = streams,
                         .signal_mask = &request.signal_mask,
                         .parent = ::getpid(),
                         .report = pipe_ends[1]});
    if (started.pid < 0) started.error_number = errno;
  }
  close_all(streams);
  ::close(pipe_ends[1]);
  if (started.pid > 0) {
    started.error_number = read_report(pipe_ends[0]);
    if (started.error_number != 0) {
      while (::waitpid(started.pid, nullptr, 0) < 0 && errno == EINTR) {
      }
      started.pid = -1;
    }
  }
  ::close(pipe_ends[0]);
  return started;
}

}  // namespace narke::internal
