// Planted faults, seen from the driver's calls. Each breaks its process's context for good.
#include <string>

#include "check.hpp"
#include "driver_under_test.hpp"
#include "planted_kernels.hpp"

namespace gpu_check {
namespace {

void plant(open_device& device, fault kind) {
  driver_under_test& driver = device.driver;
  if (driver.is_emulated()) {
    emulated_fault planned;
    planned.nth = 1;
    planned.when_executed = true;
    planned.code = static_cast<cu_result>(kind);
    driver.emulated->inject(planned);
    driver.expect(device.launch_empty(device.first), "launch");
    return;
  }
  const int code = launch_fault(kind, device.first);
  if (code == without_nvcc) throw std::runtime_error{"this program was built without nvcc"};
  driver.expect(static_cast<cu_result>(code), "launch");
}

void see_a_fault(driver_under_test& driver, findings& found, fault kind) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const host_block registered{device, 4096, true};
  const cu_event before = device.new_event();
  const cu_event after = device.new_event();
  const cu_device_ptr block = device.allocate(4096);
  driver.expect(cu.event_record(before, device.second), "cuEventRecord");
  device.synchronize(device.first);
  device.synchronize(device.second);
  plant(device, kind);
  found.facts["record_behind_it"] = driver.name_of(cu.event_record(after, device.first));
  found.facts["synchronize"] = driver.name_of(cu.stream_synchronize(device.first));
  const auto name = [&](const char* what, cu_result code) {
    found.facts[what] = driver.name_of(code);
  };
  name("query_of_an_event_behind_it", cu.event_query(after));
  name("query_of_an_event_before_it", cu.event_query(before));
  name("query_of_another_stream", cu.stream_query(device.second));
  name("launch", device.launch_empty(device.second));
  cu_device_ptr more = 0;
  name("allocate", cu.mem_alloc_from_pool_async(&more, 4096, device.pool, device.second));
  name("free", cu.mem_free_async(block, device.second));
  name("copy", cu.memcpy_dtoh_async(registered.data(), block, 64, device.second));
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  name("mem_get_info", cu.mem_get_info(&free_bytes, &total_bytes));
  name("set_current", cu.ctx_set_current(device.context));
  int count = 0;
  name("device_get_count", cu.device_get_count(&count));
  cu_event made = nullptr;
  name("event_create", cu.event_create(&made, cu_event_disable_timing));
  name("event_destroy", cu.event_destroy(before));
  name("pool_trim", cu.mem_pool_trim_to(device.pool, 0));
  cu_context again = nullptr;
  name("retain_again", cu.device_primary_ctx_retain(&again, 0));
  found.facts["same_context_again"] = again == device.context;
  static_cast<void>(cu.device_primary_ctx_release(0));
}

void see_700(driver_under_test& driver, findings& found) {
  see_a_fault(driver, found, fault::illegal_address);
}
void see_710(driver_under_test& driver, findings& found) {
  see_a_fault(driver, found, fault::assertion);
}
void see_719(driver_under_test& driver, findings& found) {
  see_a_fault(driver, found, fault::trap);
}

}  // namespace

std::vector<check> fault_checks() {
  return {{"fault_700", "an access to an address that is not there", see_700},
          {"fault_710", "an assertion on the device", see_710},
          {"fault_719", "a trap", see_719}};
}

}  // namespace gpu_check
