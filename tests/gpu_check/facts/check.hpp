// A check of what a CUDA driver does: run in a process of its own, and answered with one line of
// JSON. Facts are what the emulated driver is to have in common with CUDA's; figures are what
// differs between machines: times and sizes, each with its unit in the name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace gpu_check {

class driver_under_test;

struct findings {
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  nlohmann::ordered_json figures = nlohmann::ordered_json::object();
};

struct check {
  const char* name;
  const char* what;
  void (*run)(driver_under_test& driver, findings& found);
};

/// All, in the order in which they are worth most on a machine that is lent for minutes.
[[nodiscard]] std::vector<check> all_checks();

// One list a file.
[[nodiscard]] std::vector<check> fact_checks();
[[nodiscard]] std::vector<check> cost_checks();
[[nodiscard]] std::vector<check> order_checks();
[[nodiscard]] std::vector<check> memory_checks();
[[nodiscard]] std::vector<check> capture_checks();
[[nodiscard]] std::vector<check> fault_checks();
[[nodiscard]] std::vector<check> runtime_checks();

}  // namespace gpu_check
