// How far a stage has come, on the standard error stream: a bar that redraws itself on a terminal,
// and elsewhere lines, few of them. One thread owns a bar; `advance` costs next to nothing between
// two drawings.
#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>

namespace demo {

struct progress_style {
  bool is_terminal = false;
  bool has_colour = false;
  int columns = 80;
};

/// What the standard error stream can show: a bar on a terminal that is not "dumb", colours unless
/// NO_COLOR is set.
progress_style find_progress_style();

class progress_bar {
 public:
  progress_bar(std::string label, std::size_t total);
  progress_bar(std::string label, std::size_t total, std::ostream& out, progress_style style);
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar();

  void advance(std::size_t steps = 1) {
    done_ += steps;
    if (done_ >= next_) draw();
  }

 private:
  void draw();
  void draw_bar();
  void draw_line();

  const std::string label_;
  const std::size_t total_;
  std::ostream& out_;
  const progress_style style_;
  const std::chrono::steady_clock::time_point started_;
  std::size_t done_ = 0;
  std::size_t next_;  // the next drawing is due when this many are done
};

}  // namespace demo
