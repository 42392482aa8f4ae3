#include "progress_bar.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace demo {
namespace {

constexpr std::size_t bar_drawings = 200;
constexpr std::size_t line_drawings = 4;
constexpr std::chrono::seconds silent_for{2};  // a stage shorter than this gets no lines

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::size_t step_between_drawings(std::size_t total, bool is_terminal) {
  return std::max<std::size_t>(1, total / (is_terminal ? bar_drawings : line_drawings));
}

}  // namespace

progress_style find_progress_style() {
  progress_style style;
  const char* const terminal = std::getenv("TERM");
  style.is_terminal =
      ::isatty(STDERR_FILENO) != 0 && terminal != nullptr && std::string_view{terminal} != "dumb";
  style.has_colour = style.is_terminal && !is_set("NO_COLOR");
  winsize size{};
  if (style.is_terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.columns = size.ws_col;
  }
  return style;
}

progress_bar::progress_bar(std::string label, std::size_t total)
    : progress_bar{std::move(label), total, std::cerr, find_progress_style()} {}

progress_bar::progress_bar(std::string label, std::size_t total, std::ostream& out,
                           progress_style style)
    : label_{std::move(label)},
      total_{std::max<std::size_t>(total, 1)},
      out_{out},
      style_{style},
      started_{std::chrono::steady_clock::now()},
      next_{step_between_drawings(total_, style.is_terminal)} {
  if (style_.is_terminal) draw_bar();
}

progress_bar::~progress_bar() {
  const std::string blanks(std::size_t(std::max(style_.columns - 1, 0)), ' ');
  if (style_.is_terminal) out_ << '\r' << blanks << '\r' << std::flush;
}

void progress_bar::draw() {
  next_ = done_ + step_between_drawings(total_, style_.is_terminal);
  if (style_.is_terminal) {
    draw_bar();
  } else if (std::chrono::steady_clock::now() - started_ >= silent_for) {
    draw_line();
  }
}

void progress_bar::draw_bar() {
  constexpr std::size_t label_width = 28;
  constexpr std::size_t taken =
      label_width + 9;  // with the brackets, the percentage and the blanks
  const auto columns = std::size_t(std::max(style_.columns - 1, 0));
  const std::size_t width = columns > taken ? std::min<std::size_t>(columns - taken, 50) : 0;
  const std::size_t filled = width * std::min(done_, total_) / total_;
  const std::string bar =
      fmt::format("{:<{}.{}} [{}{}{}{}]{:>4} %", label_, label_width, label_width,
                  style_.has_colour ? "\033[32m" : "", std::string(filled, '#'),
                  style_.has_colour ? "\033[0m" : "", std::string(width - filled, '.'),
                  100 * std::min(done_, total_) / total_);
  out_ << '\r' << (width > 0 ? bar : label_.substr(0, columns)) << std::flush;
}

void progress_bar::draw_line() {
  out_ << fmt::format("  {}: {} of {}\n", label_, done_, total_) << std::flush;
}

}  // namespace demo
