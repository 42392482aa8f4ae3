#include "cli/run_table.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "cli/messages.hpp"
#include "cli/run_lines.hpp"
#include "driver/clean_text.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t ended_kept_max = 64;
constexpr std::chrono::milliseconds draw_interval{100};

// Columns that a character takes at most: wide ones begin with Hangul Jamo, three bytes of UTF-8.
std::size_t columns_of(std::string_view character) {
  return character.size() >= 3 ? 2 : 1;
}

std::size_t character_bytes(unsigned char lead) {
  return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

// The beginning that fits. `text` is clean: whole characters only.
std::string cut_to(std::string_view text, std::size_t columns) {
  std::size_t used = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const std::string_view character =
        text.substr(bytes, character_bytes(static_cast<unsigned char>(text[bytes])));
    used += columns_of(character);
    if (used > columns) break;
    bytes += character.size();
  }
  return std::string{text.substr(0, bytes)};
}

std::string progress_line(const run_counts& counts, std::chrono::nanoseconds since_begin,
                          std::size_t columns) {
  std::string text = fmt::format(" {} of {}", counts.ended(), counts.all());
  if (counts.running > 0) text += fmt::format(", {} running", counts.running);
  const std::size_t wrong = counts.failed + counts.timed_out + counts.refused + counts.interrupted;
  if (wrong > 0) text += fmt::format(", {} failed", wrong);
  text += ", " + duration_text(since_begin);
  constexpr std::size_t bar_max = 40;
  if (columns < text.size() + 12) return cut_to(text, columns);
  const std::size_t width = std::min(bar_max, columns - text.size() - 2);
  const std::size_t filled = counts.all() == 0 ? 0 : counts.ended() * width / counts.all();
  return '[' + std::string(filled, '#') + std::string(width - filled, '.') + ']' + text;
}

std::string row_line(const table_row& row, std::size_t columns) {
  return cut_to(fmt::format("{:>6}  {:<11} {:<9} {:>10}  {:<8} {}", row.id, row.state, row.gpus,
                            row.time, row.exit, clean_text(row.command, 4 * columns)),
                columns);
}

std::string exit_text(const job_result& result) {
  if (result.signal) return signal_name(*result.signal);
  return result.exit_code ? std::to_string(*result.exit_code) : "-";
}

table_row row_of(const running_job& shown, std::chrono::nanoseconds time) {
  return {.id = shown.what->id,
          .state = state_name(shown.what->state),
          .gpus = shown.gpus.empty() ? "-" : fmt::format("{}", fmt::join(shown.gpus, ",")),
          .time = duration_text(time),
          .exit = "-",
          .command = shown.what->command};
}

table_size terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {};
  }
  return {.columns = size.ws_col, .lines = size.ws_row};
}

}  // namespace

std::vector<std::string> table_lines(const std::vector<table_row>& rows, const run_counts& counts,
                                     std::chrono::nanoseconds since_begin, table_size size) {
  // The last column stays free: a terminal may break the line there.
  const std::size_t columns = std::max<std::size_t>(size.columns, 2) - 1;
  std::vector<std::string> lines;
  const std::size_t room = std::max<std::size_t>(size.lines, 5) - 4;  // head, rest, bar, cursor
  if (!rows.empty()) {
    lines.push_back(cut_to(fmt::format("{:>6}  {:<11} {:<9} {:>10}  {:<8} {}", "id", "state",
                                       "GPUs", "time", "exit", "command"),
                           columns));
  }
  const std::size_t shown = std::min(room, rows.size());
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(row_line(rows[i], columns));
  if (shown < rows.size()) {
    lines.push_back(cut_to(fmt::format("        and {} more", rows.size() - shown), columns));
  }
  lines.push_back(progress_line(counts, since_begin, columns));
  return lines;
}

bool can_draw_table() {
  const auto terminal = environment_value("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal && !terminal->empty() && *terminal != "dumb";
}

void run_table::run_began(const run_beginning& begun) {
  log_directory_ = begun.log_directory;
  for (const std::string& warning : begun.machine->warnings) say(warning);
}

void run_table::job_skipped(const job& /*skipped*/) {}

void run_table::line_refused(int line, const std::string& problem) {
  say(fmt::format("line {} is refused: {}", line, problem));
}

void run_table::job_began(const running_job& /*begun*/) {}

void run_table::job_ended(const running_job& ended, const job_result& result) {
  table_row row = row_of(ended, result.duration);
  row.state = state_name(result.state);
  row.exit = exit_text(result);
  ended_.push_front(std::move(row));
  if (ended_.size() > ended_kept_max) ended_.pop_back();
  if (result.state != job_state::done) say(ended_text(ended, result));
}

void run_table::told(const std::string& sentence) {
  say(sentence);
}

std::optional<std::chrono::milliseconds> run_table::interval() const {
  return draw_interval;
}

void run_table::moment(const run_counts& counts, const std::vector<running_job>& running) {
  draw(counts, running);
}

void run_table::run_ended(const run_ending& ended) {
  ended_.clear();
  draw(ended.counts, {});
  std::string text =
      fmt::format("{} in {}", counts_text(ended.counts), duration_text(ended.duration));
  if (!log_directory_.empty()) text += "; output in " + log_directory_;
  print_error(text);
}

// A line that stays, above the table.
void run_table::say(const std::string& sentence) {
  const std::vector<std::string> table = std::exchange(drawn_, {});
  if (!table.empty()) print_terminal(fmt::format("\x1b[{}A\r\x1b[J", table.size()));
  print_error(sentence);
  draw(table);
}

void run_table::draw(const run_counts& counts, const std::vector<running_job>& running) {
  const auto now = run_clock::now();
  std::vector<table_row> rows;
  rows.reserve(running.size() + ended_.size());
  for (const running_job& shown : running) rows.push_back(row_of(shown, now - shown.begin));
  for (const table_row& row : ended_) rows.push_back(row);
  const table_size size = terminal_size();
  // Of those that ended only as many as there is room for.
  const std::size_t room = size.lines > 5 ? size.lines - 5 : 1;
  rows.resize(std::max(running.size(), std::min(rows.size(), room)));
  draw(table_lines(rows, counts, now - begin_, size));
}

void run_table::draw(const std::vector<std::string>& lines) {
  std::string text;
  if (!drawn_.empty()) text = fmt::format("\x1b[{}A\r", drawn_.size());
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  text += "\x1b[J";
  print_terminal(text);
  drawn_ = lines;
}

}  // namespace narke::internal
