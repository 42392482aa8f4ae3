#include "process/worker_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <new>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <narke/errors.hpp>

extern char** environ;

namespace narke::internal {

namespace {

[[noreturn]] void fail(const char* what, int reason) {
  throw error{fmt::format("narke: isolation::process: {}: {}. There is no worker process to be had",
                          what, std::strerror(reason))};
}

// A descriptor that is closed with its scope.
class open_file {
 public:
  explicit open_file(int file) noexcept : file_{file} {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (file_ >= 0) {
      ::close(file_);
    }
  }
  [[nodiscard]] int get() const noexcept { return file_; }

 private:
  const int file_;
};

// Out of the way of the numbers that the worker has for what it inherits.
int moved_up(int file) {
  const open_file low{file};
  const int high = ::fcntl(low.get(), F_DUPFD_CLOEXEC, worker_descriptors_end);
  if (high < 0) {
    fail("no more descriptors", errno);
  }
  return high;
}

int make_control_file() {
  const int file = ::memfd_create("narke-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) {
    fail("no shared memory", errno);
  }
  const int high = moved_up(file);
  if (::ftruncate(high, sizeof(worker_control)) != 0 ||
      ::fcntl(high, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    const int reason = errno;
    ::close(high);
    fail("no shared memory", reason);
  }
  return high;
}

bool is_variable(std::string_view entry, std::string_view name) {
  return entry.substr(0, name.size()) == name && entry.substr(name.size(), 1) == "=";
}

// The environment of this process but for what is the worker's own.
std::vector<std::string> worker_environment(const std::vector<std::string>& gpu_uuids) {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (!is_variable(*entry, worker_variable) && !is_variable(*entry, "CUDA_VISIBLE_DEVICES") &&
        !is_variable(*entry, "CUDA_DEVICE_ORDER")) {
      all.emplace_back(*entry);
    }
  }
  all.push_back(fmt::format("{}={}", worker_variable, ::getpid()));
  all.push_back(fmt::format("CUDA_VISIBLE_DEVICES={}", fmt::join(gpu_uuids, ",")));
  all.emplace_back("CUDA_DEVICE_ORDER=PCI_BUS_ID");
  return all;
}

// What posix_spawn is told, let go with its scope.
class spawn_plan {
 public:
  spawn_plan(int socket, int control_file) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, socket, worker_socket);
    ::posix_spawn_file_actions_adddup2(&actions, control_file, worker_control_file);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, worker_descriptors_end);
    sigset_t none;
    sigset_t every;
    ::sigemptyset(&none);
    ::sigfillset(&every);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &every);
    // A group of its own: an interrupt from the terminal is for the program to handle, which then
    // ends its workers.
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

process_end end_of(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = ::sigabbrev_np(signal);
    return {fmt::format("signal {} (SIG{})", signal, name != nullptr ? name : "?"),
            signal == SIGKILL, false};
  }
  return {fmt::format("exit code {}", WEXITSTATUS(status)), false, WEXITSTATUS(status) == 0};
}

}  // namespace

worker_process::worker_process(std::vector<std::string> gpu_uuids)
    : gpu_uuids_{std::move(gpu_uuids)} {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail("no pair of sockets", errno);
  }
  socket_ = ends[0];
  try {
    const open_file child_socket{moved_up(ends[1])};
    const open_file control_file{make_control_file()};
    map_control(control_file.get());
    spawn(child_socket.get(), control_file.get());
  } catch (...) {
    if (control_ != nullptr) {
      ::munmap(control_, sizeof(worker_control));
    }
    ::close(socket_);
    throw;
  }
  is_reaped_ = false;
  exit_file_ = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));
}

void worker_process::map_control(int file) {
  void* page = ::mmap(nullptr, sizeof(worker_control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) {
    fail("no shared memory", errno);
  }
  control_ = ::new (page) worker_control;
}

void worker_process::spawn(int child_socket, int control_file) {
  const std::vector<std::string> variables = worker_environment(gpu_uuids_);
  std::vector<char*> environment;
  for (const std::string& each : variables) {
    environment.push_back(const_cast<char*>(each.c_str()));
  }
  environment.push_back(nullptr);
  char* arguments[] = {program_invocation_name, nullptr};
  spawn_plan plan{child_socket, control_file};
  const int failed = ::posix_spawn(&id_, "/proc/self/exe", &plan.actions, &plan.attributes,
                                   arguments, environment.data());
  if (failed != 0) {
    fail("this program cannot be started again (/proc/self/exe)", failed);
  }
}

worker_process::~worker_process() {
  ::munmap(control_, sizeof(worker_control));
  ::close(socket_);
  if (exit_file_ >= 0) {
    ::close(exit_file_);
  }
}

std::int64_t worker_process::resident_bytes() const {
  std::ifstream file{fmt::format("/proc/{}/statm", id_)};
  std::int64_t all = 0;
  std::int64_t resident = 0;
  return file >> all >> resident ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

void worker_process::kill() noexcept {
  const std::lock_guard lock{mutex_};
  siginfo_t seen{};
  // A program that waits for any child may have reaped this one: then its id may be another's.
  if (!is_reaped_ &&
      ::waitid(P_PID, static_cast<id_t>(id_), &seen, WEXITED | WNOHANG | WNOWAIT) == 0) {
    ::kill(-id_, SIGKILL);  // and what it started
    ::kill(id_, SIGKILL);
  }
}

void worker_process::ask_to_end() noexcept {
  ::shutdown(socket_, SHUT_RDWR);
}

bool worker_process::try_reap(process_end* end) noexcept {
  const std::lock_guard lock{mutex_};
  if (is_reaped_) {
    return true;
  }
  siginfo_t seen{};
  const int failed = ::waitid(P_PID, static_cast<id_t>(id_), &seen, WEXITED | WNOHANG | WNOWAIT);
  if (failed != 0 ? errno != ECHILD : seen.si_pid == 0) {
    return false;
  }
  process_end found{"an exit code that somebody else has taken", false, false};
  if (failed == 0) {
    ::kill(-id_, SIGKILL);  // what it started, and left behind; its id is still its own
    int status = 0;
    if (::waitpid(id_, &status, 0) == id_) {
      found = end_of(status);
    }
  }
  is_reaped_ = true;
  if (end != nullptr) {
    *end = found;
  }
  return true;
}

process_end worker_process::reap(std::chrono::milliseconds at_most) {
  process_end end;
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  for (auto pause = std::chrono::microseconds{50}; !try_reap(&end);) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill();
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds{2'000});
  }
  return end;
}

}  // namespace narke::internal
