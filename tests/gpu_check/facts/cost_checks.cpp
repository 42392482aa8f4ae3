// What calls cost, and how many of them a stream takes.
#include <algorithm>
#include <array>
#include <vector>

#include "check.hpp"
#include "driver_under_test.hpp"

namespace gpu_check {
namespace {

void take_times_of_launches(driver_under_test& driver, findings& found) {
  open_device device{driver};
  auto begin = clock::now();
  driver.expect(device.launch_empty(device.first), "the first launch");
  found.figures["first_launch_us"] = microseconds_since(begin);
  device.synchronize(device.first);
  found.figures["first_launch_and_wait_us"] = microseconds_since(begin);
  begin = clock::now();
  driver.expect(device.launch_empty(device.first), "launch");
  device.synchronize(device.first);
  found.figures["launch_and_wait_us"] = microseconds_since(begin);
  constexpr int rounds = 500;  // below the depth of a launch queue
  found.figures["launch_us"] =
      median_microseconds(rounds, [&] { static_cast<void>(device.launch_empty(device.first)); });
  device.synchronize(device.first);
}

void take_times_of_events(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  constexpr int rounds = 500;
  const cu_event plain = device.new_event();
  const cu_event timed = device.new_event(cu_event_default);
  const auto time_of = [&](const char* name, const std::function<void()>& call) {
    found.figures[name] = median_microseconds(rounds, call);
    device.synchronize(device.first);
    device.synchronize(device.second);
  };
  time_of("event_record_us", [&] { static_cast<void>(cu.event_record(plain, device.first)); });
  time_of("event_record_timed_us",
          [&] { static_cast<void>(cu.event_record(timed, device.first)); });
  time_of("event_query_ready_us", [&] { static_cast<void>(cu.event_query(plain)); });
  time_of("stream_query_ready_us", [&] { static_cast<void>(cu.stream_query(device.first)); });
  time_of("wait_for_a_ready_event_us",
          [&] { static_cast<void>(cu.stream_wait_event(device.second, plain, 0)); });
  {
    held_stream held{device, device.first};
    driver.expect(cu.event_record(plain, device.first), "cuEventRecord");
    found.facts["query_of_what_is_held"] = driver.name_of(cu.event_query(plain));
    found.figures["event_query_busy_us"] =
        median_microseconds(rounds, [&] { static_cast<void>(cu.event_query(plain)); });
    found.figures["wait_for_a_busy_event_us"] = median_microseconds(
        rounds, [&] { static_cast<void>(cu.stream_wait_event(device.second, plain, 0)); });
  }
  device.synchronize(device.first);
  device.synchronize(device.second);
  found.figures["event_create_us"] =
      median_microseconds(100, [&] { static_cast<void>(device.new_event()); });
  found.figures["stream_create_us"] =
      median_microseconds(20, [&] { static_cast<void>(device.new_stream()); });
}

void take_times_of_memory(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const auto take_and_free = [&](std::size_t bytes) {
    const cu_device_ptr block = device.allocate(bytes);
    static_cast<void>(cu.mem_free_async(block, device.first));
  };
  std::uint64_t keep = ~std::uint64_t{0};
  driver.expect(
      cu.mem_pool_set_attribute(device.pool, cu_mem_pool_attribute::release_threshold, &keep),
      "release threshold");
  for (const std::size_t mebibytes : {std::size_t{1}, std::size_t{64}, std::size_t{1024}}) {
    const std::string name = std::to_string(mebibytes) + "_mib_us";
    const auto begin = clock::now();
    take_and_free(mebibytes << 20);
    found.figures["first_alloc_and_free_" + name] = microseconds_since(begin);
    device.synchronize(device.first);
    found.figures["warm_alloc_and_free_" + name] =
        median_microseconds(200, [&] { take_and_free(mebibytes << 20); });
    device.synchronize(device.first);
  }
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  found.figures["mem_get_info_us"] = median_microseconds(
      100, [&] { static_cast<void>(cu.mem_get_info(&free_bytes, &total_bytes)); });
}

/// Seconds from the first enqueuing to the end of the copies on both streams.
double seconds_of_copies(open_device& device, const std::function<void()>& enqueue) {
  const auto begin = clock::now();
  enqueue();
  device.synchronize(device.first);
  device.synchronize(device.second);
  return microseconds_since(begin) / 1e6;
}

void take_times_of_copies(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const std::size_t bytes = std::size_t{driver.is_emulated() ? 32U : 256U} << 20;
  const host_block registered{device, bytes, true};
  const host_block other{device, bytes, true};
  const host_block pageable{device, bytes, false};
  const cu_device_ptr up = device.allocate(bytes);
  const cu_device_ptr down = device.allocate(bytes);
  device.synchronize(device.first);
  const auto to_device = [&](const host_block& from) {
    driver.expect(cu.memcpy_htod_async(up, from.data(), bytes, device.first), "cuMemcpyHtoDAsync");
  };
  const auto to_host = [&](const host_block& to) {
    driver.expect(cu.memcpy_dtoh_async(to.data(), down, bytes, device.second), "cuMemcpyDtoHAsync");
  };
  const auto rate = [&](const char* name, double total, const std::function<void()>& enqueue) {
    static_cast<void>(seconds_of_copies(device, enqueue));
    found.figures[name] = total / seconds_of_copies(device, enqueue) / 1e9;
  };
  rate("registered_to_device_gb_per_s", bytes, [&] { to_device(registered); });
  rate("device_to_registered_gb_per_s", bytes, [&] { to_host(other); });
  rate("both_ways_gb_per_s", 2.0 * bytes, [&] {
    to_device(registered);
    to_host(other);
  });
  rate("on_the_device_gb_per_s", bytes, [&] {
    driver.expect(cu.memcpy_dtod_async(up, down, bytes, device.first), "cuMemcpyDtoDAsync");
  });
  rate("pageable_to_device_gb_per_s", bytes, [&] { to_device(pageable); });
  constexpr std::size_t small = 4096;
  found.figures["enqueue_of_4_kib_us"] = median_microseconds(500, [&] {
    static_cast<void>(cu.memcpy_htod_async(up, registered.data(), small, device.first));
  });
  device.synchronize(device.first);
}

void fill_a_launch_queue(driver_under_test& driver, findings& found) {
  open_device device{driver};
  constexpr int launches_max = 20'000;
  std::atomic<int> launched{0};
  held_stream held{device, device.first};
  const bool is_bounded = waits(device, held, [&] {
    for (int i = 0; i != launches_max; ++i) {
      static_cast<void>(device.launch_empty(device.first));
      ++launched;
    }
  });
  // Counted while it was full: the number then stood still for as long as somebody waited.
  found.facts["a_full_queue_makes_launches_wait"] = is_bounded;
  device.synchronize(device.first);
}

void count_what_a_launch_queue_takes(driver_under_test& driver, findings& found) {
  open_device device{driver};
  constexpr int launches_max = 20'000;
  std::atomic<int> launched{0};
  held_stream held{device, device.first};
  int depth = 0;
  std::thread caller{[&] {
    static_cast<void>(device.cu.ctx_set_current(device.context));
    while (launched.load() != launches_max) {
      static_cast<void>(device.launch_empty(device.first));
      ++launched;
    }
  }};
  // Full is what has not moved for a quarter of a second.
  for (auto last = clock::now(); clock::now() - last < std::chrono::milliseconds{250};) {
    if (const int now = launched.load(); now != depth) {
      depth = now;
      last = clock::now();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  // Whether another stream still takes work while this one is full.
  const auto begin = clock::now();
  driver.expect(device.launch_empty(device.second), "a launch on another stream");
  found.figures["launch_beside_a_full_stream_us"] = microseconds_since(begin);
  held.release();
  caller.join();
  found.figures["depth"] = depth;
  device.synchronize(device.first);
}

}  // namespace

std::vector<check> cost_checks() {
  return {{"launches", "what the first launch costs, and the others", take_times_of_launches},
          {"events", "what recording, asking and waiting cost", take_times_of_events},
          {"allocations", "what stream-ordered memory costs", take_times_of_memory},
          {"copies", "how fast copies are, and whether both ways overlap", take_times_of_copies},
          {"queue_depth", "how many launches a stream takes", count_what_a_launch_queue_takes},
          {"full_queue", "whether a launch waits for room in the queue", fill_a_launch_queue}};
}

}  // namespace gpu_check
