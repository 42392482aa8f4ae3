// What has come of each job, kept so that a later run can go on: a file of JSON lines, one for each
// job that has ended, in the directory of the logs.
//
//   {"narke_run":1}
//   {"command":"python3 train.py --seed 1","occurrence":1,"state":"done","exit_code":0,…}
//
// A job is known by its command and by which of the equal commands it is, so lines may be added to
// the job file, or moved. A record is one write at the end of the file: when narke is killed, the
// record is there or it is not, and a part of one (a full disk) is cut off again. One run at a time
// holds the file. Owned by one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <narke/errors.hpp>

#include "jobs/job.hpp"
#include "jobs/log_directory.hpp"

namespace narke::internal {

/// The state of an earlier run that cannot be used, or is being used. Exit code 2.
class state_file_error : public error {
 public:
  using error::error;
  ~state_file_error() override;
};

/// How a job stood when it was last recorded.
struct recorded_job {
  job_state state = job_state::failed;
  int attempts = 0;
};

/// The jobs of an earlier run.
class recorded_state {
 public:
  /// Adds what these lines record; the last record of a job counts. Lines that are no record are
  /// counted and passed over: their jobs run again. Throws state_file_error when the first line is
  /// not that of a state file.
  void read(std::string_view text, const std::string& name);

  /// Null when nothing is known of the job.
  [[nodiscard]] const recorded_job* find(const job& wanted) const;
  [[nodiscard]] std::size_t size() const { return jobs_.size(); }
  [[nodiscard]] std::size_t unreadable() const { return unreadable_; }

 private:
  std::unordered_map<std::string, recorded_job> jobs_;
  std::size_t unreadable_ = 0;
};

/// One line of the file, with its line break.
std::string state_record(const job& ended, const job_result& result);

class state_file {
 public:
  static constexpr const char* file_name = "state.jsonl";

  /// Opens or makes it and keeps others out of it. Throws state_file_error when another run holds
  /// it, narke::error when it cannot be.
  explicit state_file(const log_directory& directory);

  /// What is there already.
  [[nodiscard]] recorded_state read();
  [[nodiscard]] bool is_empty() const;
  /// Records that a job has ended. Throws narke::error; the file then is as it was before.
  void append(const job& ended, const job_result& result);

 private:
  void write(std::string_view text);

  std::string path_;
  owned_descriptor file_;
};

}  // namespace narke::internal
