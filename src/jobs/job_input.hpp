// The bytes of a job file as they come: from a file, a pipe or standard input, once or as long as
// it grows. Never blocks where `poll` says so. Owned by one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <narke/errors.hpp>

#include "jobs/job_file.hpp"
#include "jobs/log_directory.hpp"

namespace narke::internal {

/// A job file that cannot be read, or is wrong. Exit code 2.
class job_input_error : public error {
 public:
  using error::error;
  ~job_input_error() override;
};

class job_input {
 public:
  /// `path` "-" is standard input. `follow`: the end of a regular file is not the end of the jobs.
  /// Throws job_input_error when it cannot be opened.
  job_input(const std::string& path, bool follow, job_settings defaults);

  /// The lines that are there now. Throws job_input_error. A pipe has to be ready by `poll`.
  std::vector<job_line> read_more();

  /// Nothing more comes.
  [[nodiscard]] bool is_ended() const { return ended_; }
  /// To be polled for input; nullopt for a regular file, which is always ready.
  [[nodiscard]] std::optional<int> pollable() const;

 private:
  /// False when there is nothing more at the moment.
  bool read_piece(std::vector<job_line>& lines);

  std::string name_;
  owned_descriptor file_;
  job_file_reader reader_;
  bool follows_;
  bool is_regular_ = false;
  bool ended_ = false;
  long long offset_ = 0;
};

}  // namespace narke::internal
