#include <worker/pool_fixture.hpp>

#include <deque>
#include <memory>
#include <thread>

namespace {

using narke::object_ref;
using narke_test::busy_workers;
using narke_test::gate;
using narke_test::level;
using narke_test::stress_rounds;
using narke_test::tally;

/// Counts how often it was run. It may be gone as soon as that can be seen.
struct counted_turn final : narke::internal::turn {
  void take_turn() noexcept override {
    const tally own = ran;
    own.add();
  }
  tally ran;
};

class worker_pool : public narke_test::pool_test {};
class worker_pool_stress : public narke_test::pool_test {};

TEST_F(worker_pool, begins_with_all_permits_and_all_asleep) {
  start(3);
  expect_idle();
  EXPECT_EQ(pool().thread_count(), 3);
  EXPECT_EQ(pool().cpus(), 3);
}

TEST_F(worker_pool, runs_what_is_pushed_from_outside) {
  start(2);
  EXPECT_EQ(narke::get(narke::task([](int x) { return x + 1; }).remote(41)), 42);
}

TEST_F(worker_pool, runs_no_more_tasks_at_once_than_there_are_permits) {
  start(3);
  const auto running = std::make_shared<level>();
  std::vector<object_ref<void>> refs;
  for (int i = 0; i != 200; ++i) {
    refs.push_back(narke::task([running] {
                     running->enter();
                     std::this_thread::yield();
                     running->leave();
                   }).remote());
  }
  narke::wait(refs, {.num_returns = refs.size()});
  EXPECT_LE(running->most(), 3);
}

TEST_F(worker_pool, uses_every_permit) {
  start(3);
  // Each waits until all three run.
  const tally running;
  std::vector<object_ref<void>> refs;
  for (int i = 0; i != 3; ++i) {
    refs.push_back(narke::task([running] {
                     running.add();
                     running.wait_for(3);
                   }).remote());
  }
  narke::wait(refs, {.num_returns = 3});
}

TEST_F(worker_pool, uses_every_permit_for_tasks_of_a_task) {
  start(3);
  const tally running;
  auto parent = narke::task([running] {
    for (int i = 0; i != 2; ++i) {
      narke::task([running] {
        running.add();
        running.wait_for(3);
      }).remote();
    }
    running.add();
    running.wait_for(3);
  }).remote();
  narke::wait(std::vector{parent});
}

TEST_F(worker_pool, a_blocked_task_has_its_permit_used_by_another) {
  start(1);
  gate opened;
  auto held = narke::task([wait = opened.waiter()] { wait(); });
  auto parent = narke::task([=] {
    auto child = held.remote();
    static_cast<void>(narke::wait(std::vector{child}));
  }).remote();
  // Only the child can be running when this runs on a third thread's behalf.
  opened.open();
  narke::get(parent);
}

TEST_F(worker_pool, runs_a_handed_over_item_without_a_permit) {
  start(1);
  counted_turn item;
  const busy_workers busy{1};
  pool().hand_over(item);
  item.ran.wait_for(1);
}

TEST_F(worker_pool, runs_handed_over_items_at_once_on_threads_of_their_own) {
  start(1);
  struct meeting final : narke::internal::turn {
    explicit meeting(tally at) : here{std::move(at)} {}
    void take_turn() noexcept override {
      const tally own = here;  // the test may end, and this turn with it, once five are here
      own.add();
      own.wait_for(5);
    }
    tally here;
  };
  const tally here;
  std::deque<meeting> all;
  for (int i = 0; i != 5; ++i) pool().hand_over(all.emplace_back(here));
  here.wait_for(5);
  EXPECT_TRUE(narke_test::eventually([&] { return pool().idle().read().permits == 1; }));
}

TEST_F(worker_pool, runs_left_over_items_when_there_may_be_no_further_thread) {
  start(2, 2);
  counted_turn item;
  {
    const busy_workers busy{2};
    pool().hand_over(item);
    EXPECT_EQ(item.ran.value(), 0);
    EXPECT_EQ(pool().thread_count(), 2);
  }
  item.ran.wait_for(1);
}

TEST_F(worker_pool, uses_its_threads_again) {
  start(2);
  const auto depth_of_two = [] {
    auto child = narke::task([] { return 1; }).remote();
    return narke::get(narke::wait(std::vector{child}).ready[0]);
  };
  for (int i = 0; i != 50; ++i) EXPECT_EQ(narke::get(narke::task(depth_of_two).remote()), 1);
  EXPECT_LE(pool().thread_count(), 6) << "one for each that may be blocked, and spare ones";
}

// Each level waits for the next, so that each needs a thread of its own.
int nest(int depth) {
  if (depth == 0) return 0;
  auto below = narke::task(nest).remote(depth - 1);
  return 1 + narke::get(narke::wait(std::vector{below}).ready[0]);
}

TEST_F(worker_pool, refuses_to_block_the_last_thread) {
  start(1, 3);
  EXPECT_EQ(narke::get(narke::wait(std::vector{narke::task(nest).remote(2)}).ready[0]), 2);
  const auto deep = narke::wait(std::vector{narke::task(nest).remote(10)}).ready[0];
  EXPECT_THROW(narke::get(deep), narke::error);
  EXPECT_LE(pool().thread_count(), 3);
}

TEST_F(worker_pool, refuses_no_further_wait_once_the_others_are_over) {
  start(1, 3);
  for (int i = 0; i != 20; ++i) {
    EXPECT_NO_THROW(narke::get(narke::task([] {
                      auto child = narke::task([] {}).remote();
                      static_cast<void>(narke::wait(std::vector{child}));
                    }).remote()));
  }
}

// A chain of dependents runs on one worker, one after the other; others have their turn too.
TEST_F(worker_pool, a_chain_does_not_keep_others_waiting) {
  constexpr int length = 20'000;
  start(1);
  const auto at = std::make_shared<std::atomic<int>>(0);
  auto step = narke::task([at](int i) {
    *at = i;
    return i + 1;
  });
  auto hold = std::make_unique<busy_workers>(1);
  object_ref<int> last = step.remote(0);
  for (int i = 1; i != length; ++i) last = step.remote(last);
  auto seen = narke::task([at] { return at->load(); }).remote();
  hold->release();
  // Not get: it would run the task here.
  const auto ready = narke::wait(std::vector{seen}).ready;
  EXPECT_LT(narke::get(ready[0]), length / 2);
  narke::wait(std::vector{last});
}

// What a submitter that shutdown overtook leaves behind.
TEST_F(worker_pool, drops_what_is_queued_and_what_becomes_ready_by_that) {
  start(1);
  stop();
  // Else submit_node would drop the first at once.
  narke::internal::current_phase = narke::internal::runtime_phase::draining;
  auto one = narke::task([] { return 1; }).remote();
  auto two = narke::task([](int x) { return x; }).remote(one);
  auto three = narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(two);
  narke::internal::current_phase = narke::internal::runtime_phase::stopped;
  pool().drop_late();
  lane().drop_pending();
  for (const auto& ref : {one, two, three}) {
    ASSERT_TRUE(narke::is_ready(ref)) << "in no queue, and nobody will ever run or drop it";
    EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  }
}

TEST_F(worker_pool, drops_what_is_in_the_deques_and_left_over) {
  start(2, 2);
  counted_turn item;
  stop();
  pool().hand_over(item);
  EXPECT_EQ(item.ran.value(), 0);
  pool().drop_all();
  EXPECT_EQ(item.ran.value(), 1);
}

TEST_F(worker_pool, has_no_permit_and_no_searcher_too_many_after_a_restart) {
  for (int round = 0; round != 100; ++round) {
    start(2);
    // Run in place here, while a worker is being woken for it.
    EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
    if (round % 2 == 0) expect_idle();
    ASSERT_FALSE(HasFailure()) << "round " << round;
    stop();
  }
}

// A wake on its way to a worker when the pool stops must not be there at the next start.
TEST_F(worker_pool_stress, a_wake_while_it_stops_is_forgotten) {
  for (int round = 0; round != stress_rounds(300); ++round) {
    start(2);
    // Woken, and at different distances from sleep when the pool stops.
    pool().notify();
    narke_test::spin_for(round % 50 * 200);
    stop();
  }
  start(2);
  EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1);
}

TEST_F(worker_pool_stress, nothing_from_many_outside_threads_is_lost) {
  start(2);
  const tally ran;
  const int each = stress_rounds(5'000);
  narke_test::on_threads(4, [&](int) {
    for (int i = 0; i != each; ++i) narke::task([ran] { ran.add(); }).remote();
  });
  ran.wait_for(4 * each);
  EXPECT_EQ(ran.value(), 4 * each);
}

TEST_F(worker_pool_stress, a_single_task_always_finds_a_worker) {
  start(2);
  for (int i = 0; i != stress_rounds(5'000); ++i) {
    // wait, not get: it must be a worker.
    auto one = narke::task([] {}).remote();
    narke::wait(std::vector{one});
  }
}

TEST_F(worker_pool_stress, tasks_that_wait_and_tasks_that_hand_over_lose_no_permit) {
  start(2);
  const auto leaf = [](int x) { return x; };
  const auto parent = [=](int x) {
    auto child = narke::task(leaf, {.num_cpus = x % 4 == 0 ? 0.5 : 1.0}).remote(x);
    return narke::get(narke::wait(std::vector{child}).ready[0]);
  };
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != stress_rounds(1'000); ++i) refs.push_back(narke::task(parent).remote(i));
  narke::wait(refs, {.num_returns = refs.size()});
  for (int i = 0; i != static_cast<int>(refs.size()); ++i) {
    ASSERT_EQ(narke::get(refs[static_cast<std::size_t>(i)]), i);
  }
}

TEST_F(worker_pool_stress, many_searchers_and_sleepers_lose_no_wake) {
  // More permits than processors: most workers search or sleep most of the time.
  start(8);
  const tally ran;
  int submitted = 0;
  for (int round = 0; round != stress_rounds(300); ++round) {
    for (int i = 0; i != 1 + round % 9; ++i, ++submitted) {
      narke::task([ran, round] {
        ran.add();
        if (round % 3 == 0) narke::task([] {}).remote();
      }).remote();
    }
    ran.wait_for(submitted);
  }
}

}  // namespace
