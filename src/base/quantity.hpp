// An amount of a countable resource (CPUs, GPUs, licences) in fixed point: whole steps of 1/10000,
// so that ten tasks of 0.1 fit in 1 exactly. A plain value, safe on any thread. Amounts of bytes
// are std::int64_t, never quantities.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace narke::internal {

class quantity {
 public:
  static constexpr std::int64_t steps_per_unit = 10'000;
  /// Above any machine, and far enough below the limit of 64 bits for sums of a few to fit.
  static constexpr std::int64_t units_max = 100'000'000'000'000;

  constexpr quantity() = default;

  /// The nearest step: 0.00004 is refused, 0.00005 is one step, 0.33333 is 3333 steps. Throws
  /// std::invalid_argument naming `field` and the value when it is NaN, infinite, negative, above
  /// units_max, or not zero but nearer to zero than to one step.
  static quantity from_double(double units, std::string_view field);
  static constexpr quantity from_whole(std::int64_t units) {
    return quantity{units * steps_per_unit};
  }
  static constexpr quantity from_steps(std::int64_t steps) { return quantity{steps}; }
  static constexpr quantity zero() { return quantity{}; }
  static constexpr quantity one() { return from_whole(1); }

  [[nodiscard]] constexpr std::int64_t steps() const { return steps_; }
  [[nodiscard]] constexpr bool is_zero() const { return steps_ == 0; }
  [[nodiscard]] constexpr bool is_whole() const { return steps_ % steps_per_unit == 0; }

  /// Whole units, rounded down: 1.5 → 1, −0.5 → −1.
  [[nodiscard]] constexpr std::int64_t whole() const {
    return steps_ / steps_per_unit - (steps_ % steps_per_unit < 0 ? 1 : 0);
  }
  /// Whole units, rounded up: 1.5 → 2, −0.5 → 0.
  [[nodiscard]] constexpr std::int64_t ceil_whole() const {
    return steps_ / steps_per_unit + (steps_ % steps_per_unit > 0 ? 1 : 0);
  }

  [[nodiscard]] double to_double() const;
  /// Exact and short: "2", "0.5", "0.0001", "-1.25".
  [[nodiscard]] std::string to_string() const;

  constexpr quantity& operator+=(quantity other) {
    steps_ += other.steps_;
    return *this;
  }
  constexpr quantity& operator-=(quantity other) {
    steps_ -= other.steps_;
    return *this;
  }
  friend constexpr quantity operator+(quantity a, quantity b) { return a += b; }
  friend constexpr quantity operator-(quantity a, quantity b) { return a -= b; }
  friend constexpr quantity operator-(quantity a) { return quantity{-a.steps_}; }
  friend constexpr quantity operator*(quantity a, std::int64_t n) { return quantity{a.steps_ * n}; }
  friend constexpr auto operator<=>(quantity, quantity) = default;

 private:
  explicit constexpr quantity(std::int64_t steps) : steps_{steps} {}

  std::int64_t steps_ = 0;
};

}  // namespace narke::internal

template <>
struct std::hash<narke::internal::quantity> {
  std::size_t operator()(narke::internal::quantity amount) const noexcept {
    return std::hash<std::int64_t>{}(amount.steps());
  }
};
