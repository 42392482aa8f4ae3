// A run shown as a table that is drawn anew in place, on a terminal: the jobs that run, those that
// ended last, and how far it all is. What went wrong stays on the screen as lines above it.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "jobs/run_observer.hpp"

namespace narke::internal {

struct table_row {
  int id = 0;
  std::string state;
  std::string gpus;
  std::string time;
  std::string exit;
  std::string command;  ///< as the user wrote it
};

struct table_size {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// The lines of the table, none wider than the terminal, not more than fit on it; without control
/// characters. Rows that do not fit are left out and counted. Pure.
std::vector<std::string> table_lines(const std::vector<table_row>& rows, const run_counts& counts,
                                     std::chrono::nanoseconds since_begin, table_size size);

/// Whether standard error is a terminal that can draw in place.
bool can_draw_table();

class run_table : public run_observer {
 public:
  void run_began(const run_beginning& begun) override;
  void job_skipped(const job& skipped) override;
  void line_refused(int line, const std::string& problem) override;
  void job_began(const running_job& begun) override;
  void job_ended(const running_job& ended, const job_result& result) override;
  void told(const std::string& sentence) override;
  [[nodiscard]] std::optional<std::chrono::milliseconds> interval() const override;
  void moment(const run_counts& counts, const std::vector<running_job>& running) override;
  void run_ended(const run_ending& ended) override;

 private:
  void say(const std::string& sentence);
  void draw(const std::vector<std::string>& lines);
  void draw(const run_counts& counts, const std::vector<running_job>& running);

  std::string log_directory_;
  run_clock::time_point begin_ = run_clock::now();
  std::deque<table_row> ended_;     ///< the last ones, newest first
  std::vector<std::string> drawn_;  ///< what stands on the screen
};

}  // namespace narke::internal
