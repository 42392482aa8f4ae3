#include "resources/resource_request.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {
namespace {

// What a user should write instead of each reserved word.
struct reserved_word {
  std::string_view name;
  std::string_view instead;
};
constexpr std::array reserved_words{
    reserved_word{"CPU", "num_cpus"},
    reserved_word{"GPU", "num_gpus"},
    reserved_word{"memory", "memory"},
    reserved_word{"gpu_memory", "gpu_memory"},
    reserved_word{"object_store_memory", "init's object_store_memory"},
};
constexpr std::array reserved_prefixes{std::string_view{"node:"},
                                       std::string_view{"accelerator_type:"}};

constexpr double bytes_max = 9.0e18;  // below 2^63

std::string field_of(const std::string& name) { return fmt::format("resources[\"{}\"]", name); }

void check_name(const std::string& name) {
  if (name.empty()) {
    throw std::invalid_argument{"resources: a resource without a name; give each one a name"};
  }
  for (const auto& word : reserved_words) {
    if (name == word.name) {
      throw std::invalid_argument{
          fmt::format("{}: \"{}\" is not a custom resource; use the field {}", field_of(name), name,
                      word.instead)};
    }
  }
}

void check_name_is_not_ours(const std::string& name) {
  for (const auto prefix : reserved_prefixes) {
    if (name.starts_with(prefix)) {
      throw std::invalid_argument{fmt::format(
          "{}: names that start with \"{}\" are filled in by narke; choose another name",
          field_of(name), prefix)};
    }
  }
}

std::vector<custom_amount> sorted_custom(
    const std::vector<std::pair<std::string, double>>& resources) {
  std::vector<custom_amount> result;
  result.reserve(resources.size());
  for (const auto& [name, units] : resources) {
    check_name(name);
    result.push_back({name, quantity::from_double(units, field_of(name))});
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto twin =
      std::adjacent_find(result.begin(), result.end(),
                         [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twin != result.end()) {
    throw std::invalid_argument{
        fmt::format("{}: named twice; give each resource once", field_of(twin->name))};
  }
  return result;
}

void check_gpus(const resource_request& request, const request_fields& fields) {
  if (request.gpus > quantity::one() && !request.gpus.is_whole()) {
    throw std::invalid_argument{fmt::format(
        "num_gpus: {} is above 1 and not whole; give a share of one GPU (at most 1) or whole GPUs",
        fields.num_gpus)};
  }
  if (request.gpus.is_zero() && request.gpu_memory_bytes > 0) {
    throw std::invalid_argument{
        fmt::format("gpu_memory: {} bytes, but num_gpus is 0; ask for a GPU or a share of one",
                    request.gpu_memory_bytes)};
  }
}

void mix(std::size_t& seed, std::size_t value) {
  seed ^= value + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
}

}  // namespace

std::int64_t bytes_from_double(double bytes, std::string_view field) {
  const char* problem = std::isnan(bytes)   ? "not a number"
                        : std::isinf(bytes) ? "infinite"
                        : bytes < 0         ? "negative"
                        : bytes > bytes_max ? "above the maximum of 9e18"
                                            : nullptr;
  if (problem != nullptr) {
    throw std::invalid_argument{
        fmt::format("{}: {} is {}; give a number of bytes, 0 or more", field, bytes, problem)};
  }
  return static_cast<std::int64_t>(bytes);
}

resource_request make_request(const request_fields& fields) {
  resource_request request{
      .cpus = quantity::from_double(fields.num_cpus, "num_cpus"),
      .gpus = quantity::from_double(fields.num_gpus, "num_gpus"),
      .gpu_memory_bytes = bytes_from_double(fields.gpu_memory, "gpu_memory"),
      .memory_bytes = bytes_from_double(fields.memory, "memory"),
      .custom = sorted_custom(fields.resources),
  };
  check_gpus(request, fields);
  std::erase_if(request.custom, [](const auto& wanted) { return wanted.amount.is_zero(); });
  return request;
}

resource_request make_group_request(const std::vector<request_fields>& bundles,
                                    group_strategy strategy) {
  constexpr std::size_t bundles_max = 1'000;
  if (bundles.empty() || bundles.size() > bundles_max) {
    throw std::invalid_argument{fmt::format(
        "placement_group: {} bundles; give it from 1 to {}", bundles.size(), bundles_max)};
  }
  auto group = std::make_shared<group_request>();
  group->strategy = strategy;
  resource_request all;
  std::map<std::string, quantity> custom;
  for (const request_fields& fields : bundles) {
    const resource_request one = make_request(fields);
    if (one == resource_request{}) {
      throw std::invalid_argument{fmt::format(
          "placement_group: bundle {} asks for nothing; give it num_cpus, num_gpus, memory or a "
          "resource",
          group->bundles.size())};
    }
    all.cpus += one.cpus;
    all.gpus += one.gpus;
    all.memory_bytes += one.memory_bytes;
    for (const custom_amount& each : one.custom) {
      custom[each.name] += each.amount;
    }
    group->bundles.push_back(
        {one.cpus, one.gpus, one.gpu_memory_bytes, one.memory_bytes, one.custom});
  }
  for (const auto& [name, amount] : custom) {
    all.custom.push_back({name, amount});
  }
  all.group = std::move(group);
  return all;
}

std::vector<custom_amount> make_custom_totals(
    const std::vector<std::pair<std::string, double>>& resources) {
  auto result = sorted_custom(resources);
  for (const auto& total : result) {
    check_name_is_not_ours(total.name);
  }
  return result;
}

bool resource_request::is_one_cpu_only() const {
  return cpus == quantity::one() && gpus.is_zero() && gpu_memory_bytes == 0 && memory_bytes == 0 &&
         custom.empty() && wish == placement_wish::automatic && in_group == 0 && group == nullptr;
}

std::string resource_request::to_string() const {
  std::string text;
  const auto append = [&text](std::string_view name, const std::string& amount) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, amount);
  };
  if (!cpus.is_zero()) append("CPU", cpus.to_string());
  if (!gpus.is_zero()) append("GPU", gpus.to_string());
  if (gpu_memory_bytes > 0) append("gpu_memory", fmt::format("{}", gpu_memory_bytes));
  if (memory_bytes > 0) append("memory", fmt::format("{}", memory_bytes));
  for (const auto& wanted : custom) {
    append(wanted.name, wanted.amount.to_string());
  }
  return text.empty() ? "nothing" : text;
}

std::size_t resource_request_hash::operator()(const resource_request& request) const noexcept {
  std::size_t seed = std::hash<quantity>{}(request.cpus);
  mix(seed, std::hash<quantity>{}(request.gpus));
  mix(seed, std::hash<std::int64_t>{}(request.gpu_memory_bytes));
  mix(seed, std::hash<std::int64_t>{}(request.memory_bytes));
  for (const auto& wanted : request.custom) {
    mix(seed, std::hash<std::string>{}(wanted.name));
    mix(seed, std::hash<quantity>{}(wanted.amount));
  }
  mix(seed, static_cast<std::size_t>(request.wish));
  mix(seed, std::hash<int>{}(request.wish_index));
  mix(seed, std::hash<const void*>{}(request.group.get()));
  return seed;
}

}  // namespace narke::internal
