// A run told in lines on standard error, for logs and for people without a terminal.
#pragma once

#include <string>

#include "jobs/run_observer.hpp"

namespace narke::internal {

/// "GPU 0", "GPUs 0,1", "no GPU".
std::string gpus_text(const std::vector<int>& gpus);
/// "0.2 s", "12.3 s", "4:05", "2:00:07", "3 d 02:00:07".
std::string duration_text(std::chrono::nanoseconds duration);
/// "8 done, 1 failed, 2 not run"; "no jobs" for none.
std::string counts_text(const run_counts& counts);
/// A command on one line, without control characters, at most so long.
std::string command_text(const std::string& command, std::size_t bytes_max);
/// "job 3 failed (exit 2) after 1.2 s: ./train 3; see jobs.txt.narke/3-train.err"
std::string ended_text(const running_job& ended, const job_result& result);

class run_lines : public run_observer {
 public:
  /// `quiet`: of jobs, only what went wrong; for one command that writes where narke does.
  explicit run_lines(bool quiet) : quiet_{quiet} {}

  void run_began(const run_beginning& begun) override;
  void job_skipped(const job& skipped) override;
  void line_refused(int line, const std::string& problem) override;
  void job_began(const running_job& begun) override;
  void job_ended(const running_job& ended, const job_result& result) override;
  void told(const std::string& sentence) override;
  void run_ended(const run_ending& ended) override;

 private:
  bool quiet_;
  std::string log_directory_;
  std::size_t skipped_ = 0;
};

}  // namespace narke::internal
