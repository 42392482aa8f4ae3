// What the driver and the device say of themselves.
#include <algorithm>
#include <array>
#include <string>

#include "check.hpp"
#include "driver/device_facts.hpp"
#include "driver/driver_symbols.hpp"
#include "driver_under_test.hpp"

namespace gpu_check {
namespace {

struct optional_symbol {
  const char* name;
  int version;
};

// What a later narke would use where it is there.
constexpr std::array optional_symbols{
    optional_symbol{"cuMemcpyBatchAsync", 13000},
    optional_symbol{"cuStreamWriteValue32", 11070},
    optional_symbol{"cuStreamWaitValue32", 11070},
    optional_symbol{"cuThreadExchangeStreamCaptureMode", 10010},
    optional_symbol{"cuStreamBeginCapture", 10010},
    optional_symbol{"cuStreamEndCapture", 10000},
    optional_symbol{"cuStreamGetCaptureInfo", 12030},
    optional_symbol{"cuGraphInstantiateWithParams", 12000},
    optional_symbol{"cuGraphExecUpdate", 12000},
    optional_symbol{"cuGraphLaunch", 10000},
    optional_symbol{"cuGraphExecDestroy", 10000},
    optional_symbol{"cuGraphDestroy", 10000},
    optional_symbol{"cuGraphGetNodes", 10000},
    optional_symbol{"cuGraphUpload", 11010},
    optional_symbol{"cuLaunchHostFunc", 10000},
};

void look_at_symbols(driver_under_test& driver, findings& found) {
  int version = 0;
  found.facts["driver_get_version"] = driver.name_of(driver.cu.driver_get_version(&version));
  found.figures["driver_version"] = version;
  int missing = 0;
  const auto ask = [&](auto* entry, const char* name, int) {
    if (entry == nullptr) {
      found.facts[name] = "missing";
      ++missing;
    }
  };
  visit_fact_symbols(driver.cu, ask);
  visit_execution_symbols(driver.cu, ask);
  found.facts["table_entries_missing"] = missing;
  for (const optional_symbol& each : optional_symbols) {
    found.figures[each.name] = driver.find<void()>(each.name, each.version) != nullptr;
  }
}

void look_at_devices(driver_under_test& driver, findings& found) {
  const driver_facts read = read_driver_facts(driver.cu);
  found.figures["devices"] = read.devices.size();
  found.facts["warnings"] = read.warnings;
  auto& devices = found.figures["each"] = nlohmann::ordered_json::array();
  for (const device_facts& device : read.devices) {
    devices.push_back({{"name", device.name},
                       {"uuid", device.uuid},
                       {"memory_bytes", device.memory_total_bytes.value_or(0)}});
  }
  using attribute = cu_device_attribute;
  constexpr std::array attributes{
      std::pair{"compute_mode", attribute::compute_mode},
      std::pair{"unified_addressing", attribute::unified_addressing},
      std::pair{"stream_priorities_supported", attribute::stream_priorities_supported},
      std::pair{"pageable_memory_access", attribute::pageable_memory_access},
      std::pair{"host_register_supported", attribute::host_register_supported},
      std::pair{"memory_pools_supported", attribute::memory_pools_supported},
  };
  for (const auto& [name, asked] : attributes) {
    int value = 0;
    const cu_result code = driver.cu.device_get_attribute(&value, asked, 0);
    found.facts[name] = code == cu_result::success ? std::to_string(value) : driver.name_of(code);
  }
  for (const auto& [name, asked] :
       {std::pair{"multiprocessors", attribute::multiprocessor_count},
        std::pair{"copy_engines", attribute::async_engine_count},
        std::pair{"compute_capability_major", attribute::compute_capability_major},
        std::pair{"compute_capability_minor", attribute::compute_capability_minor}}) {
    int value = 0;
    static_cast<void>(driver.cu.device_get_attribute(&value, asked, 0));
    found.figures[name] = value;
  }
}

void look_at_peers(driver_under_test& driver, findings& found) {
  int count = 0;
  driver.expect(driver.cu.device_get_count(&count), "cuDeviceGetCount");
  found.figures["devices"] = count;
  auto& links = found.figures["links"] = nlohmann::ordered_json::array();
  for (int from = 0; from != count; ++from) {
    for (int to = 0; to != count; ++to) {
      if (from == to) continue;
      int can_access = 0;
      int rank = 0;
      int atomics = 0;
      const auto ask = [&](int& value, cu_p2p_attribute attribute) {
        static_cast<void>(driver.cu.device_get_p2p_attribute(&value, attribute, from, to));
      };
      static_cast<void>(driver.cu.device_can_access_peer(&can_access, from, to));
      ask(rank, cu_p2p_attribute::performance_rank);
      ask(atomics, cu_p2p_attribute::native_atomic_supported);
      links.push_back({{"from", from},
                       {"to", to},
                       {"can_access", can_access},
                       {"performance_rank", rank},
                       {"native_atomics", atomics}});
    }
  }
  int self = -1;
  found.facts["access_to_itself"] =
      driver.name_of(driver.cu.device_can_access_peer(&self, 0, 0)) + ", " + std::to_string(self);
  found.facts["access_to_none"] = driver.name_of(driver.cu.device_can_access_peer(&self, 0, count));
}

void open_a_context(driver_under_test& driver, findings& found) {
  const driver_table& cu = driver.cu;
  unsigned flags = 0;
  int active = -1;
  driver.expect(cu.device_primary_ctx_get_state(0, &flags, &active), "get_state");
  found.facts["active_before"] = active;
  cu_stream none = nullptr;
  found.facts["stream_without_a_context"] =
      driver.name_of(cu.stream_create_with_priority(&none, cu_stream_non_blocking, 0));
  cu_context context = nullptr;
  auto begin = clock::now();
  driver.expect(cu.device_primary_ctx_retain(&context, 0), "cuDevicePrimaryCtxRetain");
  found.figures["first_retain_us"] = microseconds_since(begin);
  begin = clock::now();
  cu_context again = nullptr;
  driver.expect(cu.device_primary_ctx_retain(&again, 0), "cuDevicePrimaryCtxRetain");
  found.figures["second_retain_us"] = microseconds_since(begin);
  found.facts["same_context"] = context == again;
  cu_context current = nullptr;
  static_cast<void>(cu.ctx_get_current(&current));
  found.facts["retain_makes_current"] = current != nullptr;
  driver.expect(cu.ctx_set_current(context), "cuCtxSetCurrent");
  found.figures["set_current_us"] =
      median_microseconds(1000, [&] { static_cast<void>(cu.ctx_set_current(context)); });
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  driver.expect(cu.mem_get_info(&free_bytes, &total_bytes), "cuMemGetInfo");
  found.figures["memory_taken_bytes"] = total_bytes - free_bytes;
  int least = 0;
  int greatest = 0;
  driver.expect(cu.ctx_get_stream_priority_range(&least, &greatest), "priority range");
  found.facts["greatest_priority_is_smaller"] = greatest <= least;
  begin = clock::now();
  static_cast<void>(cu.device_primary_ctx_release(0));
  static_cast<void>(cu.device_primary_ctx_get_state(0, &flags, &active));
  found.facts["active_after_one_release"] = active;
  static_cast<void>(cu.ctx_set_current(nullptr));
  driver.expect(cu.device_primary_ctx_release(0), "the last cuDevicePrimaryCtxRelease");
  found.figures["releases_us"] = microseconds_since(begin);
  static_cast<void>(cu.device_primary_ctx_get_state(0, &flags, &active));
  found.facts["active_after_the_last_release"] = active;
  found.facts["release_too_many"] = driver.name_of(cu.device_primary_ctx_release(0));
}

}  // namespace

std::vector<check> fact_checks() {
  return {{"symbols", "which entry points the driver has", look_at_symbols},
          {"devices", "what devices there are, and their attributes", look_at_devices},
          {"peers", "which device reaches which", look_at_peers},
          {"context", "what a primary context costs, and how it is counted", open_a_context}};
}

}  // namespace gpu_check
