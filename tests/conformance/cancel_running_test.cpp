// cancel of work that runs: it is asked to stop, and fails when its body ends.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

using narke_test::eventually;
using narke_test::gate;
using narke_test::tally;

namespace {

class cancel_running : public narke_test::on_cpus_test {
 protected:
  // Counts itself as started, and ends when it is asked to.
  auto obedient(int value = 1) {
    return narke::task([started = started_, value] {
      started.add();
      while (!narke::stop_requested()) std::this_thread::yield();
      return value;
    });
  }

  tally started_;
};
NARKE_ON_1_2_4_CPUS(cancel_running);

TEST_P(cancel_running, a_body_that_returns_fails_all_the_same) {
  auto ref = obedient().remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

TEST_P(cancel_running, the_result_comes_when_the_body_ends) {
  gate hold;
  const tally started;
  auto ref = narke::task([=, wait = hold.waiter()] {
    started.add();
    wait();
    return narke::stop_requested();
  }).remote();
  started.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_FALSE(narke::is_ready(ref));
  EXPECT_TRUE(narke::cancel(ref)) << "twice is still in time";
  hold.open();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_FALSE(narke::cancel(ref)) << "it has ended";
}

TEST_P(cancel_running, what_the_body_throws_is_not_what_get_throws) {
  auto ref = narke::task([started = started_] {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    throw std::runtime_error{"stopped"};
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

TEST_P(cancel_running, its_value_is_destroyed_and_its_arguments_go) {
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([started = started_](narke_test::tracked argument) {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    return argument;
  }).remote(narke_test::tracked{seen, 1});
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_TRUE(eventually([&] { return seen->alive == 0; }));
}

TEST_P(cancel_running, what_depends_on_it_fails_too) {
  auto ref = obedient().remote();
  auto after = narke::task([](int x) { return x; }).remote(ref);
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(after), narke::task_cancelled_error);
}

TEST_P(cancel_running, one_of_several_results_cancels_all) {
  auto [a, b] = narke::task([started = started_] {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    return std::pair{1, std::string(100, 'b')};
  }).num_returns<2>().remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(b));
  EXPECT_THROW(narke::get(a), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(b), narke::task_cancelled_error);
}

TEST_P(cancel_running, of_the_placement_lane_gives_its_resources_back) {
  auto ref = narke::task([started = started_] {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
  }, {.num_cpus = 0.5}).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(narke_test::available("CPU"), GetParam());
}

TEST_P(cancel_running, force_asks_a_thread_like_any_other) {
  auto ref = obedient().remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref, {.force = true}));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

TEST_P(cancel_running, a_task_may_cancel_itself) {
  gate given;
  auto own = std::make_shared<narke::object_ref<bool>>();
  auto ref = narke::task([own, wait = given.waiter(), started = started_] {
    wait();
    const bool in_time = narke::cancel(*own);
    started.add(in_time && narke::stop_requested() ? 1 : 1000);
    *own = {};
    return true;
  }).remote();
  *own = ref;
  given.open();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(started_.value(), 1);
}

TEST_P(cancel_running, another_task_is_not_asked) {
  auto ref = obedient().remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_FALSE(narke::get(narke::task([] { return narke::stop_requested(); }).remote()));
  EXPECT_FALSE(narke::stop_requested());
}

// Whoever is first, cancel and get agree.
TEST_P(cancel_running, is_in_time_or_has_no_effect) {
  for (int i = 0; i < 500; ++i) {
    auto ref = narke::task([] { return 1; }).remote();
    if (i % 3 != 0) {
      for (int spin = 0; spin < i && !narke::is_ready(ref); ++spin) std::this_thread::yield();
    }
    if (narke::cancel(ref)) {
      ASSERT_THROW(narke::get(ref), narke::task_cancelled_error);
    } else {
      ASSERT_EQ(narke::get(ref), 1);
    }
  }
}

// Tokens.

TEST_P(cancel_running, its_token_wakes_a_wait_on_a_condition_variable) {
  auto ref = narke::task([started = started_] {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock{mutex};
    started.add();
    changed.wait(lock, narke::stop_token(), [] { return false; });
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
}

TEST_P(cancel_running, a_token_taken_after_it_has_stopped_already) {
  gate hold;
  const tally stopped;
  auto ref = narke::task([=, started = started_, wait = hold.waiter()] {
    started.add();
    wait();
    stopped.add(narke::stop_token().stop_requested() ? 1 : 1000);
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  hold.open();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(stopped.value(), 1);
}

TEST_P(cancel_running, the_token_of_a_task_that_ended_never_stops) {
  const std::stop_token token =
      narke::get(narke::task([] { return narke::stop_token(); }).remote());
  EXPECT_FALSE(token.stop_requested());
  narke::shutdown();
  EXPECT_FALSE(token.stop_requested());
}

TEST_P(cancel_running, shutdown_asks_by_token_and_flag) {
  auto by_token = narke::task([started = started_] {
    const std::stop_token token = narke::stop_token();
    started.add();
    while (!token.stop_requested()) std::this_thread::yield();
    return narke::stop_requested();
  }, {.num_cpus = 0}).remote();
  started_.wait_for(1);
  narke::shutdown();
  EXPECT_TRUE(narke::get(by_token));
}

// What the task submitted.

TEST_P(cancel_running, children_that_run_are_asked_too) {
  const tally children;
  auto parent = narke::task([=, started = started_] {
    auto child = narke::task([=] {
      children.add();
      while (!narke::stop_requested()) std::this_thread::yield();
      return 1;
    }, {.num_cpus = 0}).remote();
    children.wait_for(1);
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    EXPECT_THROW(narke::get(child), narke::task_cancelled_error);
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
}

TEST_P(cancel_running, a_parent_that_waits_for_its_child_goes_on_when_the_child_ends) {
  auto parent = narke::task([child = obedient()] { return narke::get(child.remote()); }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
}

// The task between stands still, and says nothing itself.
TEST_P(cancel_running, grandchildren_are_asked_too) {
  gate hold;
  const tally stopped;
  auto parent = narke::task([=, started = started_, wait = hold.waiter()] {
    narke::task([=] {
      narke::task([=] {
        const std::stop_token token = narke::stop_token();
        started.add();
        // The token is told a moment after the flag.
        while (!narke::stop_requested() || !token.stop_requested()) std::this_thread::yield();
        stopped.add();
      }, {.num_cpus = 0}).remote();
      wait();
    }, {.num_cpus = 0}).remote();
    wait();
  }, {.num_cpus = 0}).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  stopped.wait_for(1);
  EXPECT_EQ(stopped.value(), 1);
  hold.open();
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
}

TEST_P(cancel_running, children_that_are_queued_never_run) {
  gate hold;
  const tally ran;
  std::vector<narke::object_ref<void>> children;
  auto parent = narke::task([&, started = started_, wait = hold.waiter()] {
    for (int i = 0; i != 20; ++i) {
      children.push_back(narke::task([=] {
        wait();
        ran.add();
      }).remote());
      children.push_back(narke::task([=] {
        wait();
        ran.add();
      }, {.num_cpus = GetParam()}).remote());
    }
    started.add();
    wait();
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  hold.open();
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  for (auto& child : children) EXPECT_THROW(narke::get(child), narke::task_cancelled_error);
  EXPECT_LE(ran.value(), GetParam()) << "those that ran already, whose values are not kept either";
}

TEST_P(cancel_running, children_in_the_placement_lane_fail_at_once) {
  gate hold;
  std::vector<narke::object_ref<void>> children;
  auto parent = narke::task([&, started = started_, wait = hold.waiter()] {
    children.push_back(narke::task([] {}, {.num_cpus = GetParam(), .memory = 1}).remote());
    started.add();
    wait();
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_TRUE(narke::is_ready(children[0]));
  EXPECT_THROW(narke::get(children[0]), narke::task_cancelled_error);
  hold.open();
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
}

TEST_P(cancel_running, what_a_cancelled_task_submits_never_runs) {
  const tally ran;
  auto parent = narke::task([=, started = started_] {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    EXPECT_THROW(narke::get(narke::task([=] { ran.add(); }).remote()),
                 narke::task_cancelled_error);
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  EXPECT_EQ(ran.value(), 0);
}

TEST_P(cancel_running, without_recursive_children_go_on) {
  gate hold;
  narke::object_ref<int> child;
  auto parent = narke::task([&, started = started_, wait = hold.waiter()] {
    child = narke::task([=] {
      wait();
      return narke::stop_requested() ? 0 : 1;
    }, {.num_cpus = 0}).remote();
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
  }).remote();
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent, {.recursive = false}));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  hold.open();
  EXPECT_EQ(narke::get(child), 1);
}

TEST_P(cancel_running, children_of_a_task_that_has_ended_go_on) {
  gate hold;
  auto parent = narke::task([wait = hold.waiter()] {
    return narke::task([=] {
      wait();
      return narke::stop_requested();
    }, {.num_cpus = 0}).remote();
  }).remote();
  const auto child = narke::get(parent);
  EXPECT_FALSE(narke::cancel(parent));
  hold.open();
  EXPECT_FALSE(narke::get(child));
}

// Actor calls.

struct worker_actor {
  int obey(const tally& started) {
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
    return 1;
  }
  int next() { return ++count; }
  int count = 0;
};

TEST_P(cancel_running, a_call_is_asked_and_the_actor_lives_on) {
  auto actor = narke::actor<worker_actor>().remote();
  auto running = actor.task(&worker_actor::obey).remote(started_);
  started_.wait_for(1);
  EXPECT_TRUE(narke::cancel(running));
  EXPECT_THROW(narke::get(running), narke::task_cancelled_error);
  EXPECT_FALSE(narke::cancel(running));
  EXPECT_EQ(narke::get(actor.task(&worker_actor::next).remote()), 1);
}

TEST_P(cancel_running, kill_asks_the_call_that_runs) {
  auto actor = narke::actor<worker_actor>().remote();
  auto running = actor.task(&worker_actor::obey).remote(started_);
  started_.wait_for(1);
  narke::kill(actor);
  EXPECT_THROW(narke::get(running), narke::actor_died_error);
  EXPECT_FALSE(narke::cancel(running));
}

TEST_P(cancel_running, calls_that_a_task_makes_are_its_children) {
  auto actor = narke::actor<worker_actor>().remote();
  narke::object_ref<int> running;
  narke::object_ref<int> queued;
  auto parent = narke::task([&, started = started_] {
    running = actor.task(&worker_actor::obey).remote(started);
    queued = actor.task(&worker_actor::next).remote();
    started.wait_for(1);
    started.add();
    while (!narke::stop_requested()) std::this_thread::yield();
  }, {.num_cpus = 0}).remote();
  started_.wait_for(2);
  EXPECT_TRUE(narke::cancel(parent));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(running), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(queued), narke::task_cancelled_error);
  EXPECT_EQ(narke::get(actor.task(&worker_actor::next).remote()), 1);
}

}  // namespace
