// The order of streams and events, at its edges.
#include <string>

#include "check.hpp"
#include "driver_under_test.hpp"

namespace gpu_check {
namespace {

void try_events(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_event fresh = device.new_event();
  found.facts["query_of_a_fresh_event"] = driver.name_of(cu.event_query(fresh));
  found.facts["synchronize_on_a_fresh_event"] = driver.name_of(cu.event_synchronize(fresh));
  found.facts["wait_for_a_fresh_event"] =
      driver.name_of(cu.stream_wait_event(device.second, fresh, 0));
  float milliseconds = 0;
  static_cast<void>(cu.event_record(fresh, device.first));
  static_cast<void>(cu.event_synchronize(fresh));
  found.facts["elapsed_time_without_timing"] =
      driver.name_of(cu.event_elapsed_time(&milliseconds, fresh, fresh));
  found.facts["query_of_null"] = driver.name_of(cu.event_query(nullptr));
  found.facts["destroy_of_null"] = driver.name_of(cu.event_destroy(nullptr));
}

// A wait takes what was recorded when the wait was enqueued; recording again does not change it.
void try_snapshots(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_event event = device.new_event();
  driver.expect(cu.event_record(event, device.first), "cuEventRecord");
  device.synchronize(device.first);
  held_stream held{device, device.first};
  driver.expect(cu.stream_wait_event(device.second, event, 0), "cuStreamWaitEvent");
  driver.expect(cu.event_record(event, device.first), "cuEventRecord");
  found.facts["wait_keeps_the_earlier_record"] =
      !waits(device, held, [&] { static_cast<void>(cu.stream_synchronize(device.second)); });
  device.synchronize(device.first);
}

void try_streams(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  found.facts["query_of_an_idle_stream"] = driver.name_of(cu.stream_query(device.first));
  {
    held_stream held{device, device.first};
    found.facts["query_of_a_busy_stream"] = driver.name_of(cu.stream_query(device.first));
    const cu_event event = device.new_event();
    driver.expect(cu.event_record(event, device.first), "cuEventRecord");
    driver.expect(cu.stream_wait_event(device.second, event, 0), "cuStreamWaitEvent");
    found.facts["a_stream_that_waits_is_busy"] = driver.name_of(cu.stream_query(device.second));
    found.facts["destroy_of_an_event_in_use"] = driver.name_of(cu.event_destroy(event));
  }
  device.synchronize(device.second);
  {
    held_stream held{device, device.first};
    found.facts["other_streams_wait_for_a_held_one"] =
        waits(device, held, [&] { static_cast<void>(cu.stream_synchronize(device.second)); });
  }
  device.synchronize(device.first);
  {
    const cu_stream third = device.new_stream();
    held_stream held{device, third};
    found.facts["destroy_waits_for_the_work"] =
        waits(device, held, [&] { static_cast<void>(cu.stream_destroy(third)); });
  }
}

// The legacy default stream and streams that are non-blocking.
void try_the_null_stream(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_event event = device.new_event();
  held_stream held{device, device.first};
  const cu_result code = cu.event_record(event, nullptr);
  found.facts["record_on_the_null_stream"] = driver.name_of(code);
  if (code != cu_result::success) {
    held.release();
    return;
  }
  found.facts["null_stream_waits_for_non_blocking_ones"] =
      waits(device, held, [&] { static_cast<void>(cu.event_synchronize(event)); });
}

void try_contexts(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_event event = device.new_event();
  driver.expect(cu.ctx_set_current(nullptr), "cuCtxSetCurrent");
  found.facts["record_without_a_context"] = driver.name_of(cu.event_record(event, device.first));
  found.facts["query_without_a_context"] = driver.name_of(cu.event_query(event));
  found.facts["synchronize_without_a_context"] =
      driver.name_of(cu.stream_synchronize(device.first));
  cu_device_ptr block = 0;
  found.facts["allocate_without_a_context"] =
      driver.name_of(cu.mem_alloc_from_pool_async(&block, 4096, device.pool, device.first));
  found.facts["memset_without_a_context"] =
      block == 0 ? "no block" : driver.name_of(cu.memset_d8_async(block, 0, 64, device.first));
  driver.expect(cu.ctx_set_current(device.context), "cuCtxSetCurrent");
}

}  // namespace

std::vector<check> order_checks() {
  return {{"event_rules", "events that nobody recorded, or without times", try_events},
          {"event_snapshots", "what a wait waits for", try_snapshots},
          {"stream_rules", "streams that are busy, wait and are destroyed", try_streams},
          {"null_stream", "the legacy default stream beside others", try_the_null_stream},
          {"without_context", "calls on a thread without a context", try_contexts}};
}

}  // namespace gpu_check
