#include "cli/run_lines.hpp"

#include <utility>

#include <fmt/format.h>

#include "cli/messages.hpp"
#include "driver/clean_text.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t command_shown_max = 200;

}  // namespace

std::string gpus_text(const std::vector<int>& gpus) {
  if (gpus.empty()) return "no GPU";
  return fmt::format("{} {}", gpus.size() == 1 ? "GPU" : "GPUs", fmt::join(gpus, ","));
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  if (seconds < 100) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  const auto minutes = whole / 60;
  const auto hours = minutes / 60;
  const auto days = hours / 24;
  if (hours == 0) return fmt::format("{}:{:02}", minutes, whole % 60);
  if (days == 0) return fmt::format("{}:{:02}:{:02}", hours, minutes % 60, whole % 60);
  return fmt::format("{} d {:02}:{:02}:{:02}", days, hours % 24, minutes % 60, whole % 60);
}

std::string counts_text(const run_counts& counts) {
  const std::pair<std::size_t, const char*> parts[] = {{counts.done, "done"},
                                                       {counts.skipped, "done before"},
                                                       {counts.failed, "failed"},
                                                       {counts.timed_out, "timed out"},
                                                       {counts.interrupted, "interrupted"},
                                                       {counts.refused, "refused"},
                                                       {counts.running, "running"},
                                                       {counts.waiting, "not run"}};
  std::string text;
  for (const auto& [count, word] : parts) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word);
  }
  return text.empty() ? "no jobs" : text;
}

std::string command_text(const std::string& command, std::size_t bytes_max) {
  return clean_text(command, bytes_max) + (command.size() > bytes_max ? "…" : "");
}

std::string ended_text(const running_job& ended, const job_result& result) {
  const job& what = *ended.what;
  std::string text = fmt::format("job {} {}", what.id, state_name(result.state));
  if (result.state != job_state::done) text += fmt::format(" ({})", describe(result));
  text += fmt::format(" after {}: {}", duration_text(result.duration),
                      command_text(what.command, command_shown_max));
  if (result.will_retry) return text + "; it is tried again";
  if (result.state != job_state::done && !ended.errors_path.empty()) {
    text += "; see " + ended.errors_path;
  }
  return text;
}

void run_lines::run_began(const run_beginning& begun) {
  log_directory_ = begun.log_directory;
  for (const std::string& warning : begun.machine->warnings) print_error(warning);
}

void run_lines::job_skipped(const job& /*skipped*/) {
  ++skipped_;
}

void run_lines::line_refused(int line, const std::string& problem) {
  print_error(fmt::format("line {} is refused: {}", line, problem));
}

void run_lines::job_began(const running_job& begun) {
  if (quiet_) return;
  print_error(fmt::format("job {} started on {}: {}", begun.what->id, gpus_text(begun.gpus),
                          command_text(begun.what->command, command_shown_max)));
}

void run_lines::job_ended(const running_job& ended, const job_result& result) {
  if (quiet_ && result.state == job_state::done) return;
  print_error(ended_text(ended, result));
}

void run_lines::told(const std::string& sentence) {
  print_error(sentence);
}

void run_lines::run_ended(const run_ending& ended) {
  if (quiet_) return;
  std::string text =
      fmt::format("{} in {}", counts_text(ended.counts), duration_text(ended.duration));
  if (!log_directory_.empty()) text += "; output in " + log_directory_;
  print_error(text);
}

}  // namespace narke::internal
