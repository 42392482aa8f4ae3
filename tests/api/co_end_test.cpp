// How coroutine tasks end before their time: cancel, time limits, retries, shutdown.
#include "co_fixture.hpp"

#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using narke::co_task;
using narke::object_ref;
using narke_test::available;
using narke_test::becomes_suspended;
using narke_test::busy_cpus;
using narke_test::eventually;
using narke_test::gate;
using narke_test::local;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class co_ends : public narke_test::on_cpus_test {
 protected:
  // Waits at a co_await with a local, and notes what it throws.
  auto awaiting(narke::task_options options = {}) {
    return narke::task([made = made_, gone = gone_, caught = caught_](object_ref<int> ref)
                           -> co_task<int> {
      const local here{made, gone};
      try {
        co_return co_await ref;
      } catch (const narke::task_cancelled_error&) {
        caught.add();
        throw;
      }
    }, std::move(options));
  }
  template <class T>
  void expect_cancelled(const object_ref<T>& ref, int at_co_await = 1) {
    EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
    EXPECT_EQ(caught_.value(), at_co_await);
    EXPECT_EQ(gone_.value(), made_.value());
  }

  tally made_;
  tally gone_;
  tally caught_;
  narke::promise<int> never_;
};
NARKE_ON_1_2_4_CPUS(co_ends);

// cancel

TEST_P(co_ends, cancelled_while_suspended_throws_at_the_co_await_at_once) {
  auto ref = awaiting().remote(never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_TRUE(narke::cancel(ref));
  expect_cancelled(ref);
  EXPECT_FALSE(narke::cancel(ref)) << "it has ended";
}

TEST_P(co_ends, cancelled_while_queued_never_begins) {
  busy_cpus busy{GetParam()};
  auto ref = awaiting().remote(never_.ref());
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_TRUE(narke::is_ready(ref));
  expect_cancelled(ref, 0);
  EXPECT_EQ(made_.value(), 0);
}

TEST_P(co_ends, cancelled_while_it_waits_for_arguments_never_begins) {
  auto ref = narke::task([made = made_](int x) -> co_task<int> {
    made.add();
    co_return x;
  }).remote(never_.ref());
  EXPECT_TRUE(narke::cancel(ref));
  expect_cancelled(ref, 0);
  EXPECT_EQ(made_.value(), 0);
}

TEST_P(co_ends, cancelled_while_it_runs_throws_at_the_next_co_await) {
  gate hold;
  auto ref = narke::task([made = made_, caught = caught_, wait = hold.waiter()]() -> co_task<int> {
    made.add();
    wait();
    EXPECT_TRUE(narke::stop_requested());
    auto ready = narke::put(1);
    for (int i = 0; i != 3; ++i) {
      try {
        co_await ready;
      } catch (const narke::task_cancelled_error&) {
        caught.add();
      }
    }
    co_return 1;
  }).remote();
  made_.wait_for(1);
  EXPECT_TRUE(narke::cancel(ref));
  hold.open();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error) << "though it returned";
  EXPECT_EQ(caught_.value(), 3) << "ready or not, each time";
}

TEST_P(co_ends, cancelled_when_it_was_resumed_and_is_queued) {
  narke::promise<int> promise;
  auto ref = awaiting().remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  {
    busy_cpus busy{GetParam()};
    promise.set_value(1);
    EXPECT_TRUE(narke::cancel(ref));
    EXPECT_FALSE(narke::is_ready(ref)) << "its locals are there until a worker has time";
  }
  expect_cancelled(ref);
}

TEST_P(co_ends, cancelled_with_a_list) {
  auto ref = narke::task([never = never_.ref()]() -> co_task<int> {
    std::vector refs{narke::put(1), never, narke::put(2)};
    co_return static_cast<int>((co_await refs).size());
  }).remote();
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_TRUE(narke::cancel(ref));
  expect_cancelled(ref, 0);
}

TEST_P(co_ends, cancelled_destroys_the_locals_of_all_its_parts) {
  auto ref = narke::task([made = made_, gone = gone_](object_ref<int> other) -> co_task<int> {
    const local outer{made, gone};
    co_return co_await [](object_ref<int> its, tally m, tally g) -> co_task<int> {
      const local inner{m, g};
      co_return co_await its;
    }(other, made, gone);
  }).remote(never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_EQ(made_.value(), 2);
  EXPECT_EQ(gone_.value(), 0);
  EXPECT_TRUE(narke::cancel(ref));
  expect_cancelled(ref, 0);
}

TEST_P(co_ends, cancelled_lets_its_arguments_go) {
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([](const narke_test::tracked&, object_ref<int> other) -> co_task<int> {
    co_return co_await other;
  }).remote(narke_test::tracked{seen, 1}, never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_EQ(seen->alive, 1);
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(seen->alive, 0);
}

TEST_P(co_ends, cancelled_in_the_placement_lane_gives_all_back) {
  for (const double cpus : {0.0, 0.5, 1.0}) {
    auto ref = awaiting({.num_cpus = cpus, .memory = 1000}).remote(never_.ref());
    ASSERT_TRUE(becomes_suspended(ref));
    EXPECT_TRUE(narke::cancel(ref));
    EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
    EXPECT_EQ(narke::available_resources(), narke_test::all_resources());
  }
}

TEST_P(co_ends, what_awaits_a_cancelled_one_gets_its_error) {
  auto inner = awaiting().remote(never_.ref());
  auto outer = narke::task([](object_ref<int> ref) -> co_task<int> {
    try {
      co_return co_await ref;
    } catch (const narke::task_cancelled_error&) {
      co_return 7;
    }
  }).remote(inner);
  ASSERT_TRUE(becomes_suspended(inner));
  EXPECT_TRUE(narke::cancel(inner));
  EXPECT_EQ(narke::get(outer), 7);
}

TEST_P(co_ends, a_token_tells_while_it_is_suspended) {
  auto told = std::make_shared<std::atomic<bool>>(false);
  auto ref = narke::task([=](object_ref<int> other) -> co_task<int> {
    const std::stop_callback callback{narke::stop_token(), [=] { *told = true; }};
    co_return co_await other;
  }).remote(never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_TRUE(narke::cancel(ref));
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_TRUE(*told);
}

TEST_P(co_ends, recursive_cancel_reaches_suspended_children) {
  std::vector<object_ref<int>> children;
  gate hold;
  auto parent = narke::task([&, wait = hold.waiter(), awaiting = awaiting(),
                             never = never_.ref()]() -> co_task<int> {
    for (int i = 0; i != 5; ++i) children.push_back(awaiting.remote(never));
    co_return co_await children[0];
  }).remote();
  ASSERT_TRUE(becomes_suspended(parent));
  for (auto& child : children) ASSERT_TRUE(becomes_suspended(child));
  EXPECT_TRUE(narke::cancel(parent));
  for (auto& child : children) EXPECT_THROW(narke::get(child), narke::task_cancelled_error);
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  EXPECT_EQ(caught_.value(), 5);
}

// The way up from the child that runs leads through two tasks that are suspended.
TEST_P(co_ends, recursive_cancel_goes_through_suspended_tasks) {
  const tally started;
  auto top = narke::task([=]() -> co_task<int> {
    auto middle = narke::task([=]() -> co_task<int> {
      auto runs = narke::task([=] {
        started.add();
        while (!narke::stop_requested()) std::this_thread::yield();
        return 1;
      }, {.num_cpus = 0}).remote();
      co_return co_await runs;
    }).remote();
    co_return co_await middle;
  }).remote();
  started.wait_for(1);
  ASSERT_TRUE(becomes_suspended(top));
  EXPECT_TRUE(narke::cancel(top));
  EXPECT_THROW(narke::get(top), narke::task_cancelled_error);
}

// On one CPU, which their parent has.
TEST_P(co_ends, recursive_cancel_keeps_queued_children_with_rules_from_beginning) {
  narke::shutdown();
  start(1);
  gate hold;
  const tally begun;
  const tally submitted;
  auto children = std::make_shared<std::vector<object_ref<int>>>();
  auto parent = narke::task([=, wait = hold.waiter()] {
    for (int i = 0; i != 3; ++i) {
      children->push_back(narke::task([=](int x) -> co_task<int> {
                            begun.add();
                            co_return x;
                          }, {.max_retries = 1}).remote(i));
    }
    submitted.add();
    wait();
  }).remote();
  submitted.wait_for(1);
  EXPECT_TRUE(narke::cancel(parent, {.recursive = true}));
  hold.open();
  for (const auto& child : *children) EXPECT_THROW(narke::get(child), narke::task_cancelled_error);
  EXPECT_EQ(begun.value(), 0);
}

TEST_P(co_ends, cancel_alone_leaves_children) {
  narke::promise<int> promise;
  object_ref<int> child;
  auto parent = narke::task([&, awaiting = awaiting(), ref = promise.ref()]() -> co_task<int> {
    child = awaiting.remote(ref);
    co_return co_await child;
  }).remote();
  ASSERT_TRUE(becomes_suspended(parent));
  ASSERT_TRUE(becomes_suspended(child));
  EXPECT_TRUE(narke::cancel(parent, {.recursive = false}));
  EXPECT_THROW(narke::get(parent), narke::task_cancelled_error);
  promise.set_value(3);
  EXPECT_EQ(narke::get(child), 3);
}

// Time limits.

TEST_P(co_ends, a_time_limit_counts_while_it_is_suspended) {
  auto ref = awaiting({.timeout = 30ms}).remote(never_.ref());
  EXPECT_THROW(narke::get(ref), narke::task_timeout_error);
  caught_.wait_for(1);
  EXPECT_TRUE(eventually([&] { return gone_.value() == 1; }));
}

TEST_P(co_ends, a_time_limit_that_is_not_reached_changes_nothing) {
  narke::promise<int> promise;
  auto ref = awaiting({.timeout = 1h}).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(5);
  EXPECT_EQ(narke::get(ref), 5);
}

// Retries.

TEST_P(co_ends, another_attempt_begins_with_the_callable) {
  narke::promise<int> promise;
  auto ref = narke::task([made = made_, gone = gone_](std::string text, object_ref<int> other)
                             -> co_task<std::string> {
    const local here{made, gone};
    EXPECT_EQ(made.value(), narke::this_task::attempt() + 1);
    EXPECT_EQ(gone.value(), narke::this_task::attempt()) << "the last frame is gone";
    text += std::to_string(co_await other);
    if (narke::this_task::attempt() < 2) throw std::runtime_error{"not yet"};
    co_return text;
  }, {.max_retries = 5, .retry_exceptions = true, .retry_delay = 0ms})
                 .remote("text", promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  EXPECT_EQ(narke::get(ref), "text1");
  EXPECT_EQ(made_.value(), 3);
}

TEST_P(co_ends, another_attempt_in_the_placement_lane_asks_again) {
  narke::promise<int> promise;
  auto ref = narke::task([](object_ref<int> other) -> co_task<int> {
    co_await other;
    co_await narke::task([] {}).remote();
    if (narke::this_task::attempt() < 3) throw std::runtime_error{"not yet"};
    co_return narke::this_task::attempt();
  }, {.memory = 1, .max_retries = 5, .retry_exceptions = true, .retry_delay = 0ms})
                 .remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  EXPECT_EQ(narke::get(ref), 3);
}

TEST_P(co_ends, a_cancelled_attempt_is_not_followed_by_another) {
  auto ref = awaiting({.max_retries = -1, .retry_exceptions = true}).remote(never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_TRUE(narke::cancel(ref));
  expect_cancelled(ref);
  EXPECT_EQ(made_.value(), 1);
}

// Shutdown.

TEST_P(co_ends, shutdown_ends_what_is_suspended) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 20; ++i) {
    refs.push_back(awaiting(i % 2 == 0 ? narke::task_options{}
                                       : narke::task_options{.memory = 1})
                       .remote(never_.ref()));
  }
  for (auto& ref : refs) ASSERT_TRUE(becomes_suspended(ref));
  narke::shutdown();
  for (auto& ref : refs) EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(caught_.value(), 20);
  EXPECT_EQ(gone_.value(), 20);
}

// A task that runs until the local of the other is destroyed, which shutdown has to see to first.
TEST_P(co_ends, shutdown_does_not_wait_for_what_they_await) {
  auto runs = narke::task([made = made_, gone = gone_] {
    made.add();
    gone.wait_for(1);
    return 1;
  }, {.num_cpus = 0}).remote();
  made_.wait_for(1);
  auto ref = awaiting().remote(runs);
  ASSERT_TRUE(becomes_suspended(ref));
  narke::shutdown();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_EQ(narke::get(runs), 1);
}

TEST_P(co_ends, a_value_returned_while_it_shuts_down_counts) {
  auto ref = narke::task([](object_ref<int> other) -> co_task<int> {
    try {
      co_return co_await other;
    } catch (const narke::task_cancelled_error&) {
      co_return 9;
    }
  }).remote(never_.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  narke::shutdown();
  EXPECT_EQ(narke::get(ref), 9);
}

TEST_P(co_ends, the_next_runtime_is_as_good) {
  for (int i = 0; i != 5; ++i) {
    auto ref = awaiting().remote(never_.ref());
    ASSERT_TRUE(becomes_suspended(ref));
    narke::shutdown();
    EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
    start(GetParam());
  }
  auto box = std::make_shared<narke::promise<object_ref<int>>>();
  auto ref = narke::task([own = box->ref()]() -> co_task<int> {
    const auto itself = co_await own;
    co_return co_await itself;
  }).remote();
  box->set_value(ref);
  EXPECT_THROW(narke::get(ref), narke::deadlock_error) << "looked for there, too";
}

}  // namespace
