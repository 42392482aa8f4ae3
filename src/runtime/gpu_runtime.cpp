#include "runtime/gpu_runtime.hpp"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/byte_size.hpp"
#include "base/environment.hpp"
#include "base/log.hpp"
#include "device/gpu_engine.hpp"
#include "driver/cuda_driver.hpp"
#include "driver/emulated/emulated_driver.hpp"
#include "driver/emulated/null_driver.hpp"

namespace narke::internal {
namespace {

// What the engine's table belongs to. Guarded by the runtime's life lock.
struct gpu_driver {
  std::unique_ptr<emulated_driver> emulated;
  std::unique_ptr<null_driver> null;
  driver_table table;
  bool is_checked = false;
};

constinit std::atomic<bool> real_gpus_used{false};

gpu_driver& the_driver() {
  static auto* driver = new gpu_driver;
  return *driver;
}

// NARKE_GPU_CHECK=1: emulated devices look for races too, and shutdown ends the process when the
// rules of the driver were broken.
bool wants_checks() {
  const auto value = environment_value("NARKE_GPU_CHECK");
  return value && !value->empty() && *value != "0";
}

emulated_options emulated_like(const machine& described, bool is_checked) {
  emulated_options options;
  options.gpus.clear();
  for (const gpu_info& gpu : described.gpus) {
    options.gpus.push_back({.name = gpu.name,
                            .uuid = gpu.uuid,
                            .pci_bus_id = gpu.pci_bus_id,
                            .memory_bytes = gpu.memory_total_bytes.value_or(0)});
  }
  const std::size_t count = options.gpus.size();
  options.links.assign(count, std::vector<emulated_link>(count, {.can_access = true}));
  options.model.context_bytes = 0;  // what was asked for is what tasks can have
  options.detect_races = is_checked;
  return options;
}

// NARKE_EMULATED_CLOCK: what emulated devices take. "free", the default: what their work takes on
// a CPU; "real": modelled times, which pass; "null": nothing, and they check nothing and copy
// nothing, to measure what the host spends above the driver's calls.
enum class emulated_pace : std::uint8_t { free, real, null };

emulated_pace pace_from_environment() {
  const auto text = environment_value("NARKE_EMULATED_CLOCK");
  if (!text || text->empty() || *text == "free") {
    return emulated_pace::free;
  }
  if (*text == "real") {
    return emulated_pace::real;
  }
  if (*text == "null") {
    return emulated_pace::null;
  }
  throw std::invalid_argument{
      fmt::format("NARKE_EMULATED_CLOCK: '{}' is none of free, real, null", *text)};
}

// NARKE_EMULATED_LINK: bytes a second between the host and an emulated device, each way, where
// times are modelled.
void set_link(emulated_model& model) {
  const auto text = environment_value("NARKE_EMULATED_LINK");
  if (text && !text->empty()) {
    model.h2d_bytes_per_second = parse_byte_size(*text, "NARKE_EMULATED_LINK");
    model.d2h_bytes_per_second = model.h2d_bytes_per_second;
  }
}

void start_emulated(gpu_driver& driver, const machine& described) {
  const emulated_pace pace = pace_from_environment();
  if (pace == emulated_pace::null) {
    driver.null = std::make_unique<null_driver>(
        null_driver_options{.gpus = static_cast<int>(described.gpus.size()),
                            .memory_bytes = described.gpus.front().memory_total_bytes.value_or(0)});
    driver.table = driver.null->table();
    return;
  }
  driver.is_checked = wants_checks();
  emulated_options options = emulated_like(described, driver.is_checked);
  set_link(options.model);
  options.clock =
      pace == emulated_pace::real ? emulated_clock::real_time : emulated_clock::free_running;
  driver.emulated = std::make_unique<emulated_driver>(std::move(options));
  driver.table = driver.emulated->table();
}

void tell_violations(const emulated_driver& driver, bool is_checked) noexcept {
  const auto found = driver.violations();
  if (found.empty()) {
    return;
  }
  constexpr std::size_t told_max = 10;
  for (std::size_t i = 0; i != std::min(told_max, found.size()); ++i) {
    log_error(fmt::format("emulated GPU: {}: {}", violation_name(found[i].kind), found[i].message));
  }
  log_error(
      fmt::format("emulated GPUs: {} breaks of the driver's rules; a real GPU would have "
                  "given wrong results or failed",
                  found.size()));
  if (is_checked) {
    std::abort();
  }
}

}  // namespace

bool real_gpus_were_used() noexcept { return real_gpus_used.load(std::memory_order_relaxed); }

void start_gpus(const runtime_settings& settings) {
  const machine& described = settings.described;
  if (described.gpus.empty()) {
    return;
  }
  gpu_driver& driver = the_driver();
  gpu_engine_options options;
  for (const gpu_info& gpu : described.gpus) {
    options.ordinals.push_back(gpu.index);
  }
  if (described.gpus.front().is_emulated) {
    start_emulated(driver, described);
    options.is_emulated = true;
    options.verifies_links = driver.null == nullptr;  // it moves no bytes
    options.reserve_bytes = 0;
  } else {
    cuda_driver loaded = load_cuda_driver();
    if (loaded.state != driver_state::present) {
      log_warning(loaded.problem);
      return;
    }
    driver.table = loaded.table;
    real_gpus_used.store(true, std::memory_order_relaxed);
  }
  options.table = &driver.table;
  options.one_allocation_a_block = environment_value("NARKE_GPU_ALLOCATOR") == "driver";
  gpu_engine::instance().start(std::move(options));
}

void stop_gpus() noexcept {
  gpu_engine::instance().stop();
  gpu_driver& driver = the_driver();
  if (driver.emulated != nullptr) {
    driver.emulated->check_leaks();
    tell_violations(*driver.emulated, driver.is_checked);
    driver.emulated.reset();
  }
  driver.null.reset();
}

}  // namespace narke::internal
