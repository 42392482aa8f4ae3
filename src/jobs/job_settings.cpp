#include "jobs/job_settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "driver/clean_text.hpp"

namespace narke::internal {
namespace {

constexpr std::size_t shown_bytes_max = 60;
constexpr int count_max = 1'000'000;

std::string shown(std::string_view text) {
  return clean_text(text, shown_bytes_max) + (text.size() > shown_bytes_max ? "…" : "");
}

[[noreturn]] void refuse(std::string_view field, std::string_view text, std::string_view rule) {
  throw std::invalid_argument{fmt::format("{}: '{}' is not {}", field, shown(text), rule)};
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto length = std::min(text.find_first_of(blanks), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

// The request with one of its numbers replaced, checked as a whole by make_request's rules.
void set_amount(double units, bool is_gpus, std::string_view option, resource_request& request) {
  request_fields fields;
  (is_gpus ? fields.num_gpus : fields.num_cpus) = units;
  try {
    const resource_request checked = make_request(fields);
    (is_gpus ? request.gpus : request.cpus) = is_gpus ? checked.gpus : checked.cpus;
  } catch (const std::invalid_argument& refused) {
    throw std::invalid_argument{fmt::format("{}: {}", option, refused.what())};
  }
}

}  // namespace

double parse_number(std::string_view text, std::string_view field) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || parsed.ptr != end || !std::isfinite(number)) {
    refuse(field, text, "a number; write for example 1 or 0.5");
  }
  return number;
}

int parse_count(std::string_view text, std::string_view field, int least) {
  int count = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec != std::errc{} || parsed.ptr != end || count < least || count > count_max) {
    refuse(field, text, fmt::format("a whole number from {} to {}", least, count_max));
  }
  return count;
}

std::chrono::nanoseconds parse_duration(std::string_view text, std::string_view field) {
  constexpr double seconds_max = 10 * 366 * 86'400.0;
  constexpr std::string_view rule =
      "a time above 0; write seconds, or for example 90s, 10m, 2h or 1d";
  std::string_view digits = text;
  double unit = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 'd':
        unit = 86'400;
        break;
      case 'h':
        unit = 3'600;
        break;
      case 'm':
        unit = 60;
        break;
      default:
        break;
    }
    if (unit > 1 || text.back() == 's') digits.remove_suffix(1);
  }
  double number = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number, std::chars_format::fixed);
  const double seconds = number * unit;
  if (parsed.ec != std::errc{} || parsed.ptr != end || !(seconds >= 1e-9) ||
      !(seconds <= seconds_max)) {
    refuse(field, text, rule);
  }
  return std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
}

void set_job_option(std::string_view option, std::string_view value, job_settings& settings) {
  if (option == "--num-gpus") {
    set_amount(parse_number(value, option), true, option, settings.request);
  } else if (option == "--num-cpus") {
    set_amount(parse_number(value, option), false, option, settings.request);
  } else if (option == "--retries") {
    settings.retries = parse_count(value, option, 0);
  } else if (option == "--timeout") {
    settings.timeout = parse_duration(value, option);
  } else if (option == "--name") {
    if (value.empty()) refuse(option, value, "a name");
    settings.name = value;
  } else {
    throw std::invalid_argument{fmt::format(
        "'{}' is not an option of jobs; there are --num-gpus, --num-cpus, --retries, --timeout "
        "and --name",
        shown(option))};
  }
}

job_settings parse_directive(std::string_view text, const job_settings& defaults) {
  job_settings settings = defaults;
  const auto words = words_of(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    const std::string_view option = words[i].substr(0, equals);
    if (equals != std::string_view::npos) {
      set_job_option(option, words[i].substr(equals + 1), settings);
    } else if (i + 1 < words.size() && option.starts_with("--")) {
      set_job_option(option, words[++i], settings);
    } else {
      throw std::invalid_argument{fmt::format(
          "'{}' {}", shown(option),
          option.starts_with("--") ? "needs a value" : "is not an option, which begin with --")};
    }
  }
  return settings;
}

}  // namespace narke::internal
