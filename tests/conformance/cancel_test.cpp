// cancel of work that has not begun.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <string>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;

namespace {

class cancelling : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(cancelling);

TEST_P(cancelling, a_queued_task_never_runs) {
  const tally ran;
  busy_cpus busy{GetParam()};
  auto queued = narke::task([=] { ran.add(); }).remote();
  EXPECT_TRUE(narke::cancel(queued));
  EXPECT_TRUE(narke::is_ready(queued));
  EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  busy.release();
  narke::get(narke::task([] {}).remote());
  EXPECT_EQ(ran.value(), 0);
}

TEST_P(cancelling, a_queued_task_of_the_other_lane_never_runs) {
  const tally ran;
  busy_cpus busy{GetParam()};
  auto queued = narke::task([=] { ran.add(); }, {.num_cpus = 0.5}).remote();
  EXPECT_TRUE(narke::cancel(queued, {.force = false, .recursive = true}));
  EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  busy.release();
  narke::get(narke::task([] {}, {.num_cpus = 0.5}).remote());
  EXPECT_EQ(ran.value(), 0);
}

TEST_P(cancelling, a_task_that_waits_for_its_arguments_never_runs) {
  gate hold;
  const tally ran;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }, {.num_cpus = 0}).remote();
  auto waiting = narke::task([=](int) { ran.add(); }).remote(slow);
  EXPECT_TRUE(narke::cancel(waiting));
  EXPECT_THROW(narke::get(waiting), narke::task_cancelled_error);
  hold.open();
  EXPECT_EQ(narke::get(slow), 1);
  EXPECT_EQ(ran.value(), 0);
}

// What is left of the task must go with the argument that it waited for: the leak checker tells.
TEST_P(cancelling, a_task_whose_argument_nobody_wants_any_more_is_freed) {
  const tally ended;
  {
    gate hold;
    auto slow = narke::task([=, wait = hold.waiter()] {
      wait();
      ended.add();
      return 1;
    }, {.num_cpus = 0}).remote();
    auto waiting = narke::task([](int, const std::string&) {}).remote(slow, std::string(100, 'x'));
    auto gathered = narke::task([](const std::vector<int>&) {}).remote(std::vector{slow});
    EXPECT_TRUE(narke::cancel(waiting));
    EXPECT_TRUE(narke::cancel(gathered));
    slow = {};
  }
  ended.wait_for(1);
}

TEST_P(cancelling, fails_what_depends_on_the_task) {
  busy_cpus busy{GetParam()};
  auto queued = narke::task([] { return 1; }).remote();
  auto after = narke::task([](int x) { return x; }).remote(queued);
  auto gathered = narke::task([](const std::vector<int>& v) { return v.size(); })
                      .remote(std::vector{narke::put(1), after});
  EXPECT_TRUE(narke::cancel(queued));
  EXPECT_THROW(narke::get(after), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(gathered), narke::task_cancelled_error);
}

TEST_P(cancelling, of_a_finished_task_has_no_effect) {
  auto done = narke::task([] { return 1; }).remote();
  narke::get(done);
  EXPECT_FALSE(narke::cancel(done));
  EXPECT_EQ(narke::get(done), 1);
  auto failed = narke::task([] { throw 1; }).remote();
  narke::wait(std::vector{failed});
  EXPECT_FALSE(narke::cancel(failed));
  EXPECT_THROW(narke::get(failed), int);
  EXPECT_FALSE(narke::cancel(narke::put(1)));
}

TEST_P(cancelling, wakes_those_who_wait) {
  busy_cpus busy{GetParam()};
  const auto queued = narke::task([] { return 1; }).remote();
  const tally waiting;
  std::jthread getter{[=] {
    waiting.add();
    EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  }};
  std::jthread waiter{[=] {
    waiting.add();
    EXPECT_EQ(narke::wait(std::vector{queued}).ready.size(), 1U);
  }};
  waiting.wait_for(2);
  EXPECT_TRUE(narke::cancel(queued));
}

TEST_P(cancelling, one_of_several_results_cancels_all) {
  busy_cpus busy{GetParam()};
  const auto make = [] { return std::pair{1, std::string{"b"}}; };
  auto [a, b] = narke::task(make).num_returns<2>().remote();
  EXPECT_TRUE(narke::cancel(a));
  EXPECT_TRUE(narke::is_ready(b));
  EXPECT_THROW(narke::get(a, b), narke::task_cancelled_error);
}

TEST_P(cancelling, lets_the_arguments_go) {
  const auto seen = narke_test::new_traffic();
  busy_cpus busy{GetParam()};
  auto queued = narke::task([](const narke_test::tracked&) {})
                    .remote(narke_test::tracked{seen, 1});
  EXPECT_TRUE(narke::cancel(queued));
  busy.release();
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(cancelling, through_an_untyped_ref_works) {
  busy_cpus busy{GetParam()};
  auto queued = narke::task([] { return 1; }).remote();
  EXPECT_TRUE(narke::cancel(narke::object_ref<void>{queued}));
  EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
}

struct slow_actor {
  void hold(const gate::waiter_type& wait, const tally& started) {
    started.add();
    wait();
  }
  int next() { return ++count; }
  int count = 0;
};

TEST_P(cancelling, a_queued_actor_call_is_skipped) {
  gate hold;
  const tally started;
  auto actor = narke::actor<slow_actor>().remote();
  auto first = actor.task(&slow_actor::hold).remote(hold.waiter(), started);
  started.wait_for(1);
  auto second = actor.task(&slow_actor::next).remote();
  auto third = actor.task(&slow_actor::next).remote();
  EXPECT_TRUE(narke::cancel(second));
  EXPECT_THROW(narke::get(second), narke::task_cancelled_error);
  hold.open();
  EXPECT_EQ(narke::get(third), 1);
}

}  // namespace
