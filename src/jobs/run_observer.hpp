// What is told of a run while it goes on: the runner calls, and tables, lines or JSON events are
// made of it. Called by the runner's thread only; a call may throw, which ends the run.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "jobs/granted_machine.hpp"
#include "jobs/job.hpp"

namespace narke::internal {

using run_clock = std::chrono::steady_clock;

struct run_counts {
  std::size_t waiting = 0;
  std::size_t running = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
  std::size_t timed_out = 0;
  std::size_t interrupted = 0;
  std::size_t skipped = 0;
  std::size_t refused = 0;

  [[nodiscard]] std::size_t ended() const {
    return done + failed + timed_out + interrupted + skipped + refused;
  }
  [[nodiscard]] std::size_t all() const { return ended() + waiting + running; }
};

/// An attempt of a job that runs, or did.
struct running_job {
  const job* what = nullptr;
  std::vector<int> gpus;
  pid_t process = -1;  ///< the leader of its process group; -1: it did not start
  run_clock::time_point begin{};
  std::string output_path;  ///< empty: narke's own standard output
  std::string errors_path;
};

struct run_beginning {
  const granted_machine* machine = nullptr;
  std::string log_directory;  ///< empty: none
  bool follows = false;
  std::size_t jobs = 0;  ///< known so far
};

struct run_ending {
  run_counts counts;
  int exit_code = 0;
  bool everything_is_free = false;  ///< every GPU and CPU was given back
  std::chrono::nanoseconds duration{};
};

class run_observer {
 public:
  virtual ~run_observer();

  virtual void run_began(const run_beginning& begun) = 0;
  virtual void job_skipped(const job& skipped) = 0;
  virtual void line_refused(int line, const std::string& problem) = 0;
  virtual void job_began(const running_job& begun) = 0;
  virtual void job_ended(const running_job& ended, const job_result& result) = 0;
  /// A sentence for people: that jobs are being ended, or what went wrong.
  virtual void told(const std::string& sentence) = 0;
  /// Called about this often while jobs run; nullopt: not needed.
  [[nodiscard]] virtual std::optional<std::chrono::milliseconds> interval() const {
    return std::nullopt;
  }
  virtual void moment(const run_counts& /*counts*/, const std::vector<running_job>& /*running*/) {}
  virtual void run_ended(const run_ending& ended) = 0;
};

}  // namespace narke::internal
