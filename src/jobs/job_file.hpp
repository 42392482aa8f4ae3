// A job file, read piece by piece as its bytes come: one command a line. Pure: no files, no clock.
// Owned by one thread.
//
//   # prepare                           a comment
//   python3 prepare.py                  job 1
//
//   #NARKE --num-gpus 0.5 --timeout 2h  for the lines below, up to the next of its kind
//   python3 train.py --seed 1           job 2
//   python3 train.py --seed 2           job 3
//   #NARKE                              as the command line says again
//   ./summary.sh > result.txt           job 4
//   #NARKE end                          nothing below is read: the end of a file that is followed
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/job.hpp"

namespace narke::internal {

/// The kernel takes no longer argument: 32 pages with the final NUL.
inline constexpr std::size_t command_bytes_max = 131'071;

/// A line that is a command, or one that is wrong.
struct job_line {
  int line = 0;
  std::string command;                           ///< without blanks around it
  std::shared_ptr<const job_settings> settings;  ///< null when the line is wrong
  std::string problem;                           ///< what is wrong with it; else empty
};

class job_file_reader {
 public:
  explicit job_file_reader(job_settings defaults);

  /// The lines that these bytes complete.
  std::vector<job_line> feed(std::string_view bytes);
  /// Nothing more comes: the last line, when it has no line break.
  std::vector<job_line> finish();
  /// There was a line "#NARKE end".
  [[nodiscard]] bool is_ended() const { return ended_; }

 private:
  void take_line(std::string_view text, std::vector<job_line>& out);
  void take_directive(std::string_view text, std::vector<job_line>& out);
  void refuse(std::string problem, std::vector<job_line>& out) const;

  const std::shared_ptr<const job_settings> defaults_;
  /// Of the lines to come; null after a directive that is wrong, as they would get what was not
  /// meant.
  std::shared_ptr<const job_settings> current_;
  int directive_line_ = 0;
  std::string partial_;          ///< of the line that is not complete
  bool partial_is_cut_ = false;  ///< it is too long, and its middle was dropped
  int line_ = 0;
  bool ended_ = false;
};

}  // namespace narke::internal
