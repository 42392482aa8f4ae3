// What shutdown does to work in every state, and what outlives it.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using narke_test::gate;
using narke_test::tally;

namespace {

class shutting_down : public narke_test::runtime_test {};

void until_stopped(const tally& started) {
  started.add();
  while (!narke::stop_requested()) std::this_thread::yield();
}

TEST_F(shutting_down, asks_running_tasks_to_stop_and_waits_for_them) {
  start(2);
  const tally started;
  const tally ended;
  for (int i = 0; i < 2; ++i) {
    narke::task([=] {
      until_stopped(started);
      ended.add();
    }).remote();
  }
  started.wait_for(2);
  narke::shutdown();
  EXPECT_EQ(ended.value(), 2);
}

TEST_F(shutting_down, the_stop_token_tells_too) {
  start(1);
  const tally started;
  const tally called;
  narke::task([=] {
    const std::stop_token token = narke::stop_token();
    EXPECT_TRUE(token.stop_possible());
    const std::stop_callback callback{token, [=] { called.add(); }};
    started.add();
    while (!token.stop_requested()) std::this_thread::yield();
  }).remote();
  started.wait_for(1);
  narke::shutdown();
  EXPECT_EQ(called.value(), 1);
}

TEST_F(shutting_down, stop_is_not_requested_before) {
  start(1);
  EXPECT_FALSE(narke::get(narke::task([] { return narke::stop_requested(); }).remote()));
}

TEST_F(shutting_down, drops_queued_tasks) {
  start(1);
  const tally started;
  const tally ran;
  narke::task([=] { until_stopped(started); }).remote();
  started.wait_for(1);
  std::vector<narke::object_ref<void>> queued;
  for (int i = 0; i < 100; ++i) queued.push_back(narke::task([=] { ran.add(); }).remote());
  auto placed = narke::task([=] { ran.add(); }, {.num_cpus = 0.5}).remote();
  narke::shutdown();
  EXPECT_EQ(ran.value(), 0);
  for (auto& ref : queued) EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(placed), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  EXPECT_TRUE(narke::is_ready(queued[0]));
}

TEST_F(shutting_down, drops_tasks_that_wait_for_arguments) {
  start(1);
  const tally started;
  auto never = narke::task([=] {
    until_stopped(started);
    throw narke_test::odd_error{"stopped", 1};
  }).remote();
  auto second = narke::task([=] { return 1; }).remote();
  auto waiting = narke::task([](int x) { return x; }).remote(second);
  auto chained = narke::task([](int x) { return x; }).remote(waiting);
  started.wait_for(1);
  narke::shutdown();
  EXPECT_THROW(narke::get(second), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(waiting), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(chained), narke::task_cancelled_error);
  EXPECT_ANY_THROW(narke::get(never));
}

TEST_F(shutting_down, lets_go_of_the_arguments_and_callables_of_dropped_tasks) {
  start(1);
  const auto seen = narke_test::new_traffic();
  const tally started;
  narke::task([=] { until_stopped(started); }).remote();
  started.wait_for(1);
  auto kept = narke::task([](const narke_test::tracked&) {}).remote(narke_test::tracked{seen, 1});
  narke::task([held = narke_test::tracked{seen, 2}] {}).remote();
  EXPECT_GE(seen->alive, 2);
  narke::shutdown();
  EXPECT_EQ(seen->alive, 0);
}

TEST_F(shutting_down, wakes_a_thread_that_waits_for_a_dropped_task) {
  start(1);
  const tally started;
  const tally waiting;
  narke::task([=] { until_stopped(started); }).remote();
  started.wait_for(1);
  auto queued = narke::task([] { return 1; }).remote();
  std::jthread getter{[=] {
    waiting.add();
    EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  }};
  std::jthread waiter{[=] {
    waiting.add();
    const auto [ready, not_ready] = narke::wait(std::vector{queued});
    EXPECT_EQ(ready.size(), 1U);
  }};
  waiting.wait_for(2);
  narke::shutdown();
}

TEST_F(shutting_down, wakes_a_task_that_waits_for_a_dropped_task) {
  start(2);
  const tally started;
  const tally cancelled;
  gate hold;
  narke::task([=] { until_stopped(started); }).remote();
  narke::task([=] {
    auto scarce = narke::task([] { return 1; }, {.num_cpus = 2}).remote();
    started.add();
    try {
      narke::get(scarce);
    } catch (const narke::task_cancelled_error&) {
      cancelled.add();
      throw;
    }
  }).remote();
  started.wait_for(2);
  narke::shutdown();
  EXPECT_EQ(cancelled.value(), 1);
}

TEST_F(shutting_down, with_a_time_limit_says_false_while_work_drains) {
  start(1);
  gate hold;
  const tally started;
  narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
  }).remote();
  started.wait_for(1);
  EXPECT_FALSE(narke::shutdown(0ms));
  EXPECT_FALSE(narke::shutdown(std::chrono::duration<double, std::milli>{0.5}));
  EXPECT_THROW(narke::task([] {}).remote(), narke::task_cancelled_error);
  hold.open();
  narke::shutdown();
  EXPECT_FALSE(narke::is_initialized());
}

TEST_F(shutting_down, with_a_time_limit_says_true_when_done) {
  start(1);
  EXPECT_TRUE(narke::shutdown(std::chrono::hours::max()));
  EXPECT_FALSE(narke::is_initialized());
}

TEST_F(shutting_down, remote_inside_a_running_task_throws_task_cancelled_error) {
  start(1);
  const tally started;
  const tally refused;
  narke::task([=] {
    until_stopped(started);
    try {
      narke::task([] {}).remote();
    } catch (const narke::task_cancelled_error&) {
      refused.add();
    }
  }).remote();
  started.wait_for(1);
  narke::shutdown();
  EXPECT_EQ(refused.value(), 1);
}

TEST_F(shutting_down, wakes_tasks_that_wait_in_every_way) {
  start(2);
  const tally waiting;
  const tally woken;
  auto slow = narke::task([waiting] { until_stopped(waiting); }, {.num_cpus = 2}).remote();
  waiting.wait_for(1);
  auto queued = narke::task([] { return 1; }).remote();
  const auto blocked = [=](auto wait_for) {
    narke::task([=] {
      waiting.add();
      wait_for(queued);
      woken.add();
    }, {.num_cpus = 0}).remote();
  };
  blocked([](const auto& ref) { narke::wait(std::vector{ref}); });
  blocked([](const auto& ref) { narke::wait(std::vector{ref}, {.timeout = 1h}); });
  blocked([](const auto& ref) {
    for (auto& each : narke::as_completed(std::vector{ref})) EXPECT_TRUE(narke::is_ready(each));
  });
  blocked([](const auto& ref) {
    EXPECT_THROW(narke::get(std::vector{ref}), narke::task_cancelled_error);
  });
  blocked([](const auto& ref) { EXPECT_THROW(narke::get(ref, 1h), narke::task_cancelled_error); });
  waiting.wait_for(6);
  narke::shutdown();
  EXPECT_EQ(woken.value(), 5);
}

TEST_F(shutting_down, calls_on_refs_and_handles_stay_harmless_afterwards) {
  start(1);
  const tally started;
  narke::task([=] { until_stopped(started); }).remote();
  started.wait_for(1);
  auto dropped = narke::task([] { return 1; }).remote();
  auto ready = narke::put(2);
  narke::shutdown();
  EXPECT_FALSE(narke::cancel(dropped));
  EXPECT_FALSE(narke::cancel(ready));
  EXPECT_EQ(narke::wait(std::vector{dropped, ready}, {.num_returns = 2}).ready.size(), 2U);
  int count = 0;
  for (auto& ref : narke::as_completed(std::vector{dropped, ready})) count += narke::is_ready(ref);
  EXPECT_EQ(count, 2);
  EXPECT_EQ(narke::get(std::vector{ready, ready}), (std::vector{2, 2}));
}

TEST_F(shutting_down, ends_actors_that_wait_for_resources) {
  const auto seen = narke_test::new_traffic();
  narke::init({.num_cpus = 1, .resources = {{"license", 1}}});
  struct holder {
    explicit holder(const std::shared_ptr<narke_test::traffic>& t) : state{t, 1} {}
    int value() { return state.value; }
    narke_test::tracked state;
  };
  const narke::actor_options licensed{.resources = {{"license", 1}}};
  auto first = narke::actor<holder>(licensed).remote(seen);
  EXPECT_EQ(narke::get(first.task(&holder::value).remote()), 1);
  auto second = narke::actor<holder>(licensed).remote(seen);
  auto call = second.task(&holder::value).remote();
  narke::shutdown();
  EXPECT_THROW(narke::get(call), narke::error);
  EXPECT_EQ(seen->alive, 0);
}

TEST_F(shutting_down, values_that_were_ready_outlive_the_runtime) {
  start(2);
  auto text = narke::put(std::string(1000, 'x'));
  auto number = narke::task([] { return 5; }).remote();
  auto failed = narke::task([] { throw narke_test::odd_error{"odd", 9}; }).remote();
  auto moving = narke::put(narke_test::move_only{4});
  narke::wait(std::vector<narke::object_ref<void>>{number, failed}, {.num_returns = 2});
  narke::shutdown();
  EXPECT_EQ(narke::get(text), std::string(1000, 'x'));
  EXPECT_EQ(narke::get(number), 5);
  EXPECT_EQ(narke::get(number, 0ms), 5);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(failed); }), 9);
  EXPECT_EQ(*narke::get(std::move(moving)).value, 4);
  EXPECT_EQ(narke::wait(std::vector{number}).ready.size(), 1U);
}

TEST_F(shutting_down, refs_of_one_runtime_are_arguments_in_the_next) {
  start(1);
  auto value = narke::put(std::string{"kept"});
  const tally started;
  narke::task([=] { until_stopped(started); }).remote();
  started.wait_for(1);
  auto dropped = narke::task([] { return 1; }).remote();
  narke::shutdown();
  start(1);
  auto length = narke::task([](const std::string& s) { return s.size(); }).remote(value);
  EXPECT_EQ(narke::get(length), 4U);
  EXPECT_THROW(narke::get(narke::task([](int x) { return x; }).remote(dropped)),
               narke::task_cancelled_error);
}

TEST_F(shutting_down, values_die_with_their_refs_afterwards) {
  const auto seen = narke_test::new_traffic();
  {
    start(1);
    auto put = narke::put(narke_test::tracked{seen, 1});
    auto made = narke::task([=] { return narke_test::tracked{seen, 2}; }).remote();
    narke::wait(std::vector{made});
    narke::shutdown();
    EXPECT_EQ(seen->alive, 2);
  }
  EXPECT_EQ(seen->alive, 0);
}

struct keeper {
  explicit keeper(std::shared_ptr<narke_test::traffic> seen) : state{std::move(seen), 1} {}
  int value() const { return state.value; }
  narke_test::tracked state;
};

TEST_F(shutting_down, ends_actors_and_their_handles_stay_harmless) {
  const auto seen = narke_test::new_traffic();
  start(1);
  auto actor = narke::actor<keeper>({.lifetime = narke::actor_lifetime::detached}).remote(seen);
  EXPECT_EQ(narke::get(actor.task(&keeper::value).remote()), 1);
  narke::shutdown();
  EXPECT_EQ(seen->alive, 0);
  EXPECT_THROW(narke::get(actor.task(&keeper::value).remote()), narke::error);
  start(1);
  EXPECT_THROW(narke::get(actor.task(&keeper::value).remote()), narke::error);
  EXPECT_NO_THROW(narke::kill(actor));
}

TEST_F(shutting_down, drops_queued_actor_calls) {
  struct slow {
    void run(const tally& started) { until_stopped(started); }
    int quick() { return 1; }
  };
  start(2);
  const tally started;
  auto actor = narke::actor<slow>().remote();
  actor.task(&slow::run).remote(started);
  started.wait_for(1);
  std::vector<narke::object_ref<int>> queued;
  for (int i = 0; i < 10; ++i) queued.push_back(actor.task(&slow::quick).remote());
  narke::shutdown();
  for (auto& ref : queued) EXPECT_THROW(narke::get(ref), narke::error);
}

TEST_F(shutting_down, ends_actors_whose_constructor_waits_for_what_never_comes) {
  class waiting {
   public:
    explicit waiting(int value) : value_{value} {}
    int value() { return value_; }

   private:
    int value_;
  };
  start(2);
  const narke::promise<int> never;
  auto without_calls = narke::actor<waiting>().remote(never.ref());
  auto called = narke::actor<waiting>().remote(never.ref());
  auto call = called.task(&waiting::value).remote();
  narke::shutdown();
  EXPECT_THROW(narke::get(call), narke::error);
  EXPECT_THROW(narke::get(without_calls.task(&waiting::value).remote()), narke::error);
}

TEST_F(shutting_down, drops_placement_groups_while_their_handles_go) {
  for (int round = 0; round != 30; ++round) {
    narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
    const tally started;
    narke::task([=] { until_stopped(started); }, {.resources = {{"license", 1}}}).remote();
    started.wait_for(1);
    std::vector<narke::placement_group> groups;
    for (int i = 0; i != 40; ++i) {
      groups.push_back(
          narke::placement_group{std::vector<narke::bundle>{{.resources = {{"license", 1}}}}});
    }
    auto ready = groups.front().ready();
    std::thread lets_go{[&] {
      while (!groups.empty()) groups.pop_back();
    }};
    narke::shutdown();
    lets_go.join();
    EXPECT_TRUE(narke::is_ready(ready)) << "granted as the task ended, or dropped";
  }
}

}  // namespace
