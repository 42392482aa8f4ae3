#include "harness/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {
namespace {

constexpr const char* child_option = "--child";

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error{fmt::format("pipe: {}", std::strerror(errno))};
  }
  return ends;
}

pid_t spawn(const std::vector<std::string>& arguments, int input, int output) {
  std::vector<std::string> words{"/proc/self/exe", child_option};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& each : words) argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t process = -1;
  const int code = posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) throw std::runtime_error{fmt::format("posix_spawn: {}", std::strerror(code))};
  return process;
}

}  // namespace

child::child(const std::vector<std::string>& arguments) {
  const auto to_child = make_pipe();
  const auto from_child = make_pipe();
  input_ = to_child[1];
  output_ = from_child[0];
  process_ = spawn(arguments, to_child[0], from_child[1]);
  close(to_child[0]);
  close(from_child[1]);
}

child::~child() {
  close(input_);
  close(output_);
  if (process_ == -1) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void child::tell(std::string_view line) const {
  const std::string text = std::string{line} + '\n';
  if (write(input_, text.data(), text.size()) != ssize_t(text.size())) {
    throw std::runtime_error{"a child does not take what it is told"};
  }
}

std::string child::hear() {
  std::size_t end = 0;
  while ((end = heard_.find('\n')) == std::string::npos) {
    std::array<char, 256> part{};
    const ssize_t size = read(output_, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) throw std::runtime_error{"a child ended without an answer"};
    heard_.append(part.data(), std::size_t(size));
  }
  const std::string line = heard_.substr(0, end);
  heard_.erase(0, end + 1);
  return line;
}

void child::wait() {
  int status = 0;
  while (waitpid(process_, &status, 0) == -1 && errno == EINTR) {
  }
  process_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw std::runtime_error{WIFEXITED(status)
                               ? fmt::format("a child's exit code is {}", WEXITSTATUS(status))
                               : fmt::format("a child died of signal {}", WTERMSIG(status))};
}

std::vector<double> numbers_of(const std::string& line) {
  std::istringstream words{line};
  std::vector<double> numbers;
  for (double each = 0; words >> each;) numbers.push_back(each);
  return numbers;
}

int main_of(const program& which, const child_body& body, int argc, const char* const* argv) {
  if (argc < 2 || std::string_view{argv[1]} != child_option) return main_of(which, argc, argv);
  try {
    body({argv + 2, argv + argc});
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << fmt::format("{}, a child: {}\n", which.name, failed.what());
    return 1;
  }
}

}  // namespace bench
