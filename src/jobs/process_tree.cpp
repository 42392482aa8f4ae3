#include "jobs/process_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace narke::internal {
namespace {

// All of a small file of the kernel's; nullopt when it is gone or not for us.
std::optional<std::string> read_proc_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::string text;
  char buffer[4'096];
  ssize_t bytes = 0;
  while ((bytes = ::read(descriptor, buffer, sizeof buffer)) > 0 || (bytes < 0 && errno == EINTR)) {
    if (bytes > 0) text.append(buffer, static_cast<std::size_t>(bytes));
  }
  ::close(descriptor);
  if (bytes < 0) return std::nullopt;
  return text;
}

std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at != end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec == std::errc{}) pids.push_back(pid);
    at = parsed.ptr == at ? at + 1 : parsed.ptr;
  }
  return pids;
}

// "17 (a name) S 4 …": the number after the state, which follows the last parenthesis.
pid_t parent_in_stat(std::string_view stat) {
  const auto name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos || stat.size() < name_end + 5) return -1;
  const std::string_view rest = stat.substr(name_end + 4);
  pid_t parent = -1;
  std::from_chars(rest.data(), rest.data() + rest.size(), parent);
  return parent;
}

// For kernels without a list of children.
std::vector<pid_t> search_children() {
  std::vector<pid_t> children;
  DIR* const directory = ::opendir("/proc");
  if (directory == nullptr) return children;
  const pid_t self = ::getpid();
  while (const dirent* const entry = ::readdir(directory)) {
    const std::string_view name{entry->d_name};
    if (name.find_first_not_of("0123456789") != std::string_view::npos) continue;
    const auto stat = read_proc_file(fmt::format("/proc/{}/stat", name));
    if (stat && parent_in_stat(*stat) == self) children.push_back(parse_pids(name).front());
  }
  ::closedir(directory);
  return children;
}

// Takes note of children that have ended; false when there is no child at all.
bool reap_ended() {
  while (true) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

}  // namespace

void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::vector<pid_t> children_of_this_process() {
  const auto listed =
      read_proc_file(fmt::format("/proc/self/task/{}/children", static_cast<int>(::getpid())));
  return listed ? parse_pids(*listed) : search_children();
}

bool was_started_with(pid_t process, const std::vector<std::string>& entries) {
  // For a moment in the middle of exec a process has none. One that never gets one has ended, or
  // was started without.
  constexpr int looks_max = 50;
  constexpr std::chrono::microseconds pause{100};
  const std::string file = fmt::format("/proc/{}/environ", static_cast<int>(process));
  auto environment = read_proc_file(file);
  for (int look = 1; look != looks_max && environment && environment->empty(); ++look) {
    std::this_thread::sleep_for(pause);
    environment = read_proc_file(file);
  }
  if (!environment) return false;
  return std::all_of(entries.begin(), entries.end(), [&](const std::string& entry) {
    const std::string whole = entry + '\0';
    return environment->starts_with(whole) || environment->find('\0' + whole) != std::string::npos;
  });
}

void kill_all_descendants(const std::vector<pid_t>& spared) {
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  // With the signal held back, sigtimedwait ends as soon as a child does.
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &child_ended, &before);
  while (reap_ended()) {
    bool any_was_killed = false;
    for (const pid_t child : search_children()) {
      if (std::find(spared.begin(), spared.end(), child) != spared.end()) continue;
      any_was_killed = ::kill(child, SIGKILL) == 0 || any_was_killed;
    }
    if (!any_was_killed) break;
    ::sigtimedwait(&child_ended, nullptr, &pause);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace narke::internal
