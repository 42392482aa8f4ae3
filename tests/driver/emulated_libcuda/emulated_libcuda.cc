// The emulated driver in the shape of libcuda.so.1, for tests of the code that loads a driver and
// works through what it loaded. No kernel can be launched through it, and CUDA's own runtime needs
// more of a driver than this; it is never installed. The first call of the bootstrap makes the
// driver, from the environment:
//
//   NARKE_EMULATED_CUDA_DEVICES=2      how many devices, 1 unless told; 0 = none
//   NARKE_EMULATED_CUDA_MEMORY=bytes   of each of them
//   NARKE_EMULATED_CUDA_VERSION=13000  the newest CUDA that it serves
//   NARKE_EMULATED_CUDA_MISSING=name   an entry point that it lacks
//   NARKE_EMULATED_CUDA_TAKEN=0        a device that another process holds exclusively
//   NARKE_EMULATED_CUDA_FAIL=init:999  an entry of the table that always answers this code
//
// Any thread may call what cuGetProcAddress_v2 gives out, until the driver is ended.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "driver/driver_symbols.hpp"
#include "driver/emulated/emulated_driver.hpp"

#define EMULATED_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace narke::internal;

std::string setting(const char* name, const char* otherwise = "") {
  const char* value = std::getenv((std::string("NARKE_EMULATED_CUDA_") + name).c_str());
  return value != nullptr ? value : otherwise;
}

emulated_options options_of_environment() {
  emulated_options options;
  emulated_gpu gpu;
  if (const auto memory = setting("MEMORY"); !memory.empty()) {
    gpu.memory_bytes = std::stoull(memory);
  }
  options.gpus.assign(std::stoul(setting("DEVICES", "1")), gpu);
  const std::size_t count = options.gpus.size();
  options.links.assign(count, std::vector<emulated_link>(count, {.can_access = true}));
  if (const auto taken = setting("TAKEN"); !taken.empty()) {
    options.gpus.at(std::stoul(taken)).taken = true;
  }
  options.driver_version = std::stoi(setting("VERSION", "13000"));
  options.model.context_bytes = 0;
  if (const auto failing = setting("FAIL"); !failing.empty()) {
    const std::size_t colon = failing.find(':');
    const int code = std::stoi(failing.substr(colon + 1));
    options.faults.push_back({.entry = failing.substr(0, colon),
                              .chance = 1,
                              .times = std::numeric_limits<std::uint64_t>::max(),
                              .code = static_cast<cu_result>(code)});
  }
  return options;
}

std::mutex mutex;
emulated_driver* driver = nullptr;  // guarded by mutex; outlives the program when nobody ends it

emulated_driver& started_driver() {
  const std::lock_guard lock(mutex);
  if (driver == nullptr) driver = new emulated_driver(options_of_environment());
  return *driver;
}

// What tests enqueue beyond the table that narke uses: a host function, a wait for a word of host
// memory, and a trap.

cu_result enqueue(cu_stream stream, std::function<bool()> body) {
  auto* held = new std::function<bool()>(std::move(body));
  const emulated_work work{
      .run = [](void* context) { return (*static_cast<std::function<bool()>*>(context))(); },
      .drop = [](void* context) { delete static_cast<std::function<bool()>*>(context); },
      .context = held,
      .accesses = nullptr,
      .access_count = 0,
      .label = "work of a test",
      .modelled_ns = 0};
  const cu_result code = started_driver().table().emulate(stream, work);
  if (code != cu_result::success) delete held;
  return code;
}

cu_result launch_host_function(cu_stream stream, void (*function)(void*), void* data) {
  return enqueue(stream, [=] {
    function(data);
    return true;
  });
}

cu_result wait_for_value(cu_stream stream, cu_device_ptr word, std::uint32_t at_least,
                         unsigned flags) {
  if (flags != 0) return cu_result::not_supported;
  return enqueue(stream, [=] {
    const auto* value = reinterpret_cast<const std::uint32_t*>(word);
    while (static_cast<std::int32_t>(__atomic_load_n(value, __ATOMIC_ACQUIRE) - at_least) < 0) {
      std::this_thread::sleep_for(std::chrono::microseconds{20});
    }
    return true;
  });
}

cu_result trap(cu_stream stream) {
  return enqueue(stream, [] { return false; });
}

template <class Visitor>
void visit_extras(Visitor&& visit) {
  visit(launch_host_function, "cuLaunchHostFunc", 10000);
  visit(wait_for_value, "cuStreamWaitValue32", 11070);
  visit(trap, "narkeEmulatedTrap", 0);
}

}  // namespace

/// As CUDA's: a version above the driver's own is an invalid value, a symbol it lacks not found.
EMULATED_EXPORT cu_result cuGetProcAddress_v2(const char* name, void** out, int wanted,
                                              std::uint64_t flags, cu_proc_address_status* status) {
  *out = nullptr;
  *status = cu_proc_address_status::symbol_not_found;
  const driver_table& table = started_driver().table();
  int version = 0;
  const cu_result code = table.driver_get_version(&version);
  if (code != cu_result::success) return code;
  if (wanted > version || flags > 2) return cu_result::invalid_value;
  if (setting("MISSING") == name) return cu_result::not_found;
  const auto offer = [&](auto* entry, const char* known, int since) {
    if (std::strcmp(known, name) != 0) return;
    const bool is_old = wanted < since;
    *status =
        is_old ? cu_proc_address_status::version_not_sufficient : cu_proc_address_status::success;
    if (!is_old) *out = reinterpret_cast<void*>(entry);
  };
  visit_fact_symbols(table, offer);
  visit_execution_symbols(table, offer);
  visit_extras(offer);
  return *out != nullptr ? cu_result::success : cu_result::not_found;
}

EMULATED_EXPORT cu_result cuInit(unsigned flags) {
  return started_driver().table().init(flags);
}

EMULATED_EXPORT cu_result cuDriverGetVersion(int* version) {
  return started_driver().table().driver_get_version(version);
}

/// How often an entry of the table was called; 0 while there is no driver.
EMULATED_EXPORT std::uint64_t narke_emulated_cuda_calls(const char* entry) {
  const std::lock_guard lock(mutex);
  return driver == nullptr ? 0 : driver->calls(entry);
}

/// Ends the driver: the next bootstrap makes another. Returns how many violations it found, leaks
/// included, and writes the first one as text.
EMULATED_EXPORT std::size_t narke_emulated_cuda_end(char* text, std::size_t length) {
  const std::lock_guard lock(mutex);
  if (driver == nullptr) return 0;
  driver->check_leaks();
  const auto found = driver->violations();
  if (!found.empty()) std::snprintf(text, length, "%s", found.front().message.c_str());
  delete driver;
  driver = nullptr;
  return found.size();
}
