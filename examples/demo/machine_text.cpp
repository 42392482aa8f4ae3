#include "machine_text.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>

#include <fmt/format.h>
#include <narke/narke.hpp>
#include <nlohmann/json.hpp>

namespace demo {
namespace {

std::string gigabytes(double bytes) { return fmt::format("{:.1f} GB", bytes / 1e9); }

std::string resource_text(const std::string& name, double amount) {
  const bool is_bytes = name == "memory" || name == "object_store_memory";
  return fmt::format("{} {}", name, is_bytes ? gigabytes(amount) : fmt::format("{:g}", amount));
}

double resource(const std::map<std::string, double>& resources, const std::string& name) {
  const auto found = resources.find(name);
  return found == resources.end() ? 0 : found->second;
}

/// Memory that the kernel could give without swapping, or no limit where it does not tell.
double system_free_bytes() {
  std::ifstream lines{"/proc/meminfo"};
  std::string name;
  double kibibytes = 0;
  std::string unit;
  while (lines >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes * 1024;
    std::getline(lines, unit);
  }
  return std::numeric_limits<double>::max();
}

nlohmann::json machine_report() { return nlohmann::json::parse(narke::report()).at("machine"); }

std::string cpu_model(const nlohmann::json& machine) {
  for (const nlohmann::json& package : machine.at("packages")) {
    if (package.at("model").is_string()) return package.at("model").get<std::string>();
  }
  return "a CPU of unknown name";
}

std::string gpu_lines() {
  std::string text;
  for (const auto& gpu : narke::gpus()) {
    text += fmt::format("    {}: {}, {}{}\n", gpu.id, gpu.name, gigabytes(double(gpu.memory_bytes)),
                        gpu.is_emulated ? ", emulated" : "");
  }
  return text.empty() ? "  GPUs        none\n" : "  GPUs\n" + text;
}

}  // namespace

std::string describe_resources() {
  const nlohmann::json machine = machine_report();
  const std::map<std::string, double> resources = narke::cluster_resources();
  std::string text = "Resources\n";
  text += fmt::format("  CPUs        {:g} for tasks, of {} hardware threads; {}\n",
                      resource(resources, "CPU"), machine.at("pus").get<std::size_t>(),
                      cpu_model(machine));
  text += fmt::format("  NUMA nodes  {}\n", machine.at("numa_nodes").size());
  text += fmt::format("  memory      {} for tasks, {} for objects\n",
                      gigabytes(resource(resources, "memory")),
                      gigabytes(resource(resources, "object_store_memory")));
  text += gpu_lines();
  text += "  cluster_resources:";
  for (const auto& [name, amount] : resources) text += " " + resource_text(name, amount) + ",";
  text.back() = '\n';
  return text;
}

std::string describe_machine() {
  const nlohmann::json machine = machine_report();
  return fmt::format("{}; {:g} of {} hardware threads for tasks", cpu_model(machine),
                     resource(narke::cluster_resources(), "CPU"),
                     machine.at("pus").get<std::size_t>());
}

std::size_t free_memory_bytes() {
  return std::size_t(
      std::min(resource(narke::available_resources(), "memory"), system_free_bytes()));
}

}  // namespace demo
