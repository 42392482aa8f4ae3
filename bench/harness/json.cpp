// Google Benchmark's JSON.
#include <nlohmann/json.hpp>

#include "harness/results.hpp"

namespace bench {
namespace {

using json = nlohmann::ordered_json;

json context_of(const machine_context& context) {
  json caches = json::array();
  for (const cache_facts& each : context.caches) {
    caches.push_back({{"type", each.type},
                      {"level", each.level},
                      {"size", each.size_bytes},
                      {"num_sharing", each.num_sharing}});
  }
  return {{"date", context.date},
          {"host_name", context.host_name},
          {"executable", context.executable},
          {"num_cpus", context.num_cpus},
          {"mhz_per_cpu", context.mhz_per_cpu},
          {"cpu_scaling_enabled", context.cpu_scaling_enabled},
          {"caches", caches},
          {"load_avg", context.load_average},
          {"library_build_type", context.build_type == "Debug" ? "debug" : "release"},
          {"cpu_model", context.cpu_model},
          {"compiler", context.compiler},
          {"build_type", context.build_type},
          {"narke_version", context.narke_version},
          {"commit", context.commit},
          {"quick", context.is_quick}};
}

struct place {
  std::size_t family = 0;
  std::size_t instance = 0;
};

json head(const workload_result& result, const contender_result& one, place at, const char* type) {
  return {{"name", one.full_name},
          {"family_index", at.family},
          {"per_family_instance_index", at.instance},
          {"run_name", one.full_name},
          {"run_type", type},
          {"repetitions", one.repetitions.size()},
          {"threads", 1},
          {"workload", result.name},
          {"variant", result.variant},
          {"contender", one.contender},
          {"baseline", result.baseline},
          {"compared_by", result.compared_field()},
          {"item", result.item}};
}

void add_labels(json& record, const workload_result& result) {
  for (const auto& [name, value] : result.labels) record[name] = value;
}

void add_rates(json& record, const workload_result& result, double real_ns) {
  if (real_ns <= 0) return;
  record["items_per_second"] = 1e9 / real_ns;
  if (result.bytes_an_item > 0) record["bytes_per_second"] = result.bytes_an_item * 1e9 / real_ns;
}

json iteration(const workload_result& result, const contender_result& one, place at,
               std::size_t index) {
  const repetition& measured = one.repetitions[index];
  json record = head(result, one, at, "iteration");
  record["repetition_index"] = index;
  record["iterations"] = result.items;
  record["real_time"] = measured.real_ns;
  record["cpu_time"] = measured.cpu_ns;
  record["time_unit"] = "ns";
  add_rates(record, result, measured.real_ns);
  for (const auto& [name, value] : measured.counters) record[name] = value;
  add_labels(record, result);
  return record;
}

json aggregate(const workload_result& result, const contender_result& one, place at,
               const char* name, double real, double cpu) {
  const bool is_share = std::string_view{name} == "cv";
  json record = head(result, one, at, "aggregate");
  record["name"] = one.full_name + '_' + name;
  record["aggregate_name"] = name;
  record["aggregate_unit"] = is_share ? "percentage" : "time";
  record["iterations"] = one.repetitions.size();
  record["real_time"] = real;
  record["cpu_time"] = cpu;
  record["time_unit"] = "ns";
  if (std::string_view{name} == "median") {
    add_rates(record, result, real);
    if (one.first_real_ns > 0) record["first_real_time"] = one.first_real_ns;
    for (const auto& [counter, value] : one.counters()) record[counter] = value;
  }
  add_labels(record, result);
  return record;
}

void add_aggregates(json& records, const workload_result& result, const contender_result& one,
                    place at) {
  const summary real = one.real_ns();
  const summary cpu = one.cpu_ns();
  const auto add = [&](const char* name, double a, double b) {
    records.push_back(aggregate(result, one, at, name, a, b));
  };
  add("mean", real.mean, cpu.mean);
  add("median", real.median, cpu.median);
  add("stddev", real.deviation, cpu.deviation);
  add("cv", real.variation(), cpu.variation());
  add("min", real.min, cpu.min);
  add("max", real.max, cpu.max);
}

json failure(const workload_result& result, const contender_result& one, place at) {
  json record = head(result, one, at, "iteration");
  record["error_occurred"] = true;
  record["error_message"] = one.error;
  add_labels(record, result);
  return record;
}

/// A record a line.
std::string to_text(const json& context, const json& records) {
  std::string text = "{\n\"context\": " + context.dump(2) + ",\n\"benchmarks\": [";
  const char* before = "\n";
  for (const json& each : records) {
    text += before + each.dump();
    before = ",\n";
  }
  return text + "\n]\n}\n";
}

}  // namespace

std::string to_json(const machine_context& context, const std::vector<workload_result>& results) {
  json records = json::array();
  for (std::size_t family = 0; family != results.size(); ++family) {
    const workload_result& result = results[family];
    for (std::size_t i = 0; i != result.contenders.size(); ++i) {
      const contender_result& one = result.contenders[i];
      const place at{family, i};
      if (!one.error.empty()) {
        records.push_back(failure(result, one, at));
        continue;
      }
      for (std::size_t k = 0; k != one.repetitions.size(); ++k) {
        records.push_back(iteration(result, one, at, k));
      }
      if (one.repetitions.size() > 1) add_aggregates(records, result, one, at);
    }
  }
  return to_text(context_of(context), records);
}

}  // namespace bench
