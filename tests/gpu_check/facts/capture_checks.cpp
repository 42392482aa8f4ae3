// Stream capture: what may be called meanwhile. The table that narke uses has none of it; on a
// driver without these entry points the facts say so.
#include <string>

#include "check.hpp"
#include "driver_under_test.hpp"

namespace gpu_check {
namespace {

constexpr int thread_local_mode = 1;

using begin_capture_fn = cu_result(cu_stream, int mode);
using end_capture_fn = cu_result(cu_stream, void** graph);
using destroy_graph_fn = cu_result(void* graph);

struct capture_calls {
  begin_capture_fn* begin = nullptr;
  end_capture_fn* end = nullptr;
  destroy_graph_fn* destroy = nullptr;
};

/// What a call answers while `device.first` is being captured, and whether the capture outlives it.
void try_during_capture(open_device& device, const capture_calls& calls, findings& found,
                        const char* name, const std::function<cu_result()>& call) {
  driver_under_test& driver = device.driver;
  driver.expect(calls.begin(device.first, thread_local_mode), "cuStreamBeginCapture");
  const cu_result answer = call();
  void* graph = nullptr;
  const cu_result end = calls.end(device.first, &graph);
  found.facts[name] = driver.name_of(answer) + ", then " + driver.name_of(end);
  if (graph != nullptr) static_cast<void>(calls.destroy(graph));
}

void try_capture(driver_under_test& driver, findings& found) {
  const capture_calls calls{driver.find<begin_capture_fn>("cuStreamBeginCapture", 10010),
                            driver.find<end_capture_fn>("cuStreamEndCapture", 10000),
                            driver.find<destroy_graph_fn>("cuGraphDestroy", 10000)};
  if (calls.begin == nullptr || calls.end == nullptr || calls.destroy == nullptr) {
    found.facts["capture"] = "the driver has no such entry points";
    return;
  }
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_event event = device.new_event();
  const cu_event recorded = device.new_event();
  driver.expect(cu.event_record(recorded, device.second), "cuEventRecord");
  device.synchronize(device.second);
  const host_block registered{device, 4096, true};
  const cu_device_ptr block = device.allocate(4096);
  device.synchronize(device.first);
  const auto attempt = [&](const char* name, const std::function<cu_result()>& call) {
    try_during_capture(device, calls, found, name, call);
  };
  attempt("launch", [&] { return device.launch_empty(device.first); });
  attempt("record_on_the_captured_stream", [&] { return cu.event_record(event, device.first); });
  attempt("query_of_another_event", [&] { return cu.event_query(recorded); });
  attempt("query_of_another_stream", [&] { return cu.stream_query(device.second); });
  attempt("query_of_the_captured_stream", [&] { return cu.stream_query(device.first); });
  attempt("synchronize_another_stream", [&] { return cu.stream_synchronize(device.second); });
  attempt("wait_for_an_event_from_outside",
          [&] { return cu.stream_wait_event(device.first, recorded, 0); });
  cu_device_ptr taken = 0;
  attempt("allocate_on_the_captured_stream",
          [&] { return cu.mem_alloc_from_pool_async(&taken, 4096, device.pool, device.first); });
  attempt("allocate_on_another_stream",
          [&] { return cu.mem_alloc_from_pool_async(&taken, 4096, device.pool, device.second); });
  attempt("copy_from_registered_memory",
          [&] { return cu.memcpy_htod_async(block, registered.data(), 4096, device.first); });
  attempt("register_memory", [&] {
    return cu.mem_host_register(registered.data() + 0, 4096, cu_mem_host_register_portable);
  });
  attempt("create_a_stream", [&] {
    cu_stream made = nullptr;
    return cu.stream_create_with_priority(&made, cu_stream_non_blocking, 0);
  });
  attempt("create_an_event", [&] {
    cu_event made = nullptr;
    return cu.event_create(&made, cu_event_disable_timing);
  });
  found.facts["launch_afterwards"] = driver.name_of(device.launch_empty(device.first));
  device.synchronize(device.first);
}

}  // namespace

std::vector<check> capture_checks() {
  return {{"capture_rules", "what may be called while a stream is captured", try_capture}};
}

}  // namespace gpu_check
