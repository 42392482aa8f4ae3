#include "base/byte_size.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {
namespace {

constexpr int devices_max = 1'024;
constexpr double bytes_max = 9.2e18;  // below 2^63: sizes are also counted as signed numbers

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::optional<double> unit_bytes(std::string_view unit) {
  if (unit.empty() || unit == "b") return 1.0;
  constexpr std::string_view letters = "kmgtpe";
  const auto power = letters.find(unit[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string_view rest = unit.substr(1);
  const auto exponent = static_cast<double>(power + 1);
  if (rest.empty() || rest == "i" || rest == "ib") return std::pow(1024.0, exponent);
  if (rest == "b") return std::pow(1000.0, exponent);
  return std::nullopt;
}

// A person's text within a message: one line, not longer than a message should be.
std::string shown(std::string_view text) {
  std::string result{text.substr(0, 60)};
  std::replace_if(result.begin(), result.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text.size() > 60 ? result + "…" : result;
}

[[noreturn]] void refuse_size(std::string_view text, std::string_view field) {
  throw std::invalid_argument{
      fmt::format("{}: '{}' is not a size in bytes; write for example 1GiB, 512MiB, 1g or 1048576",
                  field, shown(text))};
}

}  // namespace

std::uint64_t parse_byte_size(std::string_view text, std::string_view field) {
  const std::string size = lower(trimmed(text));
  double number = 0.0;
  const char* const end = size.data() + size.size();
  const auto parsed = std::from_chars(size.data(), end, number, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || !std::isfinite(number)) refuse_size(text, field);
  const std::string_view rest{parsed.ptr, static_cast<std::size_t>(end - parsed.ptr)};
  const auto unit = unit_bytes(trimmed(rest));
  if (!unit) refuse_size(text, field);
  const double bytes = std::floor(number * *unit);
  if (!(bytes >= 1.0 && bytes <= bytes_max)) refuse_size(text, field);
  return static_cast<std::uint64_t>(bytes);
}

device_count_and_memory parse_emulated_gpus(std::string_view text, std::string_view field) {
  const auto colon = text.find(':');
  const std::string_view number = trimmed(text.substr(0, colon));
  device_count_and_memory result;
  const char* const end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, result.count);
  if (parsed.ec != std::errc{} || parsed.ptr != end || result.count < 0 ||
      result.count > devices_max) {
    throw std::invalid_argument{
        fmt::format("{}: '{}' is not N or N:MEMORY with N from 0 to {}; write for example 2 or "
                    "2:1GiB",
                    field, shown(text), devices_max)};
  }
  if (colon != std::string_view::npos) {
    result.memory_bytes =
        parse_byte_size(text.substr(colon + 1), fmt::format("{} {}", field, shown(text)));
  }
  return result;
}

std::string format_byte_size(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
  double value = static_cast<double>(bytes) / 1024.0;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024.0;
    ++unit;
  }
  const double tenths = std::round(value * 10.0) / 10.0;
  return tenths == std::floor(tenths) ? fmt::format("{:.0f} {}", tenths, units[unit])
                                      : fmt::format("{:.1f} {}", tenths, units[unit]);
}

}  // namespace narke::internal
