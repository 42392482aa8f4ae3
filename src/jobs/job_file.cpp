#include "jobs/job_file.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "jobs/job_settings.hpp"

namespace narke::internal {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view directive_word = "#NARKE";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\v\f";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_directive(std::string_view text) {
  return text.starts_with(directive_word) &&
         (text.size() == directive_word.size() || text[directive_word.size()] == ' ' ||
          text[directive_word.size()] == '\t');
}

}  // namespace

job_file_reader::job_file_reader(job_settings defaults)
    : defaults_{std::make_shared<const job_settings>(std::move(defaults))}, current_{defaults_} {}

std::vector<job_line> job_file_reader::feed(std::string_view bytes) {
  std::vector<job_line> lines;
  while (!bytes.empty() && !ended_) {
    const auto end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    // What is too long is refused, so no more of it has to be kept than shows that.
    const auto room = command_bytes_max + 2 - std::min(partial_.size(), command_bytes_max + 2);
    partial_is_cut_ = partial_is_cut_ || piece.size() > room;
    if (end == std::string_view::npos) {
      partial_ += piece.substr(0, room);
      break;
    }
    if (partial_.empty() && !partial_is_cut_) {
      take_line(piece, lines);
    } else {
      partial_ += piece.substr(0, room);
      take_line(std::exchange(partial_, {}), lines);
    }
    bytes.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<job_line> job_file_reader::finish() {
  std::vector<job_line> lines;
  if (!partial_.empty() && !ended_) take_line(std::exchange(partial_, {}), lines);
  return lines;
}

void job_file_reader::take_line(std::string_view text, std::vector<job_line>& out) {
  const bool is_cut = std::exchange(partial_is_cut_, false);
  if (++line_ == 1 && text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  text = trimmed(text);
  if (text.empty()) return;
  if (is_directive(text)) return take_directive(text.substr(directive_word.size()), out);
  if (text.front() == '#') return;
  if (is_cut || text.size() > command_bytes_max) {
    return refuse(fmt::format("is longer than {} bytes, which no system call takes; put it into "
                              "a script",
                              command_bytes_max),
                  out);
  }
  if (text.find('\0') != std::string_view::npos) {
    return refuse("holds a NUL byte, which no command can; is this a file of text?", out);
  }
  if (current_ == nullptr) {
    return refuse(fmt::format("stands under line {}, which is wrong", directive_line_), out);
  }
  out.push_back({.line = line_, .command = std::string{text}, .settings = current_, .problem = {}});
}

void job_file_reader::take_directive(std::string_view text, std::vector<job_line>& out) {
  directive_line_ = line_;
  if (trimmed(text) == "end") {
    ended_ = true;
    return;
  }
  try {
    job_settings settings = parse_directive(text, *defaults_);
    current_ = settings == *defaults_ ? defaults_
                                      : std::make_shared<const job_settings>(std::move(settings));
  } catch (const std::invalid_argument& wrong) {
    current_ = nullptr;
    refuse(wrong.what(), out);
  }
}

void job_file_reader::refuse(std::string problem, std::vector<job_line>& out) const {
  out.push_back({.line = line_, .command = {}, .settings = nullptr, .problem = std::move(problem)});
}

}  // namespace narke::internal
