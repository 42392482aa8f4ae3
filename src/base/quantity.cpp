#include "base/quantity.hpp"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {
namespace {

[[noreturn]] void refuse(std::string_view field, double units, std::string_view why) {
  throw std::invalid_argument{fmt::format(
      "{}: {} is {}; give 0 or a positive number, in steps of 0.0001", field, units, why)};
}

}  // namespace

quantity quantity::from_double(double units, std::string_view field) {
  if (std::isnan(units)) {
    refuse(field, units, "not a number");
  }
  if (std::isinf(units)) {
    refuse(field, units, "infinite");
  }
  if (units < 0) {
    refuse(field, units, "negative");
  }
  if (units > static_cast<double>(units_max)) {
    refuse(field, units, fmt::format("above the maximum of {}", units_max));
  }
  const double steps = units * static_cast<double>(steps_per_unit);
  if (units != 0 && steps < 0.5) {
    refuse(field, units, "too small to count");
  }
  return from_steps(std::llround(steps));
}

double quantity::to_double() const {
  return static_cast<double>(steps_) / static_cast<double>(steps_per_unit);
}

std::string quantity::to_string() const {
  const std::int64_t magnitude = steps_ < 0 ? -steps_ : steps_;
  std::string text = fmt::format("{}{}", steps_ < 0 ? "-" : "", magnitude / steps_per_unit);
  if (const std::int64_t fraction = magnitude % steps_per_unit; fraction != 0) {
    text += fmt::format(".{:04}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace narke::internal
