// What was measured, and the two ways to show it: a table, and Google Benchmark's JSON.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/machine_context.hpp"
#include "harness/statistics.hpp"
#include "harness/workload.hpp"

namespace bench {

/// One timed run, for one item.
struct repetition {
  double real_ns = 0;
  double cpu_ns = 0;
  std::map<std::string, double> counters = {};
};

struct contender_result {
  std::string contender;
  std::string full_name;
  std::vector<repetition> repetitions = {};
  double first_real_ns = 0;  ///< of the run before those that count; 0 = there was none
  std::string error = {};    ///< why it has none, or too few; empty = all is well

  [[nodiscard]] summary real_ns() const;
  [[nodiscard]] summary cpu_ns() const;
  [[nodiscard]] summary by(measure what) const {
    return what == measure::real_time ? real_ns() : cpu_ns();
  }
  /// The medians of the counters.
  [[nodiscard]] std::map<std::string, double> counters() const;
};

struct workload_result {
  std::string name;
  std::string variant;
  std::string item;
  std::uint64_t items = 1;
  double bytes_an_item = 0;
  measure compared_by = measure::real_time;
  std::string compared_counter = {};  ///< empty = by a time
  std::map<std::string, std::string> labels = {};
  std::string baseline = {};  ///< the contender that others are compared with
  std::vector<contender_result> contenders = {};

  /// "real_time", "cpu_time", or the name of a counter: the field of the JSON.
  [[nodiscard]] std::string compared_field() const;
  /// What `one` is compared by.
  [[nodiscard]] double compared_value(const contender_result& one) const;
  /// Null when it did not run.
  [[nodiscard]] const contender_result* baseline_result() const;
};

/// "850 ns", "12.3 us", "4.56 s".
[[nodiscard]] std::string duration_text(double ns);

/// The head of a table: what was asked on which machine. `notes`: a line each.
[[nodiscard]] std::string table_head(const machine_context& context,
                                     const std::vector<std::string>& notes);
[[nodiscard]] std::string to_table(const workload_result& result);

/// As Google Benchmark 1.7 writes it, times in ns. Aggregates are mean, median, stddev, cv, min and
/// max. cpu_time is that of all threads.
[[nodiscard]] std::string to_json(const machine_context& context,
                                  const std::vector<workload_result>& results);

}  // namespace bench
