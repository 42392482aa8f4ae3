#include "jobs/job_text.hpp"

#include <algorithm>

namespace narke::internal {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_plain(char c) {
  return is_letter_or_digit(c) || std::string_view{"_-./=:,+@%"}.find(c) != std::string_view::npos;
}

bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 &&
         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                     [](char c) { return is_letter_or_digit(c) || c == '_'; });
}

}  // namespace

std::string escaped_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      escaped += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      escaped += c;
    } else {
      escaped += "\\x";
      escaped += digits[byte >> 4U];
      escaped += digits[byte & 0xfU];
    }
  }
  return escaped;
}

std::string safe_file_name(std::string_view name) {
  constexpr std::size_t bytes_max = 48;
  std::string safe{name.substr(0, bytes_max)};
  std::replace_if(
      safe.begin(), safe.end(),
      [](char c) { return !is_letter_or_digit(c) && c != '.' && c != '_' && c != '-'; }, '_');
  safe.erase(0, std::min(safe.find_first_not_of(".-"), safe.size()));
  return safe.empty() ? "job" : safe;
}

std::string program_name(std::string_view command) {
  constexpr std::string_view blanks = " \t";
  while (true) {
    const auto begin = command.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    command.remove_prefix(begin);
    const std::string_view word = command.substr(0, command.find_first_of(" \t;|&<>()"));
    if (word.empty()) return {};
    if (!is_assignment(word)) return std::string{word.substr(word.rfind('/') + 1)};
    command.remove_prefix(word.size());
  }
}

std::string shell_quoted(std::span<const std::string> arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && std::all_of(argument.begin(), argument.end(), is_plain)) {
      line += argument;
      continue;
    }
    line += '\'';
    for (const char c : argument) {
      if (c == '\'') {
        line += "'\\''";
      } else {
        line += c;
      }
    }
    line += '\'';
  }
  return line;
}

}  // namespace narke::internal
