#include "base/option_text.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {

double number_from(std::string_view text, std::string_view name) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument{fmt::format("{}: '{}' is not a number", name, text)};
  }
  return value;
}

bool flag_from(std::string_view text, std::string_view name) {
  if (text == "1" || text == "true") {
    return true;
  }
  if (text == "0" || text == "false") {
    return false;
  }
  throw std::invalid_argument{fmt::format("{}: '{}' is none of 0, 1, true, false", name, text)};
}

std::map<std::string, double> amounts_from(std::string_view text, std::string_view variable) {
  std::map<std::string, double> amounts;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw std::invalid_argument{fmt::format(
          "{}: '{}' is not of the form name=amount, as in license=2,fpga=1", variable, entry)};
    }
    const std::string name{entry.substr(0, equals)};
    const double amount =
        number_from(entry.substr(equals + 1), fmt::format("{}: {}", variable, name));
    if (!amounts.emplace(name, amount).second) {
      throw std::invalid_argument{
          fmt::format("{}: {} is named twice; give each resource once", variable, name)};
    }
  }
  return amounts;
}

}  // namespace narke::internal
