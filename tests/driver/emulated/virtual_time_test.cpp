// The model of what things cost, in virtual time: every figure here is exact.
#include <gtest/gtest.h>

#include <chrono>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

constexpr std::uint64_t ms = 1'000'000;

emulated_options timed_options(int gpus = 1) {
  emulated_options options = small_options(gpus);
  options.clock = emulated_clock::virtual_time;
  options.model.launch_latency_ns = 0;
  options.model.copy_latency_ns = 0;
  options.model.h2d_bytes_per_second = 1'000'000'000;  // 1 ms a million bytes
  options.model.d2h_bytes_per_second = 1'000'000'000;
  options.model.peer_bytes_per_second = 2'000'000'000;
  options.model.device_copy_bytes_per_second = 10'000'000'000;
  return options;
}

/// One million bytes on the device and on the host, registered for the life of the scene.
class timed_scene : public emulated_scene {
 public:
  explicit timed_scene(const emulated_options& options = timed_options())
      : emulated_scene(options), host(million) {
    for (int i = 0; i < static_cast<int>(options.gpus.size()); ++i) {
      contexts.push_back(open(i));
      compute.push_back(stream());
      blocks.push_back(allocate(pool(i), compute.back(), million));
    }
    EXPECT_EQ(cu.ctx_set_current(contexts[0]), cu_result::success);
    EXPECT_EQ(cu.mem_host_register(host.data(), host.size(), 1), cu_result::success);
    driver.wait_until_idle();
    begin_ns_ = driver.now_ns();
  }
  ~timed_scene() { EXPECT_EQ(driver.violation_count(), 0U) << findings(); }

  [[nodiscard]] std::uint64_t passed_ns() const { return driver.now_ns() - begin_ns_; }

  static constexpr std::size_t million = 1'000'000;
  std::vector<unsigned char> host;
  std::vector<cu_context> contexts;
  std::vector<cu_stream> compute;
  std::vector<cu_device_ptr> blocks;

 private:
  std::uint64_t begin_ns_ = 0;
};

TEST(virtual_time, kernels_of_one_stream_follow_and_of_two_streams_overlap) {
  timed_scene scene;
  const cu_stream other = scene.stream();
  scene.run(
      scene.compute[0], [] {}, {}, "a", 3 * ms);
  scene.run(
      scene.compute[0], [] {}, {}, "b", 4 * ms);
  scene.run(
      other, [] {}, {}, "c", 5 * ms);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.passed_ns(), 7 * ms);
}

TEST(virtual_time, a_launch_costs_its_latency) {
  emulated_options options = timed_options();
  options.model.launch_latency_ns = 3000;
  timed_scene scene(options);
  for (int i = 0; i < 10; ++i) scene.run(scene.compute[0], [] {});
  scene.synchronize(scene.compute[0]);
  EXPECT_EQ(scene.passed_ns(), 30'000U);
}

TEST(virtual_time, copies_in_one_direction_share_an_engine_and_directions_do_not) {
  timed_scene scene;
  const cu_stream up = scene.stream();
  const cu_stream up_too = scene.stream();
  const cu_stream down = scene.stream();
  scene.cu.memcpy_htod_async(scene.blocks[0], scene.host.data(), 500'000, up);
  scene.cu.memcpy_htod_async(scene.blocks[0] + 500'000, scene.host.data(), 500'000, up_too);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.passed_ns(), 1 * ms);
  scene.cu.memcpy_htod_async(scene.blocks[0], scene.host.data(), 500'000, up);
  scene.cu.memcpy_dtoh_async(scene.host.data() + 500'000, scene.blocks[0] + 500'000, 500'000, down);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.passed_ns(), 1 * ms + ms / 2);
}

TEST(virtual_time, each_device_has_engines_of_its_own) {
  timed_scene scene(timed_options(2));
  const auto* source = scene.host.data();
  scene.cu.memcpy_htod_async(scene.blocks[0], source, timed_scene::million, scene.compute[0]);
  scene.cu.memcpy_htod_async(scene.blocks[1], source, timed_scene::million, scene.compute[1]);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.passed_ns(), 1 * ms);
}

TEST(virtual_time, copies_hide_behind_kernels) {
  timed_scene scene;
  const cu_stream up = scene.stream();
  const cu_event loaded = scene.event();
  for (int i = 0; i < 10; ++i) {
    scene.cu.memcpy_htod_async(scene.blocks[0], scene.host.data(), timed_scene::million, up);
    scene.cu.event_record(loaded, up);
    scene.cu.stream_wait_event(scene.compute[0], loaded, 0);
    scene.run(
        scene.compute[0], [] {}, {}, "kernel", 1 * ms);
  }
  scene.synchronize(scene.compute[0]);
  EXPECT_EQ(scene.passed_ns(), 11 * ms);
}

TEST(virtual_time, peers_use_their_link_or_both_host_links) {
  for (const bool linked : {true, false}) {
    emulated_options options = timed_options(2);
    if (linked) link_all(options);
    timed_scene scene(options);
    scene.cu.memcpy_peer_async(scene.blocks[1], scene.contexts[1], scene.blocks[0],
                               scene.contexts[0], timed_scene::million, scene.compute[0]);
    scene.synchronize(scene.compute[0]);
    EXPECT_EQ(scene.passed_ns(), linked ? ms / 2 : ms);
  }
}

TEST(virtual_time, a_link_may_have_its_own_rate) {
  emulated_options options = timed_options(2);
  link_all(options);
  options.links[0][1].bytes_per_second = 4'000'000'000;
  timed_scene scene(options);
  scene.cu.memcpy_peer_async(scene.blocks[1], scene.contexts[1], scene.blocks[0], scene.contexts[0],
                             timed_scene::million, scene.compute[0]);
  scene.synchronize(scene.compute[0]);
  EXPECT_EQ(scene.passed_ns(), ms / 4);
}

TEST(virtual_time, opening_a_device_and_registering_take_their_time) {
  emulated_options options = timed_options();
  options.model.context_ns = 200 * ms;
  options.model.pin_bytes_per_second = 1'000'000'000;
  emulated_scene scene(options);
  scene.open();
  EXPECT_EQ(scene.driver.now_ns(), 200 * ms);
  std::vector<unsigned char> host(1'000'000);
  scene.cu.mem_host_register(host.data(), host.size(), 1);
  EXPECT_EQ(scene.driver.now_ns(), 201 * ms);
}

TEST(virtual_time, queries_move_the_clock_from_event_to_event) {
  timed_scene scene;
  const cu_event event = scene.event();
  for (int i = 0; i < 3; ++i)
    scene.run(
        scene.compute[0], [] {}, {}, "kernel", 1 * ms);
  scene.cu.event_record(event, scene.compute[0]);
  EXPECT_EQ(scene.passed_ns(), 0U) << "host calls take no time";
  EXPECT_EQ(scene.cu.event_query(event), cu_result::not_ready);
  EXPECT_EQ(scene.passed_ns(), 1 * ms);
  EXPECT_EQ(scene.cu.event_query(event), cu_result::not_ready);
  EXPECT_EQ(scene.cu.event_query(event), cu_result::success);
  EXPECT_EQ(scene.passed_ns(), 3 * ms);
  EXPECT_EQ(scene.cu.event_query(event), cu_result::success);
  EXPECT_EQ(scene.passed_ns(), 3 * ms) << "what is done costs nothing to ask for";
}

TEST(virtual_time, a_patient_query_leaves_the_clock_to_those_who_enqueue) {
  emulated_options options = timed_options();
  options.query_patience_us = 3'600'000'000;
  timed_scene scene(options);
  scene.run(
      scene.compute[0], [] {}, {}, "kernel", 1 * ms);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(scene.cu.stream_query(scene.compute[0]), cu_result::not_ready);
  }
  EXPECT_EQ(scene.passed_ns(), 0U);
  EXPECT_EQ(scene.synchronize(scene.compute[0]), cu_result::success);
}

TEST(virtual_time, advancing_runs_what_ends_meanwhile_and_no_more) {
  timed_scene scene;
  int ran = 0;
  for (int i = 0; i < 5; ++i)
    scene.run(
        scene.compute[0], [&] { ++ran; }, {}, "kernel", 1 * ms);
  scene.driver.advance(2 * ms + ms / 2);
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(scene.passed_ns(), 2 * ms + ms / 2);
  scene.driver.wait_until_idle();
  EXPECT_EQ(scene.passed_ns(), 5 * ms);
}

TEST(virtual_time, a_run_is_a_function_of_its_seed) {
  const auto trace = [](std::uint64_t seed) {
    emulated_options options = timed_options();
    options.perturb = true;
    options.seed = seed;
    emulated_scene scene(options);
    scene.open();
    std::string order;
    std::vector<cu_stream> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(scene.stream());
    for (int i = 0; i < 40; ++i) {
      const auto number = static_cast<std::size_t>(i % 4);
      scene.run(
          streams[number], [&order, number] { order += static_cast<char>('a' + number); }, {}, "k",
          ms);
    }
    scene.driver.wait_until_idle();
    return order + std::to_string(scene.driver.now_ns());
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2)) << "another seed, another legal order";
}

TEST(virtual_time, perturbed_streams_keep_their_order_and_their_waits) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    emulated_options options = timed_options();
    options.perturb = true;
    options.seed = seed;
    emulated_scene scene(options);
    scene.open();
    const cu_stream first = scene.stream();
    const cu_stream second = scene.stream();
    const cu_event event = scene.event();
    int at_first = 0;
    int at_second = 0;
    bool is_ordered = true;
    for (int i = 1; i <= 10; ++i) {
      scene.run(first, [&, i] {
        is_ordered &= at_first == i - 1;
        at_first = i;
      });
      scene.cu.event_record(event, first);
      scene.cu.stream_wait_event(second, event, 0);
      scene.run(second, [&, i] {
        is_ordered &= at_first >= i && at_second == i - 1;
        at_second = i;
      });
    }
    scene.synchronize(second);
    EXPECT_TRUE(is_ordered) << "seed " << seed;
    EXPECT_EQ(at_second, 10);
  }
}

TEST(real_time, modelled_work_takes_at_least_its_time) {
  emulated_options options = timed_options();
  options.clock = emulated_clock::real_time;
  emulated_scene scene(options);
  scene.open();
  const cu_stream first = scene.stream();
  const cu_stream second = scene.stream();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2; ++i)
    scene.run(
        first, [] {}, {}, "kernel", 10 * ms);
  scene.run(
      second, [] {}, {}, "kernel", 10 * ms);
  scene.synchronize(first);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace narke::internal
