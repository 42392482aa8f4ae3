// What the user asked for, and how much work that makes of each step.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "pictures.hpp"

namespace demo {

struct options {
  std::filesystem::path images = "/usr/share/backgrounds/mate";
  std::filesystem::path out = "narke-demo-out";
  bool quick = false;
  bool sleep = false;
  bool pictures_only = false;
  std::string emulated_gpus;  // "N" or "N:MEMORY"; empty = the machine's own GPUs
};

/// The command line ends here: `--help`, or an option that is wrong.
class command_line_end : public std::runtime_error {
 public:
  command_line_end(const std::string& text, int exit_code)
      : std::runtime_error{text}, exit_code_{exit_code} {}

  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;
};

/// Throws `command_line_end`.
options parse_options(int argc, const char* const* argv);

struct workload {
  std::size_t return_calls = 20'000;
  std::size_t slow_tasks = 25;
  std::chrono::milliseconds slow_task{500};
  std::size_t tiny_tasks = 1'000'000;
  std::size_t tiny_tasks_per_chunk = 1'000;
  std::chrono::microseconds tiny_task{10};
  bool tiny_tasks_sleep = false;
  selection_limits pictures;
  std::size_t matrix_side = 5'000;
  std::size_t matrix_tasks = 10;
};

/// `usable_memory_bytes` limits how many pictures are held at a time.
workload make_workload(const options& chosen, std::size_t usable_memory_bytes);

/// What `--quick` makes smaller, in words.
std::string describe_quick(const workload& quick);

}  // namespace demo
