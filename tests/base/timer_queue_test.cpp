#include "base/timer_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <support/gate.hpp>
#include <support/stress_rounds.hpp>
#include <support/watchdog.hpp>

using narke::internal::timer_id;
using narke::internal::timer_kind;
using narke::internal::timer_queue;
using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

void count(void* context) noexcept {
  auto& calls = *static_cast<std::atomic<int>*>(context);
  ++calls;
  calls.notify_all();
}
void wait_for(const std::atomic<int>& calls, int wanted) {
  for (int seen = calls; seen < wanted; seen = calls) calls.wait(seen);
}

TEST(timer_queue, calls_never_before_the_time) {
  struct {
    std::atomic<int> calls{0};
    clock::time_point called;
  } seen;
  timer_queue timers;
  timers.start();
  const auto time = clock::now() + 20ms;
  timers.schedule(time, [](void* context) noexcept {
    auto& to = *static_cast<decltype(seen)*>(context);
    to.called = clock::now();
    count(&to.calls);
  }, &seen);
  wait_for(seen.calls, 1);
  EXPECT_GE(seen.called, time);
}

TEST(timer_queue, calls_in_the_order_of_times_and_then_of_scheduling) {
  struct order_list {
    std::vector<int> order;
    std::atomic<int> calls{0};
  } list;
  struct item {
    order_list* to;
    int number;
  };
  timer_queue timers;
  const auto now = clock::now();
  std::vector<item> items{{&list, 0}, {&list, 1}, {&list, 2}, {&list, 3}};
  const auto call = [](void* context) noexcept {
    const auto& each = *static_cast<item*>(context);
    each.to->order.push_back(each.number);
    count(&each.to->calls);
  };
  timers.schedule(now + 3ms, call, &items[3]);
  timers.schedule(now + 1ms, call, &items[0]);
  timers.schedule(now + 2ms, call, &items[1]);
  timers.schedule(now + 2ms, call, &items[2]);
  timers.start();
  wait_for(list.calls, 4);
  EXPECT_EQ(list.order, (std::vector{0, 1, 2, 3}));
}

TEST(timer_queue, an_earlier_one_comes_first_though_it_is_scheduled_later) {
  std::atomic<int> late{0};
  std::atomic<int> early{0};
  timer_queue timers;
  timers.start();
  timers.schedule(clock::now() + 1h, count, &late);
  timers.schedule(clock::now(), count, &early);
  wait_for(early, 1);
  EXPECT_EQ(late, 0);
  EXPECT_EQ(timers.size(), 1U);
}

TEST(timer_queue, what_is_cancelled_is_not_called) {
  std::atomic<int> calls{0};
  timer_queue timers;
  const timer_id id = timers.schedule(clock::now(), count, &calls);
  EXPECT_TRUE(timers.cancel(id));
  EXPECT_FALSE(timers.cancel(id));
  std::atomic<int> other{0};
  timers.schedule(clock::now(), count, &other);
  timers.start();
  wait_for(other, 1);
  EXPECT_EQ(calls, 0);
}

TEST(timer_queue, cancel_waits_for_a_call_that_is_under_way) {
  struct {
    narke_test::gate hold;
    std::atomic<int> begun{0};
    std::atomic<bool> ended{false};
  } seen;
  timer_queue timers;
  timers.start();
  const timer_id id = timers.schedule(clock::now(), [](void* context) noexcept {
    auto& to = *static_cast<decltype(seen)*>(context);
    count(&to.begun);
    to.hold.waiter()();
    to.ended = true;
  }, &seen);
  wait_for(seen.begun, 1);
  std::jthread opener{[&] { seen.hold.open(); }};
  EXPECT_FALSE(timers.cancel(id));
  EXPECT_TRUE(seen.ended);
}

TEST(timer_queue, a_call_may_cancel_itself_and_schedule_another) {
  struct {
    timer_queue timers;
    timer_id id = 0;
    std::atomic<int> calls{0};
  } seen;
  seen.id = seen.timers.schedule(clock::now(), [](void* context) noexcept {
    auto& to = *static_cast<decltype(seen)*>(context);
    EXPECT_FALSE(to.timers.cancel(to.id));
    to.timers.schedule(clock::now(), count, &to.calls);
  }, &seen);
  seen.timers.start();
  wait_for(seen.calls, 1);
}

TEST(timer_queue, hurry_calls_only_what_may_come_early) {
  std::atomic<int> may{0};
  std::atomic<int> exact{0};
  timer_queue timers;
  timers.schedule(clock::now() + 1h, count, &may, timer_kind::may_come_early);
  timers.schedule(clock::now() + 1h, count, &exact);
  timers.hurry();
  EXPECT_EQ(may, 1);
  EXPECT_EQ(exact, 0);
}

TEST(timer_queue, stops_and_starts_again) {
  std::atomic<int> calls{0};
  timer_queue timers;
  timers.stop();
  for (int i = 1; i != 20; ++i) {
    timers.start();
    timers.start();
    timers.schedule(clock::now(), count, &calls);
    wait_for(calls, i);
    timers.stop();
  }
  timers.schedule(clock::now(), count, &calls);
  timers.start();
  wait_for(calls, 20);
}

// Each is called once, or cancelled in time: never both, never neither.
TEST(timer_queue, cancel_and_call_agree_under_threads) {
  timer_queue timers;
  timers.start();
  narke_test::on_threads(4, [&](int index) {
    std::mt19937 random{static_cast<unsigned>(index)};
    for (int i = 0; i != narke_test::stress_rounds(2'000); ++i) {
      std::atomic<int> calls{0};
      const auto time = clock::now() + std::chrono::microseconds{random() % 50};
      const timer_id id = timers.schedule(time, count, &calls);
      narke_test::spin_for(static_cast<int>(random() % 3'000));
      const bool in_time = timers.cancel(id);
      ASSERT_EQ(calls, in_time ? 0 : 1);
    }
  });
  EXPECT_EQ(timers.size(), 0U);
}

}  // namespace
