// The order of streams and events, on each of the three clocks.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "driver/emulated/emulated_fixture.hpp"

namespace narke::internal {
namespace {

class each_clock : public testing::TestWithParam<emulated_clock> {
 protected:
  static emulated_options options(int gpus = 1) {
    emulated_options made = small_options(gpus);
    made.clock = GetParam();
    return made;
  }
};

TEST_P(each_clock, work_of_one_stream_runs_in_the_order_of_the_calls) {
  emulated_scene scene(options());
  scene.open();
  const cu_stream stream = scene.stream();
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) scene.run(stream, [&order, i] { order.push_back(i); });
  ASSERT_EQ(scene.synchronize(stream), cu_result::success);
  ASSERT_EQ(order.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST_P(each_clock, a_wait_holds_its_stream_until_the_record) {
  emulated_scene scene(options());
  scene.open();
  const cu_stream first = scene.stream();
  const cu_stream second = scene.stream();
  const cu_event event = scene.event();
  std::atomic<int> step{0};
  int seen_by_second = -1;
  scene.run(
      first, [&] { step = 1; }, {}, "first", 1'000'000);
  ASSERT_EQ(scene.cu.event_record(event, first), cu_result::success);
  ASSERT_EQ(scene.cu.stream_wait_event(second, event, 0), cu_result::success);
  scene.run(second, [&] { seen_by_second = step; });
  ASSERT_EQ(scene.synchronize(second), cu_result::success);
  EXPECT_EQ(seen_by_second, 1);
  EXPECT_EQ(scene.driver.violation_count(), 0U) << scene.findings();
}

TEST_P(each_clock, a_wait_is_for_the_record_before_it_and_no_later_one) {
  emulated_scene scene(options());
  scene.open();
  const cu_stream first = scene.stream();
  const cu_stream second = scene.stream();
  const cu_stream third = scene.stream();
  const cu_event event = scene.event();
  const cu_event end_of_second = scene.event();
  ASSERT_EQ(scene.cu.event_record(event, first), cu_result::success);
  ASSERT_EQ(scene.cu.stream_wait_event(second, event, 0), cu_result::success);
  std::atomic<bool> second_ran{false};
  bool second_ran_before_first = false;
  scene.run(second, [&] { second_ran = true; });
  ASSERT_EQ(scene.cu.event_record(end_of_second, second), cu_result::success);
  // The event is recorded again behind work that waits for the second stream: a wait for this
  // record instead of the one before would never end.
  ASSERT_EQ(scene.cu.stream_wait_event(first, end_of_second, 0), cu_result::success);
  scene.run(first, [&] { second_ran_before_first = second_ran; });
  ASSERT_EQ(scene.cu.event_record(event, first), cu_result::success);
  ASSERT_EQ(scene.cu.stream_wait_event(third, event, 0), cu_result::success);
  ASSERT_EQ(scene.synchronize(third), cu_result::success);
  EXPECT_TRUE(second_ran_before_first);
}

TEST_P(each_clock, an_event_is_ready_when_its_stream_got_there) {
  emulated_scene scene(options());
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  EXPECT_EQ(scene.cu.event_query(event), cu_result::success) << "never recorded";
  int value = 0;
  scene.run(stream, [&] { value = 7; });
  ASSERT_EQ(scene.cu.event_record(event, stream), cu_result::success);
  cu_result code = scene.cu.event_query(event);
  while (code == cu_result::not_ready) code = scene.cu.event_query(event);
  EXPECT_EQ(code, cu_result::success);
  EXPECT_EQ(value, 7);
}

TEST_P(each_clock, a_query_of_a_busy_stream_says_so_until_it_is_done) {
  emulated_scene scene(options());
  scene.open();
  const cu_stream stream = scene.stream();
  EXPECT_EQ(scene.cu.stream_query(stream), cu_result::success);
  int value = 0;
  scene.run(stream, [&] { value = 3; });
  cu_result code = scene.cu.stream_query(stream);
  while (code == cu_result::not_ready) code = scene.cu.stream_query(stream);
  EXPECT_EQ(code, cu_result::success);
  EXPECT_EQ(value, 3);
}

TEST_P(each_clock, closures_are_dropped_once_whether_they_ran_or_not) {
  std::atomic<int> alive{0};
  struct counted {
    explicit counted(std::atomic<int>& count) : count_(&count) { ++*count_; }
    counted(const counted& other) : count_(other.count_) { ++*count_; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*count_; }
    std::atomic<int>* count_;
  };
  {
    emulated_scene scene(options());
    scene.open();
    const cu_stream stream = scene.stream();
    const counted token(alive);
    for (int i = 0; i < 20; ++i) scene.run(stream, [token] {});
    scene.driver.wait_until_idle();
    EXPECT_EQ(alive, 1);
    const cu_stream other = scene.stream();
    for (int i = 0; i < 20; ++i) scene.run(other, [token] {});
  }
  EXPECT_EQ(alive, 0);
}

TEST_P(each_clock, what_closures_captured_may_wait_for_a_lock_of_the_caller) {
  std::mutex mutex;
  std::atomic<int> dropped{0};
  struct locks_at_end {
    ~locks_at_end() {
      const std::lock_guard lock(*mutex);
      ++*dropped;
    }
    std::mutex* mutex;
    std::atomic<int>* dropped;
  };
  emulated_scene scene(options());
  scene.open();
  const cu_stream stream = scene.stream();
  {
    const std::lock_guard held(mutex);
    for (int i = 0; i < 3; ++i) {
      auto* token = new locks_at_end{&mutex, &dropped};
      const emulated_work work{
          .run = [](void*) { return true; },
          .drop = [](void* context) { delete static_cast<locks_at_end*>(context); },
          .context = token};
      ASSERT_EQ(scene.cu.emulate(stream, work), cu_result::success);
    }
    EXPECT_EQ(scene.synchronize(stream), cu_result::success);
    scene.driver.lose_device(0, cu_result::launch_failed);
  }
  scene.driver.wait_until_idle();
  EXPECT_EQ(dropped, 3);
}

INSTANTIATE_TEST_SUITE_P(clocks, each_clock,
                         testing::Values(emulated_clock::free_running, emulated_clock::real_time,
                                         emulated_clock::virtual_time),
                         [](const auto& one) {
                           switch (one.param) {
                             case emulated_clock::free_running:
                               return "free_running";
                             case emulated_clock::real_time:
                               return "real_time";
                             default:
                               return "virtual_time";
                           }
                         });

TEST(emulated_streams, a_long_closure_does_not_hold_up_other_streams) {
  emulated_scene scene;
  scene.open();
  const cu_stream slow = scene.stream();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(slow, [opened] { opened.wait(); });
  for (int i = 0; i < 6; ++i) {
    const cu_stream fast = scene.stream();
    scene.run(fast, [] {});
    EXPECT_EQ(scene.synchronize(fast), cu_result::success);
  }
  EXPECT_EQ(scene.cu.stream_query(slow), cu_result::not_ready);
  gate.set_value();
  EXPECT_EQ(scene.synchronize(slow), cu_result::success);
}

TEST(emulated_streams, a_stream_at_a_wait_does_not_hold_up_other_streams) {
  emulated_scene scene;
  scene.open();
  const cu_stream slow = scene.stream();
  const cu_stream waiting = scene.stream();
  const cu_stream free = scene.stream();
  const cu_event event = scene.event();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(slow, [opened] { opened.wait(); });
  scene.cu.event_record(event, slow);
  scene.cu.stream_wait_event(waiting, event, 0);
  scene.run(waiting, [] {});
  scene.run(free, [] {});
  EXPECT_EQ(scene.synchronize(free), cu_result::success);
  EXPECT_EQ(scene.cu.stream_query(waiting), cu_result::not_ready);
  gate.set_value();
  EXPECT_EQ(scene.synchronize(waiting), cu_result::success);
}

TEST(emulated_streams, a_launch_waits_while_the_queue_of_its_stream_is_full) {
  emulated_options options = small_options();
  options.launch_queue_depth = 4;
  emulated_scene scene(options);
  const cu_context context = scene.open();
  const cu_stream stream = scene.stream();
  const cu_stream other = scene.stream();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  scene.run(stream, [opened] { opened.wait(); });
  for (int i = 0; i < 3; ++i) scene.run(stream, [] {});
  EXPECT_EQ(scene.driver.launches_blocked(), 0U);
  std::atomic<bool> launched{false};
  std::thread submitter([&] {
    scene.cu.ctx_set_current(context);
    scene.run(stream, [] {});
    launched = true;
  });
  while (scene.driver.launches_blocked() == 0) std::this_thread::yield();
  scene.run(other, [] {});
  EXPECT_EQ(scene.synchronize(other), cu_result::success) << "the full stream delays another";
  EXPECT_FALSE(launched);
  gate.set_value();
  submitter.join();
  EXPECT_EQ(scene.synchronize(stream), cu_result::success);
}

TEST(emulated_streams, a_full_queue_is_worked_off_in_virtual_time) {
  emulated_options options = small_options();
  options.launch_queue_depth = 4;
  options.clock = emulated_clock::virtual_time;
  emulated_scene scene(options);
  scene.open();
  const cu_stream stream = scene.stream();
  int ran = 0;
  for (int i = 0; i < 20; ++i) scene.run(stream, [&] { ++ran; });
  EXPECT_GE(ran, 16);
  scene.synchronize(stream);
  EXPECT_EQ(ran, 20);
}

TEST(emulated_streams, a_destroyed_stream_finishes_what_it_holds) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  std::atomic<int> ran{0};
  for (int i = 0; i < 10; ++i) scene.run(stream, [&] { ++ran; });
  EXPECT_EQ(scene.cu.stream_destroy(stream), cu_result::success);
  scene.driver.wait_until_idle();
  EXPECT_EQ(ran, 10);
}

TEST(emulated_streams, an_event_is_destroyed_while_it_is_waited_for) {
  emulated_scene scene;
  scene.open();
  const cu_stream first = scene.stream();
  const cu_stream second = scene.stream();
  const cu_event event = scene.event();
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  std::atomic<bool> first_ran{false};
  bool was_ordered = false;
  scene.run(first, [&, opened] {
    opened.wait();
    first_ran = true;
  });
  scene.cu.event_record(event, first);
  scene.cu.stream_wait_event(second, event, 0);
  EXPECT_EQ(scene.cu.event_destroy(event), cu_result::success);
  scene.run(second, [&] { was_ordered = first_ran; });
  gate.set_value();
  EXPECT_EQ(scene.synchronize(second), cu_result::success);
  EXPECT_TRUE(was_ordered);
}

TEST(emulated_streams, the_time_between_two_events_needs_timing) {
  emulated_options options = small_options();
  options.clock = emulated_clock::virtual_time;
  options.model.launch_latency_ns = 0;
  emulated_scene scene(options);
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event begin = scene.event(cu_event_default);
  const cu_event end = scene.event(cu_event_default);
  const cu_event untimed = scene.event(cu_event_disable_timing);
  scene.cu.event_record(begin, stream);
  scene.run(
      stream, [] {}, {}, "work", 2'500'000);
  scene.cu.event_record(end, stream);
  scene.cu.event_record(untimed, stream);
  float milliseconds = 0;
  EXPECT_EQ(scene.cu.event_elapsed_time(&milliseconds, begin, end), cu_result::not_ready);
  scene.synchronize(stream);
  EXPECT_EQ(scene.cu.event_elapsed_time(&milliseconds, begin, end), cu_result::success);
  EXPECT_FLOAT_EQ(milliseconds, 2.5F);
  EXPECT_EQ(scene.cu.event_elapsed_time(&milliseconds, begin, untimed), cu_result::invalid_handle);
}

TEST(emulated_streams, calls_are_counted_by_entry_point) {
  emulated_scene scene;
  scene.open();
  const cu_stream stream = scene.stream();
  const cu_event event = scene.event();
  scene.driver.reset_calls();
  for (int i = 0; i < 5; ++i) scene.cu.event_record(event, stream);
  scene.cu.stream_wait_event(stream, event, 0);
  EXPECT_EQ(scene.driver.calls("event_record"), 5U);
  EXPECT_EQ(scene.driver.calls("stream_wait_event"), 1U);
  EXPECT_EQ(scene.driver.calls("stream_synchronize"), 0U);
  EXPECT_EQ(scene.driver.calls_total(), 6U);
  EXPECT_THROW((void)scene.driver.calls("cuEventRecord"), std::invalid_argument);
}

TEST(emulated_streams, only_one_emulated_driver_lives_at_a_time) {
  auto first = std::make_unique<emulated_driver>(small_options());
  EXPECT_THROW(std::make_unique<emulated_driver>(small_options()), std::logic_error);
  const driver_table& table = first->table();
  EXPECT_EQ(table.init(0), cu_result::success);
  first.reset();
  EXPECT_EQ(table.init(0), cu_result::deinitialized);
  emulated_driver second(small_options());
  EXPECT_EQ(second.table().init(0), cu_result::success);
}

}  // namespace
}  // namespace narke::internal
