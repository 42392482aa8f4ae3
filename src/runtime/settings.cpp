#include "runtime/settings.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/byte_size.hpp"
#include "base/environment.hpp"
#include "base/option_text.hpp"
#include "resources/resource_request.hpp"
#include "task/task_info.hpp"
#include "topology/discover.hpp"

namespace narke::internal {

namespace {

constexpr double cpus_most = 1'000;  // threads are at most 1,024
constexpr double gpus_most = 1'024;

// An empty variable is one that is not set.
std::optional<std::string> option_from_environment(const char* variable) {
  auto value = environment_value(variable);
  return value && !value->empty() ? value : std::nullopt;
}

// A number as given, with the name of where it was given; or the environment's.
struct named_number {
  std::optional<double> value;
  std::string name;
};

named_number given(const std::optional<number>& option, const char* field, const char* variable) {
  if (option) {
    return {double{*option}, field};
  }
  if (const auto text = option_from_environment(variable)) {
    return {number_from(*text, variable), variable};
  }
  return {std::nullopt, field};
}

void apply_cpus(const runtime_options& options, runtime_settings& settings) {
  const named_number cpus = given(options.num_cpus, "num_cpus", "NARKE_NUM_CPUS");
  if (cpus.value) {
    check_whole(cpus.name, *cpus.value, 1, cpus_most);
  }
  settings.totals.cpus = static_cast<int>(
      cpus.value.value_or(std::min<double>(settings.described.limits.usable_cpus, cpus_most)));
  settings.overrides.num_cpus = settings.totals.cpus;
}

std::optional<device_count_and_memory> emulated_gpus_asked(const runtime_options& options) {
  if (options.emulated_gpus.count) {
    check_whole("emulated_gpus.count", *options.emulated_gpus.count, 0, gpus_most);
    device_count_and_memory asked;
    asked.count = static_cast<int>(double{*options.emulated_gpus.count});
    if (options.emulated_gpus.memory_bytes) {
      check_whole("emulated_gpus.memory_bytes", *options.emulated_gpus.memory_bytes, 1, 1e18);
      asked.memory_bytes = static_cast<std::uint64_t>(double{*options.emulated_gpus.memory_bytes});
    }
    return asked;
  }
  if (options.emulated_gpus.memory_bytes) {
    throw std::invalid_argument{
        "emulated_gpus: memory_bytes is given and count is not; say how many"};
  }
  if (const auto text = option_from_environment("NARKE_EMULATED_GPUS")) {
    return parse_emulated_gpus(*text, "NARKE_EMULATED_GPUS");
  }
  return std::nullopt;
}

void count_gpus(runtime_settings& settings) {
  settings.overrides.num_gpus = static_cast<double>(settings.described.gpus.size());
  for (const gpu_info& gpu : settings.described.gpus) {
    settings.totals.gpus.push_back(
        {.id = gpu.index,
         .memory_bytes = static_cast<std::int64_t>(gpu.memory_total_bytes.value_or(0)),
         .numa_node = gpu.numa_node.value_or(-1)});
  }
}

void apply_gpus(const runtime_options& options,
                const std::optional<device_count_and_memory>& emulated,
                runtime_settings& settings) {
  if (emulated) {
    settings.described =
        with_emulated_gpus(std::move(settings.described), emulated->count, emulated->memory_bytes);
  }
  const named_number wanted = given(options.num_gpus, "num_gpus", "NARKE_NUM_GPUS");
  if (wanted.value) {
    check_whole(wanted.name, *wanted.value, 0, gpus_most);
    const auto count = static_cast<std::size_t>(*wanted.value);
    auto& gpus = settings.described.gpus;
    if (count > gpus.size()) {
      throw std::invalid_argument{fmt::format(
          "{}: {} asked, and there are {} GPUs{}. Ask for no more than that, or use emulated_gpus",
          wanted.name, count, gpus.size(), emulated ? " (emulated)" : "")};
    }
    gpus.resize(count);
    std::erase_if(settings.described.gpu_links, [&](const gpu_link& link) {
      return link.from >= static_cast<int>(count) || link.to >= static_cast<int>(count);
    });
  }
  count_gpus(settings);
}

void apply_numa_nodes(runtime_settings& settings) {
  for (const numa_node_info& node : settings.described.numa_nodes) {
    if (!node.pus.empty()) {
      settings.totals.numa_nodes.push_back(node.os_index);
      settings.totals.numa_cpus[node.os_index] = static_cast<int>(node.pus.size());
    }
  }
}

void apply_memory(const runtime_options& options, runtime_settings& settings) {
  const named_number store =
      given(options.object_store_memory, "object_store_memory", "NARKE_OBJECT_STORE_MEMORY");
  const auto usable = static_cast<double>(settings.described.limits.usable_memory_bytes);
  settings.object_store_bytes = static_cast<std::int64_t>(usable * object_store_share);
  if (store.value) {
    settings.object_store_bytes = bytes_from_double(*store.value, store.name);
    if (settings.object_store_bytes == 0) {
      throw std::invalid_argument{
          fmt::format("{}: 0 bytes would store nothing; give at least 1", store.name)};
    }
  }
  settings.overrides.object_store_memory_bytes =
      static_cast<std::uint64_t>(settings.object_store_bytes);
  settings.totals.memory_bytes = static_cast<std::int64_t>(usable * memory_share);
}

// What was asked for, checked; by the options, else by the environment, whose faults are named so.
std::vector<custom_amount> custom_totals(const runtime_options& options) {
  const auto text = option_from_environment("NARKE_RESOURCES");
  if (!options.resources.empty() || !text) {
    return make_custom_totals({options.resources.begin(), options.resources.end()});
  }
  const auto resources = amounts_from(*text, "NARKE_RESOURCES");
  try {
    return make_custom_totals({resources.begin(), resources.end()});
  } catch (const std::invalid_argument& refused) {
    throw std::invalid_argument{fmt::format("NARKE_RESOURCES: {}", refused.what())};
  }
}

// What narke names itself can be asked for as well, as in Ray.
void count_named_by_narke(runtime_settings& settings) {
  for (const auto& [name, amount] : cluster_resources(settings.described, settings.overrides)) {
    if (name.starts_with("node:") || name.starts_with("accelerator_type:")) {
      settings.totals.custom[name] = quantity::from_double(amount, name);
    }
  }
}

void apply_resources(const runtime_options& options, runtime_settings& settings) {
  for (const custom_amount& each : custom_totals(options)) {
    settings.totals.custom[each.name] = each.amount;
    settings.overrides.resources[each.name] = each.amount.to_double();
  }
  count_named_by_narke(settings);
}

void apply_switches(const runtime_options& options, runtime_settings& settings) {
  const auto flag = [](const std::optional<bool>& option, const char* variable, bool otherwise) {
    const auto text = option ? std::nullopt : option_from_environment(variable);
    return text ? flag_from(*text, variable) : option.value_or(otherwise);
  };
  settings.tracing = flag(options.tracing, "NARKE_TRACING", false);
  settings.advisor = flag(options.advisor, "NARKE_ADVISOR", true);
  settings.logging_level = options.logging_level;
  if (settings.logging_level.empty()) {
    settings.logging_level = option_from_environment("NARKE_LOGGING_LEVEL").value_or("warning");
  }
  if (!options.object_spilling_directory.empty() ||
      option_from_environment("NARKE_OBJECT_SPILLING_DIRECTORY")) {
    throw_not_there_yet("object_spilling_directory", "a directory",
                        "leave it empty, and let refs go in time");
  }
  settings.report_file = option_from_environment("NARKE_REPORT");
}

}  // namespace

runtime_settings resolve_settings(const runtime_options& options) {
  const auto emulated = emulated_gpus_asked(options);
  const named_number gpus = given(options.num_gpus, "num_gpus", "NARKE_NUM_GPUS");
  runtime_settings settings;
  discover_options where;
  // The driver is not even loaded for a program that wants none of its GPUs, or has not yet said
  // that it wants some.
  where.with_gpus = !emulated && gpus.value && *gpus.value != 0;
  settings.knows_gpus = emulated || gpus.value;
  where.visible_devices = environment_value("CUDA_VISIBLE_DEVICES");
  settings.described = discover_machine(where);
  apply_cpus(options, settings);
  apply_gpus(options, emulated, settings);
  apply_numa_nodes(settings);
  apply_memory(options, settings);
  apply_resources(options, settings);
  apply_switches(options, settings);
  return settings;
}

runtime_settings with_gpus_looked_up(runtime_settings settings) {
  discover_options where;
  where.visible_devices = environment_value("CUDA_VISIBLE_DEVICES");
  machine found = discover_machine(where);
  settings.described.gpus = std::move(found.gpus);
  settings.described.gpu_links = std::move(found.gpu_links);
  settings.described.cuda_driver_version = std::move(found.cuda_driver_version);
  settings.described.warnings = std::move(found.warnings);
  settings.knows_gpus = true;
  count_gpus(settings);
  count_named_by_narke(settings);
  return settings;
}

}  // namespace narke::internal
