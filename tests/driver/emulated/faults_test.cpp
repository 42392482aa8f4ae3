// Planned failures: single calls, memory, lost devices, and closures that throw.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

TEST(emulated_faults, the_nth_call_of_an_entry_point_fails_once) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  scene.driver.inject({.entry = "event_record", .nth = 3, .code = cu_result::not_permitted});
  for (int i = 1; i <= 6; ++i) {
    EXPECT_EQ(scene.cu.event_record(event, stream),
              i == 3 ? cu_result::not_permitted : cu_result::success);
    EXPECT_EQ(scene.cu.event_query(event), cu_result::success);
  }
}

TEST(emulated_faults, the_nth_call_of_all_fails) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  scene.driver.inject({.nth = 2, .code = cu_result::not_permitted});
  EXPECT_EQ(scene.cu.event_record(event, stream), cu_result::success);
  EXPECT_EQ(scene.cu.stream_wait_event(stream, event, 0), cu_result::not_permitted);
  EXPECT_EQ(scene.cu.stream_wait_event(stream, event, 0), cu_result::success);
}

TEST(emulated_faults, memory_runs_out_at_will_and_that_is_not_sticky) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_mem_pool pool = scene.pool();
  scene.driver.inject({.entry = "mem_alloc_from_pool_async",
                       .nth = 1,
                       .times = 2,
                       .code = cu_result::out_of_memory});
  cu_device_ptr pointer = 0;
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 1, pool, stream),
            cu_result::out_of_memory);
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 1, pool, stream),
            cu_result::out_of_memory);
  EXPECT_EQ(scene.cu.mem_alloc_from_pool_async(&pointer, 1, pool, stream), cu_result::success);
}

TEST(emulated_faults, chance_is_decided_by_the_seed) {
  const auto failures = [](std::uint64_t seed) {
    emulated_options options = small_options();
    options.seed = seed;
    options.faults.push_back(
        {.entry = "event_query", .chance = 0.3, .times = 1000, .code = cu_result::not_permitted});
    emulated_scene scene(options);
    scene.open();
    const cu_event event = scene.event();
    std::string pattern;
    for (int i = 0; i < 100; ++i) {
      pattern += scene.cu.event_query(event) == cu_result::success ? '.' : 'X';
    }
    return pattern;
  };
  EXPECT_EQ(failures(5), failures(5));
  EXPECT_NE(failures(5), failures(6));
  EXPECT_NE(failures(5).find('X'), std::string::npos);
  EXPECT_NE(failures(5).find('.'), std::string::npos);
}

TEST(emulated_faults, a_sticky_code_takes_the_device_with_it) {
  emulated_scene scene(small_options(2));
  const cu_context first = scene.open(0);
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  scene.driver.inject({.entry = "stream_query", .nth = 1, .code = cu_result::ecc_uncorrectable});
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::ecc_uncorrectable);
  EXPECT_EQ(scene.cu.event_record(event, stream), cu_result::ecc_uncorrectable);
  EXPECT_EQ(scene.cu.stream_synchronize(stream), cu_result::ecc_uncorrectable);
  std::size_t free = 0;
  std::size_t total = 0;
  EXPECT_EQ(scene.cu.mem_get_info(&free, &total), cu_result::ecc_uncorrectable);
  cu_context again = nullptr;
  EXPECT_EQ(scene.cu.device_primary_ctx_retain(&again, 0), cu_result::ecc_uncorrectable);
  scene.open(1);
  const cu_stream other = scene.stream();
  EXPECT_EQ(scene.cu.stream_query(other), cu_result::success) << "the other device goes on";
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::ecc_uncorrectable)
      << "asked for from another context";
  EXPECT_EQ(scene.cu.ctx_set_current(first), cu_result::success);
}

TEST(emulated_faults, a_closure_that_throws_loses_the_device_and_drops_what_follows) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_stream other = scene.stream();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  auto token = std::make_shared<int>(0);
  const std::weak_ptr<int> held = token;
  std::atomic<bool> ran{false};
  scene.launch(stream, [opened]() -> bool {
    opened.wait();
    return false;
  });
  for (int i = 0; i < 3; ++i) {
    scene.run(stream, [token, &ran] {
      (void)token;
      ran = true;
    });
  }
  token.reset();
  gate.set_value();
  EXPECT_EQ(scene.synchronize(stream), cu_result::launch_failed);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.cu.stream_query(other), cu_result::launch_failed);
  while (!held.expired()) std::this_thread::yield();
  EXPECT_FALSE(ran);
  emulated_work refused{.run = [](void*) { return true; }, .drop = [](void*) { FAIL(); }};
  EXPECT_EQ(scene.cu.emulate(other, refused), cu_result::launch_failed);
}

TEST(emulated_faults, an_exception_that_escapes_a_closure_counts_as_thrown) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  scene.launch(stream, []() -> bool { throw std::runtime_error("from device work"); });
  EXPECT_EQ(scene.synchronize(stream), cu_result::launch_failed);
}

class each_clock_fault : public testing::TestWithParam<emulated_clock> {};

TEST_P(each_clock_fault, work_fails_when_its_turn_comes) {
  emulated_options options = small_options();
  options.clock = GetParam();
  emulated_scene scene(options);
  scene.open();
  const cu_stream stream = scene.stream();
  scene.driver.inject({.nth = 2, .code = cu_result::illegal_address, .when_executed = true});
  std::atomic<int> ran{0};
  for (int i = 0; i < 4; ++i) {
    const cu_result code = scene.run(stream, [&] { ++ran; });
    EXPECT_TRUE(code == cu_result::success || code == cu_result::illegal_address);
  }
  EXPECT_EQ(scene.synchronize(stream), cu_result::illegal_address);
  EXPECT_EQ(ran, 1);
}

TEST_P(each_clock_fault, other_devices_do_not_wait_for_a_lost_one) {
  emulated_options options = small_options(2);
  options.clock = GetParam();
  emulated_scene scene(options);
  scene.open(0);
  const cu_stream lost = scene.stream();
  const cu_event event = scene.event();
  scene.launch(lost, [] { return false; });
  scene.run(lost, [] {});
  const cu_result recorded = scene.cu.event_record(event, lost);
  scene.open(1);
  const cu_stream other = scene.stream();
  if (recorded == cu_result::success) scene.cu.stream_wait_event(other, event, 0);
  std::atomic<bool> ran{false};
  scene.run(other, [&] { ran = true; });
  EXPECT_EQ(scene.synchronize(other), cu_result::success);
  EXPECT_TRUE(ran);
}

INSTANTIATE_TEST_SUITE_P(clocks, each_clock_fault,
                         testing::Values(emulated_clock::free_running,
                                         emulated_clock::virtual_time));

TEST(emulated_faults, losing_a_device_wakes_who_waits_for_it) {
  emulated_scene scene;
  const cu_context context = scene.open();
  const cu_stream stream = scene.stream();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  auto waiter = std::async(std::launch::async, [&] {
    scene.cu.ctx_set_current(context);
    return scene.cu.stream_synchronize(stream);
  });
  while (scene.driver.calls("stream_synchronize") == 0) std::this_thread::yield();
  scene.driver.lose_device(0, cu_result::launch_timeout);
  EXPECT_EQ(waiter.get(), cu_result::launch_timeout);
  gate.set_value();
}

TEST(emulated_faults, a_lost_device_cannot_be_opened_again) {
  emulated_scene scene;
  scene.open();
  scene.driver.lose_device(0, cu_result::launch_failed);
  EXPECT_EQ(scene.cu.device_primary_ctx_release(0), cu_result::success);
  cu_context context = nullptr;
  EXPECT_EQ(scene.cu.device_primary_ctx_retain(&context, 0), cu_result::launch_failed);
}

TEST(emulated_faults, what_a_lost_device_held_is_no_leak) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  scene.allocate(scene.pool(), stream, 64);
  scene.event();
  alignas(4096) static std::array<char, 4096> host;
  scene.cu.mem_host_register(host.data(), host.size(), cu_mem_host_register_portable);
  scene.driver.lose_device(0, cu_result::launch_failed);
  scene.driver.check_leaks();
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST(emulated_faults, a_device_taken_by_another_process_is_unavailable) {
  emulated_options options = small_options(2);
  options.gpus[1].taken = true;
  emulated_scene scene(options);
  cu_context context = nullptr;
  EXPECT_EQ(scene.cu.device_primary_ctx_retain(&context, 1), cu_result::device_unavailable);
  EXPECT_EQ(scene.cu.device_primary_ctx_retain(&context, 0), cu_result::success);
}

TEST(emulated_faults, plans_that_mean_nothing_are_refused) {
  emulated_driver driver(small_options());
  EXPECT_THROW(driver.inject({.entry = "cuInit", .code = cu_result::unknown}),
               std::invalid_argument);
  EXPECT_THROW(driver.inject({.nth = 1, .code = cu_result::success}), std::invalid_argument);
  EXPECT_THROW(driver.inject({.chance = 1.5, .code = cu_result::unknown}), std::invalid_argument);
  EXPECT_THROW(driver.inject({.nth = 1, .code = cu_result::out_of_memory, .when_executed = true}),
               std::invalid_argument);
  EXPECT_THROW(driver.inject({.entry = "mem_get_info", .nth = 1, .skip = true}),
               std::invalid_argument);
  EXPECT_THROW(driver.lose_device(3, cu_result::unknown), std::invalid_argument);
}

}  // namespace
}  // namespace narke::internal
