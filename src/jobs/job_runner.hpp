// Runs the jobs: takes them from the job file, gives each its GPUs and CPUs, starts it, waits for
// it and writes down what came of it. One thread, in the worker process of watch.hpp; everything it
// waits for is a descriptor or a moment.
//
// What it is told by signals: SIGINT once: no job is started any more, those that run go on. Twice,
// or SIGTERM or SIGHUP: they get SIGTERM, and SIGKILL after the grace. Once more, or SIGQUIT:
// SIGKILL. End of file (the front is gone): SIGKILL for everything.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "jobs/attempt.hpp"
#include "jobs/child_process.hpp"
#include "jobs/granted_machine.hpp"
#include "jobs/job_environment.hpp"
#include "jobs/job_input.hpp"
#include "jobs/job_list.hpp"
#include "jobs/job_queue.hpp"
#include "jobs/log_directory.hpp"
#include "jobs/run_observer.hpp"
#include "jobs/state_file.hpp"
#include "jobs/watch.hpp"

namespace narke::internal {

struct run_options {
  job_settings defaults;
  std::optional<std::string> job_file;  ///< "-": standard input; nullopt: `command`
  std::vector<std::string> command;
  bool follow = false;
  bool resume = false;
  int running_max = 1'000;
  std::chrono::nanoseconds grace = std::chrono::seconds{10};
  std::optional<std::string> log_directory;  ///< nullopt: jobs write where narke does
};

class job_runner {
 public:
  /// Throws what is wrong before anything runs: job_input_error, state_file_error, narke::error.
  /// The references hold as long as the runner.
  job_runner(const run_options& options, const granted_machine& granted, run_observer& observer,
             const watch_link& link);

  /// Until all jobs have ended or narke was told to stop. Returns the exit code. Throws
  /// job_input_error when a job file that is not followed is wrong: then nothing has run.
  int run();

 private:
  void open_logs();

  // What jobs there are.
  void take_input();
  void add_lines(std::vector<job_line> lines);
  void add_job(int line, std::string command, std::vector<std::string> arguments,
               std::shared_ptr<const job_settings> settings);
  void refuse_line(int line, const std::string& problem);
  void throw_problems() const;
  void end_of_gathering();

  // Starting.
  void start_jobs();
  bool begin(placed_job placed);
  child_start start_process(const job& what, const std::vector<int>& gpus,
                            const attempt_logs& logs) const;
  void begun(running_job shown, placed_job placed);
  void take_back(job& what, const placed_job& placed);
  [[nodiscard]] bool must_wait_to_start(int error_number) const;
  void did_not_start(job& what, running_job shown, const placed_job& placed, std::string reason);

  // What happens meanwhile.
  void wait_for_something();
  [[nodiscard]] int wait_ms() const;
  void obey(int signal_number);
  void end_all(job_state reason);
  void kill_all();
  void reap();
  void close_ended_attempts();
  void close(std::unique_ptr<attempt> ended);
  void act_on_time();
  void record(const job& what, const job_result& result);

  // What goes wrong, and what is told.
  void stop_starting(const std::string& why);
  void tell(const std::function<void()>& what);
  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] int exit_code() const;
  void finish();

  const run_options& options_;
  const granted_machine& granted_;
  run_observer& observer_;
  const watch_link& link_;
  const run_clock::time_point begin_ = run_clock::now();

  job_environment environment_;
  job_queue queue_;
  job_list jobs_;
  std::unique_ptr<log_directory> logs_;
  std::unique_ptr<state_file> state_;
  recorded_state earlier_;
  std::unique_ptr<job_input> input_;
  owned_descriptor child_signals_;
  owned_descriptor nothing_;  ///< /dev/null: the standard input of jobs

  std::unordered_map<int, std::unique_ptr<attempt>> attempts_;  ///< by the job's id
  leader_table leaders_;
  std::vector<std::string> problems_;  ///< of lines, while the file is gathered
  std::size_t problem_count_ = 0;
  bool gathering_ = true;       ///< nothing runs before all lines were seen
  bool starting_ = true;        ///< false: drains
  bool start_is_held_ = false;  ///< no process to be had until one ends
  bool child_ended_ = false;
  int stop_stage_ = 0;  ///< 1: drains, 2: the jobs are being ended, 3: killed
  bool front_is_gone_ = false;
  bool input_is_ready_ = false;
  std::optional<std::string> fatal_;  ///< what ended the run before its end
  bool observer_failed_ = false;
  run_clock::time_point last_moment_{};
};

}  // namespace narke::internal
