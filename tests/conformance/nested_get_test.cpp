// Tasks that wait for tasks: never a deadlock on CPUs, whatever their number.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <mutex>
#include <thread>

using narke_test::available;
using narke_test::gate;
using narke_test::tally;

namespace {

class nested_get : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(nested_get);

int fibonacci(int n) {
  if (n < 2) return n;
  auto a = narke::task(fibonacci).remote(n - 1);
  auto b = narke::task(fibonacci).remote(n - 2);
  return narke::get(a) + narke::get(b);
}

TEST_P(nested_get, trees_of_tasks_complete) {
  EXPECT_EQ(narke::get(narke::task(fibonacci).remote(12)), 144);
}

int descend(int depth) {
  return depth == 0 ? 0 : 1 + narke::get(narke::task(descend).remote(depth - 1));
}

TEST_P(nested_get, a_thousand_levels_deep) {
  EXPECT_EQ(narke::get(narke::task(descend).remote(1000)), 1000);
}

int descend_placed(int depth) {
  if (depth == 0) return 0;
  return 1 + narke::get(narke::task(descend_placed, {.num_cpus = 0.5}).remote(depth - 1));
}

TEST_P(nested_get, a_hundred_levels_deep_in_the_other_lane) {
  EXPECT_EQ(narke::get(narke::task(descend_placed, {.num_cpus = 0.5}).remote(100)), 100);
}

int descend_with_large_frames(int depth) {
  volatile char frame[64 * 1024];
  frame[0] = 1;
  frame[sizeof frame - 1] = 1;
  if (depth == 0) return 0;
  const int below = narke::get(narke::task(descend_with_large_frames).remote(depth - 1));
  return below + frame[0] * frame[sizeof frame - 1];
}

TEST_P(nested_get, large_frames_do_not_overflow_the_stack) {
  EXPECT_EQ(narke::get(narke::task(descend_with_large_frames).remote(400)), 400);
}

TEST_P(nested_get, chains_of_unstarted_tasks_are_run_where_they_are_needed) {
  const auto outer = [](int length) {
    auto ref = narke::task([] { return 0; }).remote();
    for (int i = 0; i < length; ++i) ref = narke::task([](int x) { return x + 1; }).remote(ref);
    return narke::get(ref);
  };
  EXPECT_EQ(narke::get(narke::task(outer).remote(10000)), 10000);
}

TEST_P(nested_get, hundreds_of_tasks_may_be_blocked_at_once) {
  gate hold;
  const tally waiting;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 200; ++i) {
    refs.push_back(narke::task([=] {
                     waiting.add();
                     return narke::get(slow);
                   }).remote());
  }
  waiting.wait_for(200);
  EXPECT_EQ(narke::get(narke::task([] { return 7; }).remote()), 7);
  hold.open();
  EXPECT_EQ(narke::get(refs), std::vector<int>(200, 1));
}

TEST_P(nested_get, a_blocked_task_gives_its_cpus_back) {
  gate hold;
  const tally waiting;
  auto slow = narke::task([wait = hold.waiter()] { wait(); }, {.num_cpus = 0}).remote();
  std::vector<narke::object_ref<void>> blocked;
  const auto block = [=](const narke::task_options& options) {
    return narke::task([=] {
      waiting.add();
      narke::get(slow);
    }, options).remote();
  };
  for (int i = 0; i < 4; ++i) blocked.push_back(block({}));
  blocked.push_back(block({.num_cpus = GetParam()}));
  blocked.push_back(block({.num_cpus = 0.5}));
  waiting.wait_for(6);
  EXPECT_TRUE(narke_test::eventually([&] { return available("CPU") == GetParam(); }));
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.num_cpus = GetParam()}).remote()), 1);
  hold.open();
  narke::get(blocked);
}

TEST_P(nested_get, blocked_in_wait_and_as_completed_gives_the_cpu_back_too) {
  gate hold;
  const tally waiting;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  std::vector<narke::object_ref<void>> blocked;
  for (int i = 0; i < GetParam(); ++i) {
    blocked.push_back(narke::task([=] {
                        waiting.add();
                        narke::wait(std::vector{slow});
                      }).remote());
    blocked.push_back(narke::task([=] {
                        waiting.add();
                        for (auto& ref : narke::as_completed(std::vector{slow})) narke::get(ref);
                      }).remote());
    blocked.push_back(narke::task([=] {
                        waiting.add();
                        narke::get(slow, std::chrono::hours{1});
                      }).remote());
    blocked.push_back(narke::task([=] {
                        waiting.add();
                        narke::get(std::vector{slow});
                      }).remote());
  }
  waiting.wait_for(4 * GetParam());
  EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
  hold.open();
  narke::get(blocked);
}

TEST_P(nested_get, a_task_resumes_though_all_cpus_are_busy) {
  gate hold;
  const tally waiting;
  auto slow = narke::task([wait = hold.waiter()] { wait(); }, {.num_cpus = 0}).remote();
  auto blocked = narke::task([=] {
    waiting.add();
    narke::get(slow);
    return 5;
  }).remote();
  waiting.wait_for(1);
  const narke_test::busy_cpus busy{GetParam()};
  hold.open();
  EXPECT_EQ(narke::get(blocked), 5);
}

TEST_P(nested_get, a_lock_held_over_a_get_does_not_deadlock) {
  auto mutex = std::make_shared<std::mutex>();
  const auto locked = [=](int x) {
    const std::lock_guard lock{*mutex};
    return narke::get(narke::task([](int y) { return y + 1; }).remote(x));
  };
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 200; ++i) refs.push_back(narke::task(locked).remote(i));
  const auto all = narke::get(refs);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(all[i], i + 1);
}

TEST_P(nested_get, an_outside_thread_never_runs_more_than_the_cpus_allow) {
  const narke_test::busy_cpus busy{GetParam()};
  const auto queued = narke::task([] { return std::this_thread::get_id(); }).remote();
  EXPECT_THROW(narke::get(queued, std::chrono::milliseconds{1}), narke::get_timeout_error);
  EXPECT_FALSE(narke::is_ready(queued));
}

TEST_P(nested_get, results_and_exceptions_cross_all_levels) {
  const auto inner = []() -> int { throw narke_test::odd_error{"deep", 3}; };
  const auto middle = [=] { return narke::get(narke::task(inner).remote()); };
  const auto outer = [=] { return narke::get(narke::task(middle).remote()); };
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(narke::task(outer).remote()); }), 3);
}

class nested_resources : public narke_test::runtime_test {};

TEST_F(nested_resources, a_blocked_task_keeps_its_custom_resources) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  gate hold;
  const tally waiting;
  auto slow = narke::task([wait = hold.waiter()] { wait(); }, {.num_cpus = 0}).remote();
  auto blocked = narke::task([=] {
    waiting.add();
    narke::get(slow);
  }, {.memory = 1000, .resources = {{"license", 1}}}).remote();
  waiting.wait_for(1);
  EXPECT_TRUE(narke_test::eventually([] { return available("CPU") == 1.0; }));
  EXPECT_EQ(available("license"), 0.0);
  auto other = narke::task([] { return 1; }, {.resources = {{"license", 1}}}).remote();
  EXPECT_EQ(narke::get(narke::task([] { return 2; }).remote()), 2);
  EXPECT_FALSE(narke::is_ready(other));
  hold.open();
  narke::get(blocked);
  EXPECT_EQ(narke::get(other), 1);
}

}  // namespace
