#include "harness/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

template <class Get>
summary summary_of(const std::vector<repetition>& all, Get get) {
  std::vector<double> values;
  for (const repetition& each : all) values.push_back(get(each));
  return summarise(values);
}

std::string signed_duration(double ns) {
  return (ns < 0 ? "-" : "+") + duration_text(std::abs(ns));
}

std::string rate_text(double a_second, const char* unit) {
  for (const char* prefix : {"", "k", "M"}) {
    if (a_second < 1000) return fmt::format("{:.3g} {}{}/s", a_second, prefix, unit);
    a_second /= 1000;
  }
  return fmt::format("{:.3g} G{}/s", a_second, unit);
}

/// A few; the JSON has all.
std::string counters_text(const contender_result& one) {
  constexpr std::size_t counters_max = 4;
  std::string text;
  const auto counters = one.counters();
  if (counters.size() > counters_max) return fmt::format("  {} counters", counters.size());
  for (const auto& [name, value] : counters) text += fmt::format("  {}={:.4g}", name, value);
  return text;
}

std::string row(const workload_result& result, const contender_result& one) {
  if (!one.error.empty()) return fmt::format("  {:<18} FAILED: {}\n", one.contender, one.error);
  const summary real = one.real_ns();
  std::string text = fmt::format("  {:<18} {:>10} {:>10} {:>10} {:>10}", one.contender,
                                 duration_text(real.median), duration_text(real.min),
                                 duration_text(real.max), duration_text(one.cpu_ns().median));
  const contender_result* base = result.baseline_result();
  if (base != nullptr && base != &one && base->error.empty()) {
    const double mine = result.compared_value(one);
    const double its = result.compared_value(*base);
    const std::string difference = result.compared_counter.empty()
                                       ? signed_duration(mine - its)
                                       : fmt::format("{:+.3g}", mine - its);
    text += its > 0 ? fmt::format(" {:>8.2f} x {:>11}", mine / its, difference)
                    : fmt::format(" {:>10} {:>11}", "-", difference);
  } else {
    text += fmt::format(" {:>10} {:>11}", "", "");
  }
  if (result.bytes_an_item > 0 && real.median > 0) {
    text += "  " + rate_text(result.bytes_an_item * 1e9 / real.median, "B");
  }
  if (one.first_real_ns > 0) text += "  first run " + duration_text(one.first_real_ns);
  return text + counters_text(one) + '\n';
}

std::string compared_text(const workload_result& result) {
  if (!result.compared_counter.empty()) return "; compared by " + result.compared_counter;
  return result.compared_by == measure::cpu_time ? "; compared by CPU time" : "";
}

}  // namespace

summary contender_result::real_ns() const {
  return summary_of(repetitions, [](const repetition& one) { return one.real_ns; });
}

summary contender_result::cpu_ns() const {
  return summary_of(repetitions, [](const repetition& one) { return one.cpu_ns; });
}

std::map<std::string, double> contender_result::counters() const {
  std::map<std::string, std::vector<double>> values;
  for (const repetition& each : repetitions) {
    for (const auto& [name, value] : each.counters) values[name].push_back(value);
  }
  std::map<std::string, double> medians;
  for (const auto& [name, all] : values) medians[name] = summarise(all).median;
  return medians;
}

std::string workload_result::compared_field() const {
  if (!compared_counter.empty()) return compared_counter;
  return compared_by == measure::real_time ? "real_time" : "cpu_time";
}

double workload_result::compared_value(const contender_result& one) const {
  if (compared_counter.empty()) return one.by(compared_by).median;
  const auto counters = one.counters();
  const auto found = counters.find(compared_counter);
  return found == counters.end() ? 0 : found->second;
}

const contender_result* workload_result::baseline_result() const {
  const auto found =
      std::find_if(contenders.begin(), contenders.end(),
                   [&](const contender_result& one) { return one.contender == baseline; });
  return found == contenders.end() ? nullptr : &*found;
}

std::string duration_text(double ns) {
  if (ns < 1000) return fmt::format("{:.3g} ns", ns);
  if (ns < 999.5e3) return fmt::format("{:.3g} us", ns / 1e3);
  if (ns < 999.5e6) return fmt::format("{:.3g} ms", ns / 1e6);
  return fmt::format("{:.3f} s", ns / 1e9);
}

std::string table_head(const machine_context& context, const std::vector<std::string>& notes) {
  std::string text = fmt::format(
      "{}: {}, {} CPUs, load {:.2f}; {}, {}; narke {} {}\n", context.program, context.cpu_model,
      context.num_cpus, context.load_average.empty() ? 0.0 : context.load_average.front(),
      context.compiler, context.build_type, context.narke_version, context.commit);
  for (const std::string& each : notes) text += each + '\n';
  return text;
}

std::string to_table(const workload_result& result) {
  std::string text = fmt::format("\n{} {}", result.name, result.variant);
  for (const auto& [name, value] : result.labels) text += fmt::format("  {}: {}", name, value);
  text += fmt::format("\n  for one {} of {}{}\n", result.item, result.items, compared_text(result));
  text += fmt::format("  {:<18} {:>10} {:>10} {:>10} {:>10} {:>10} {:>11}\n", "", "median", "min",
                      "max", "CPU", "of first", "difference");
  for (const contender_result& each : result.contenders) text += row(result, each);
  return text;
}

}  // namespace bench
