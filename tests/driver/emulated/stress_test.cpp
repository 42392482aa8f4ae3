// Many host threads at once: orders are kept, memory is kept apart, nothing is left.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

struct stress_case {
  const char* name;
  emulated_clock clock;
  bool detect_races;
  bool perturb;
};

void PrintTo(const stress_case& one, std::ostream* out) {
  *out << one.name;
}

class emulated_stress : public testing::TestWithParam<stress_case> {
 protected:
  static constexpr int threads = 4;
  static constexpr int rounds = 150;
  static constexpr std::size_t words = 64;

  /// One thread: a chain of increments over two streams of its own device, joined by events.
  static void run_chain(const emulated_scene& scene, cu_context context, cu_mem_pool pool,
                        unsigned seed, std::atomic<int>& wrong) {
    scene.cu.ctx_set_current(context);
    const cu_stream streams[2] = {scene.stream(), scene.stream()};
    const cu_event events[2] = {scene.event(), scene.event()};
    std::mt19937 random(seed);
    constexpr std::size_t bytes = words * sizeof(std::uint32_t);
    const cu_device_ptr block = scene.allocate(pool, streams[0], bytes);
    auto* values = reinterpret_cast<std::uint32_t*>(block);
    scene.cu.memset_d8_async(block, 0, bytes, streams[0]);
    std::size_t on = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      if (random() % 2 == 0) {
        scene.cu.event_record(events[on], streams[on]);
        scene.cu.stream_wait_event(streams[1 - on], events[on], 0);
        on = 1 - on;
      }
      if (random() % 8 == 0) {
        const cu_device_ptr scratch = scene.allocate(pool, streams[on], 4096);
        scene.cu.memset_d8_async(scratch, 1, 4096, streams[on]);
        scene.cu.mem_free_async(scratch, streams[on]);
      }
      scene.run(
          streams[on],
          [values, round, &wrong] {
            for (std::size_t i = 0; i < words; ++i) {
              if (values[i]++ != round) ++wrong;
            }
          },
          {reads(block, bytes), writes(block, bytes)}, "increment");
      if (random() % 16 == 0) (void)scene.cu.stream_query(streams[on]);
    }
    scene.synchronize(streams[on]);
    if (values[0] != rounds) ++wrong;
    scene.cu.mem_free_async(block, streams[on]);
    for (std::size_t i = 0; i < 2; ++i) {
      scene.synchronize(streams[i]);
      scene.cu.event_destroy(events[i]);
      scene.cu.stream_destroy(streams[i]);
    }
  }
};

TEST_P(emulated_stress, chains_of_many_threads_keep_their_order_and_leave_nothing) {
  emulated_options options = small_options(2);
  options.clock = GetParam().clock;
  options.detect_races = GetParam().detect_races;
  options.perturb = GetParam().perturb;
  options.perturb_delay_us_max = 20;
  options.launch_queue_depth = 16;
  emulated_scene scene(options);
  const cu_context contexts[2] = {scene.open(0), scene.open(1)};
  const cu_mem_pool pools[2] = {scene.pool(0), scene.pool(1)};
  std::atomic<int> wrong{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    const auto device = static_cast<std::size_t>(i % 2);
    workers.emplace_back([&, device, i] {
      run_chain(scene, contexts[device], pools[device], static_cast<unsigned>(i), wrong);
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(wrong, 0);
  for (const cu_mem_pool pool : pools) scene.cu.mem_pool_destroy(pool);
  for (int i = 0; i < 2; ++i) scene.cu.device_primary_ctx_release(i);
  scene.driver.check_leaks();
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

INSTANTIATE_TEST_SUITE_P(
    clocks, emulated_stress,
    testing::Values(stress_case{"free", emulated_clock::free_running, false, false},
                    stress_case{"free_races", emulated_clock::free_running, true, false},
                    stress_case{"free_perturbed", emulated_clock::free_running, true, true},
                    stress_case{"real", emulated_clock::real_time, false, false},
                    stress_case{"virtual", emulated_clock::virtual_time, true, true}),
    [](const auto& one) { return one.param.name; });

TEST(emulated_stress_end, a_driver_ends_while_work_is_queued_and_blocked) {
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> ran{0};
    emulated_options options = small_options();
    options.clock = i % 2 == 0 ? emulated_clock::free_running : emulated_clock::virtual_time;
    emulated_scene scene(options);
    scene.open();
    const cu_stream first = scene.stream();
    const cu_stream second = scene.stream();
    const cu_event event = scene.event();
    for (int n = 0; n < 10; ++n) scene.run(first, [&] { ++ran; });
    scene.cu.event_record(event, first);
    scene.cu.stream_wait_event(second, event, 0);
    for (int n = 0; n < 10; ++n) scene.run(second, [&] { ++ran; });
    scene.cu.stream_destroy(second);
  }
}

TEST(emulated_stress_end, losing_a_device_amid_work_leaves_no_closure_behind) {
  for (int i = 0; i < 20; ++i) {
    const auto token = std::make_shared<int>(0);
    {
      emulated_scene scene;
      const cu_context context = scene.open();
      std::thread submitter([&] {
        scene.cu.ctx_set_current(context);
        cu_stream stream = nullptr;
        if (scene.cu.stream_create_with_priority(&stream, cu_stream_non_blocking, 0) !=
            cu_result::success) {
          return;
        }
        while (scene.run(stream, [token] { (void)token; }) == cu_result::success) {
        }
      });
      while (scene.driver.calls("emulate") < 20) std::this_thread::yield();
      scene.driver.lose_device(0, cu_result::launch_failed);
      submitter.join();
    }
    EXPECT_EQ(token.use_count(), 1);
  }
}

}  // namespace
}  // namespace narke::internal
