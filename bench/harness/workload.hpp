// What a benchmark program is made of: workloads, each with contenders that do the same work by
// different means. A contender's body does it once, tells what of it counts by start() and stop(),
// and throws wrong_result when what came out is not what had to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace bench {

/// A contender has computed something wrong: its time means nothing.
class wrong_result : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One run of a contender. Used by the thread that was given it.
class run {
 public:
  /// From here on it counts, until stop(). May be repeated: times add up.
  void start();
  void stop();
  /// Instead of start() and stop(): this much, measured by the contender itself.
  void add(std::chrono::nanoseconds real, std::chrono::nanoseconds cpu) {
    real_ += real;
    cpu_ += cpu;
  }
  /// A further figure of this run, such as bytes moved.
  void count(const std::string& name, double value) { counters_[name] = value; }

  [[nodiscard]] std::chrono::nanoseconds real_time() const { return real_; }
  /// Of all threads of the process.
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const { return cpu_; }
  [[nodiscard]] const std::map<std::string, double>& counters() const { return counters_; }
  [[nodiscard]] bool is_started() const { return is_started_; }

 private:
  bool is_started_ = false;
  std::chrono::nanoseconds real_begin_{};
  std::chrono::nanoseconds cpu_begin_{};
  std::chrono::nanoseconds real_{};
  std::chrono::nanoseconds cpu_{};
  std::map<std::string, double> counters_;
};

struct contender {
  std::string name;  ///< "narke", "raw_driver": letters, digits and _
  std::function<void(run&)> body;
  /// How many runs are one repetition, in turn with the others that have as many: for those whose
  /// runs differ much.
  int runs = 1;
};

enum class measure : std::uint8_t { real_time, cpu_time };

struct workload {
  std::string name;           ///< "gpu_chain"
  std::string variant = {};   ///< "length:10000"; empty = there is one only
  std::string item = "item";  ///< what a run has `items` of: times are told for one
  std::uint64_t items = 1;
  double bytes_an_item = 0;  ///< moved; 0 = bytes do not matter
  measure compared_by = measure::real_time;
  std::string compared_counter = {};  ///< instead: by a counter of this name, such as bytes_a_task
  /// The others are compared with the first.
  std::vector<contender> contenders = {};
  /// Go into every record: {"device", "emulated"}.
  std::map<std::string, std::string> labels = {};
  /// One run of each contender before, which is not counted but told as first_real_time.
  bool warms_up = true;

  [[nodiscard]] std::string name_of(const contender& one) const {
    return variant.empty() ? name + '/' + one.name : name + '/' + one.name + '/' + variant;
  }
};

/// Throws wrong_result unless `actual` is `expected`.
template <class T>
void expect_equal(const T& actual, const T& expected, const std::string& what) {
  if (!(actual == expected)) {
    throw wrong_result{fmt::format("{} is {}, and had to be {}", what, actual, expected)};
  }
}

/// Throws wrong_result saying `what` unless `holds`.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw wrong_result{what};
}

}  // namespace bench
