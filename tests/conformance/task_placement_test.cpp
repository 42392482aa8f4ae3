// Resources of running tasks: never more than there is, never less than could run, back before the
// result.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <algorithm>
#include <functional>
#include <latch>
#include <memory>
#include <vector>

using narke_test::available;
using narke_test::gate;
using narke_test::tally;

namespace {

class task_placement : public narke_test::runtime_test {};

/// Starts `count` tasks that can only end when all of them run at once.
void expect_together(int count, const narke::task_options& options) {
  const auto met = std::make_shared<std::latch>(count);
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < count; ++i) {
    refs.push_back(narke::task([=] { met->arrive_and_wait(); }, options).remote());
  }
  narke::get(refs);
}

/// The most of `count` tasks that ever ran at once.
int most_at_once(int count, const narke::task_options& options) {
  const auto running = std::make_shared<std::atomic<int>>(0);
  const auto most = std::make_shared<std::atomic<int>>(0);
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < count; ++i) {
    refs.push_back(narke::task([=] {
                     const int with_me = ++*running;
                     int seen = most->load();
                     while (seen < with_me && !most->compare_exchange_weak(seen, with_me)) {
                     }
                     std::this_thread::yield();
                     --*running;
                   }, options).remote());
  }
  narke::wait(refs, {.num_returns = refs.size()});
  return *most;
}

TEST_F(task_placement, as_many_tasks_as_cpus_run_together) {
  for (const int cpus : {1, 2, 4}) {
    start(cpus);
    expect_together(cpus, {});
    EXPECT_LE(most_at_once(200, {}), cpus);
    narke::shutdown();
  }
}

TEST_F(task_placement, ten_tenths_fit_in_one) {
  start(1);
  expect_together(10, {.num_cpus = 0.1});
  EXPECT_LE(most_at_once(100, {.num_cpus = 0.1}), 10);
  EXPECT_EQ(available("CPU"), 1.0);
  narke::shutdown();
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  expect_together(10, {.num_cpus = 0, .resources = {{"license", 0.1}}});
  EXPECT_LE(most_at_once(100, {.num_cpus = 0, .resources = {{"license", 0.1}}}), 10);
  EXPECT_EQ(available("license"), 1.0);
}

TEST_F(task_placement, halves_pair_up) {
  start(2);
  expect_together(4, {.num_cpus = 0.5});
  EXPECT_LE(most_at_once(100, {.num_cpus = 0.5}), 4);
}

TEST_F(task_placement, tasks_of_two_cpus_take_both) {
  start(2);
  EXPECT_EQ(most_at_once(50, {.num_cpus = 2}), 1);
  narke::shutdown();
  start(4);
  expect_together(2, {.num_cpus = 2});
  EXPECT_LE(most_at_once(50, {.num_cpus = 2}), 2);
}

TEST_F(task_placement, tasks_of_no_cpu_run_beside_full_cpus) {
  start(1);
  narke_test::busy_cpus busy{1};
  expect_together(5, {.num_cpus = 0});
}

TEST_F(task_placement, wide_tasks_are_not_starved_by_narrow_ones) {
  start(2);
  auto stop = std::make_shared<std::atomic<bool>>(false);
  const tally streams;
  std::function<void()> again = [=, &again] {
    if (!*stop) {
      narke::task(again).remote();
    } else {
      streams.add();
    }
  };
  for (int i = 0; i < 4; ++i) narke::task(again).remote();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.num_cpus = 2}).remote()), 1);
  }
  *stop = true;
  streams.wait_for(4);
}

TEST_F(task_placement, mixed_widths_never_exceed_the_cpus) {
  start(4);
  const auto used = std::make_shared<std::atomic<int>>(0);
  const auto most = std::make_shared<std::atomic<int>>(0);
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 600; ++i) {
    const int halves = i % 5 == 0 ? 1 + i % 8 : 2;
    refs.push_back(narke::task([=] {
                     const int with_me = *used += halves;
                     int seen = most->load();
                     while (seen < with_me && !most->compare_exchange_weak(seen, with_me)) {
                     }
                     std::this_thread::yield();
                     *used -= halves;
                   }, {.num_cpus = halves / 2.0}).remote());
  }
  narke::get(refs);
  EXPECT_LE(*most, 8);
}

struct worker_like {
  void run(const std::function<void()>& body) { body(); }
};

TEST_F(task_placement, threads_that_get_and_actors_never_exceed_the_cpus) {
  start(2);
  const auto running = std::make_shared<std::atomic<int>>(0);
  const auto most = std::make_shared<std::atomic<int>>(0);
  const std::function<void()> body = [=] {
    const int with_me = ++*running;
    int seen = most->load();
    while (seen < with_me && !most->compare_exchange_weak(seen, with_me)) {
    }
    std::this_thread::yield();
    --*running;
  };
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([=] {
      auto actor = narke::actor<worker_like>().remote();
      for (int i = 0; i < 100; ++i) {
        narke::task(body).remote();
        auto call = actor.task(&worker_like::run).remote(body);
        narke::get(narke::task(body).remote());
        narke::get(narke::task(body, {.num_cpus = 2}).remote());
        narke::get(call);
      }
    });
  }
  threads.clear();
  EXPECT_LE(*most, 2);
}

TEST_F(task_placement, resources_are_back_before_the_result_is_there) {
  narke::init({.num_cpus = 2,
               .resources = {{"license", 1}},
               .emulated_gpus = {.count = 1, .memory_bytes = 1 << 20}});
  const auto all = narke_test::all_resources();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(narke::get(narke::task([](int x) { return x; }).remote(i)), i);
    ASSERT_EQ(available("CPU"), 2.0);
    auto placed = narke::task([] { return 1; }, {.num_cpus = 2,
                                                 .num_gpus = 0.5,
                                                 .memory = 1000,
                                                 .resources = {{"license", 1}}});
    EXPECT_EQ(narke::get(placed.remote()), 1);
    ASSERT_EQ(narke::available_resources().at("license"), 1.0);
    ASSERT_EQ(available("CPU"), 2.0);
    ASSERT_EQ(available("GPU"), 1.0);
    ASSERT_EQ(available("memory"), all.at("memory"));
    auto failing = narke::task([] { throw 1; }, {.resources = {{"license", 1}}});
    EXPECT_THROW(narke::get(failing.remote()), int);
    ASSERT_EQ(available("license"), 1.0);
    ASSERT_EQ(available("CPU"), 2.0);
  }
}

TEST_F(task_placement, resources_are_back_before_wait_sees_the_result) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  for (int i = 0; i < 100; ++i) {
    auto ref = narke::task([] { return 1; }, {.resources = {{"license", 1}}}).remote();
    narke::wait(std::vector{ref});
    ASSERT_EQ(available("license"), 1.0);
    auto polled = narke::task([] { return 1; }, {.resources = {{"license", 1}}}).remote();
    ASSERT_TRUE(narke_test::eventually([&] { return narke::is_ready(polled); }));
    ASSERT_EQ(available("license"), 1.0);
  }
}

TEST_F(task_placement, running_tasks_show_in_what_is_available) {
  narke::init({.num_cpus = 4, .resources = {{"license", 2}}});
  gate hold;
  const tally started;
  const auto wait = [=, wait = hold.waiter()] {
    started.add();
    wait();
  };
  const double memory = available("memory");
  auto a = narke::task(wait, {.num_cpus = 2.5, .resources = {{"license", 2}}}).remote();
  auto b = narke::task(wait, {.num_cpus = 0, .memory = 4096}).remote();
  auto c = narke::task(wait).remote();
  started.wait_for(3);
  EXPECT_EQ(available("CPU"), 0.5);
  EXPECT_EQ(narke::available_resources().count("license"), 0U);
  EXPECT_EQ(available("memory"), memory - 4096);
  hold.open();
  narke::get(a, b, c);
}

TEST_F(task_placement, waiting_for_a_resource_does_not_hold_back_others) {
  narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
  gate hold;
  const tally started;
  auto holder = narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
  }, {.num_cpus = 0, .resources = {{"license", 1}}}).remote();
  started.wait_for(1);
  auto queued = narke::task([] { return 2; }, {.resources = {{"license", 1}}}).remote();
  EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.num_cpus = 2}).remote()), 1);
  EXPECT_EQ(narke::get(narke::task([] { return 1; }, {.num_cpus = 0.5}).remote()), 1);
  EXPECT_FALSE(narke::is_ready(queued));
  hold.open();
  EXPECT_EQ(narke::get(queued), 2);
}

TEST_F(task_placement, a_task_waits_for_its_arguments_without_its_resources) {
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  auto after = narke::task([](int x) { return x; }, {.resources = {{"license", 1}}}).remote(slow);
  EXPECT_EQ(narke::get(narke::task([] { return 2; }, {.resources = {{"license", 1}}}).remote()), 2);
  hold.open();
  EXPECT_EQ(narke::get(after), 1);
}

}  // namespace
