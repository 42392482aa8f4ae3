// What the stress tests share: a scale, and random numbers that repeat. NARKE_STRESS_SCALE
// multiplies the work of every test: 1 is for each run of the suite, 100 for a night.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <random>

#include <support/runtime_fixture.hpp>

namespace narke_test {

inline int scaled(int n) {
  static const double scale = [] {
    const char* text = std::getenv("NARKE_STRESS_SCALE");
    return text ? std::atof(text) : 1.0;
  }();
  return std::max(1, static_cast<int>(n * scale));
}

/// Seeded by the place that uses it, so that a failure repeats as far as the threads allow.
class dice {
 public:
  explicit dice(int seed) : engine_{static_cast<unsigned>(seed)} {}
  int below(int n) { return std::uniform_int_distribution<int>{0, n - 1}(engine_); }

 private:
  std::mt19937 engine_;
};

/// The most of something at one time.
class high_water {
 public:
  void enter(int amount = 1) {
    const int now = level_ += amount;
    int seen = most_;
    while (seen < now && !most_.compare_exchange_weak(seen, now)) {
    }
  }
  void leave(int amount = 1) { level_ -= amount; }
  [[nodiscard]] int most() const { return most_; }

 private:
  std::atomic<int> level_ = 0;
  std::atomic<int> most_ = 0;
};

}  // namespace narke_test
