#include <runtime/engine.hpp>

#include <atomic>
#include <thread>

#include <actor/actor_core.hpp>
#include <actor/actor_fixture.hpp>
#include <support/fresh_process.hpp>
#include <support/runtime_fixture.hpp>
#include <worker/lifecycle.hpp>
#include <worker/placement_lane.hpp>
#include <worker/worker_pool.hpp>

namespace {

using namespace std::chrono_literals;
using narke::object_ref;
using narke::internal::ensure_running;
using narke::internal::start_count;
using narke::internal::start_runtime;
using narke::internal::stop_runtime;
using narke_test::gate;
using narke_test::stress_rounds;
using narke_test::tally;
using narke_test::witness;

class engine : public narke_test::runtime_test {
 protected:
  void TearDown() override {
    runtime_test::TearDown();
    EXPECT_EQ(narke::internal::actor_registry::count(), 0U);
    EXPECT_EQ(narke::internal::worker_pool::instance().thread_count(), 0);
    EXPECT_FALSE(narke::internal::worker_pool::instance().has_work());
    EXPECT_EQ(narke::internal::placement_lane::instance().usage().running, 0U);
    EXPECT_TRUE(narke_test::eventually([this] { return seen_->alive == 0; }))
        << seen_->alive << " actors' states are left";
  }
  static void start_two_cpus() {
    start_runtime({.num_cpus = 2, .resources = {{"license", 2}}});
  }
  const std::shared_ptr<narke_test::traffic> seen_ = narke_test::new_traffic();
};

TEST_F(engine, counts_its_starts) {
  const auto before = start_count();
  start_two_cpus();
  EXPECT_EQ(start_count(), before + 1);
  EXPECT_THROW(start_two_cpus(), narke::already_initialized);
  EXPECT_EQ(start_count(), before + 1);
  EXPECT_TRUE(stop_runtime(1min));
  EXPECT_TRUE(stop_runtime(1min)) << "safe to call twice";
}

TEST_F(engine, starts_by_itself_only_when_nobody_ever_started_it) {
  narke_test::in_fresh_process([] {
    ensure_running("test");
    EXPECT_TRUE(narke::is_initialized());
    stop_runtime(1min);
    EXPECT_THROW(ensure_running("test"), narke::error);
    EXPECT_FALSE(narke::is_initialized());
  });
}

TEST_F(engine, starts_once_when_many_ask_at_once) {
  narke_test::in_fresh_process([] {
    narke_test::on_threads(4, [](int) { ensure_running("test"); });
    EXPECT_EQ(start_count(), 1U);
  });
}

TEST_F(engine, is_as_before_after_a_start_that_failed) {
  EXPECT_THROW(start_runtime({.num_cpus = -1}), std::invalid_argument);
  EXPECT_THROW(start_runtime({.num_cpus = 1, .logging_level = "loud"}), std::invalid_argument);
  EXPECT_FALSE(narke::is_initialized());
  start_two_cpus();
}

TEST_F(engine, starts_nothing_while_it_drains) {
  start_two_cpus();
  gate opened;
  const tally begun;
  auto running = narke::task([wait = opened.waiter(), begun] {
                   begun.add();
                   wait();
                   return narke::stop_requested();
                 }).remote();
  begun.wait_for(1);
  EXPECT_FALSE(stop_runtime(0ns));
  EXPECT_FALSE(stop_runtime(1ms));
  EXPECT_TRUE(narke::is_initialized());
  EXPECT_THROW(ensure_running("test"), narke::task_cancelled_error);
  EXPECT_THROW(start_two_cpus(), narke::already_initialized);
  opened.open();
  EXPECT_TRUE(stop_runtime(1min));
  EXPECT_TRUE(narke::get(running));
}

TEST_F(engine, cannot_be_stopped_from_inside) {
  start_two_cpus();
  const auto stops = [] {
    try {
      stop_runtime(1min);
      return false;
    } catch (const narke::error&) {
      return true;
    }
  };
  EXPECT_TRUE(narke::get(narke::task(stops).remote()));
  EXPECT_TRUE(narke::get(narke::wait(std::vector{narke::task(stops).remote()}).ready[0]));
  EXPECT_TRUE(narke::get(narke::task(stops, {.num_cpus = 2}).remote()));
}

TEST_F(engine, stops_with_work_in_every_state) {
  start_two_cpus();
  gate opened;
  const tally begun;
  const auto hold = [wait = opened.waiter(), begun] {
    begun.add();
    wait();
    return 1;
  };
  auto running = narke::task(hold).remote();
  auto placed = narke::task(hold, {.num_cpus = 0.5}).remote();
  auto without_cpu = narke::task(hold, {.num_cpus = 0, .resources = {{"license", 2}}}).remote();
  begun.wait_for(3);
  std::vector<object_ref<int>> dropped;
  const auto value = [](int x) { return x; };
  for (int i = 0; i != 20; ++i) {
    dropped.push_back(narke::task([] { return 2; }).remote());               // queued
    dropped.push_back(narke::task(value).remote(running));                   // waits
    dropped.push_back(narke::task(value, {.num_cpus = 2}).remote(i));        // in the lane
    dropped.push_back(narke::task(value, {.num_cpus = 0.5}).remote(running));
  }
  auto a = narke::actor<witness>().remote(seen_);                            // queued constructor
  dropped.push_back(a.task(&witness::next).remote());
  dropped.push_back(a.task(&witness::after).remote(running));
  auto b = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);  // no resources
  dropped.push_back(b.task(&witness::next).remote());
  auto c = narke::actor<witness>().remote(seen_, running);                   // no arguments
  dropped.push_back(c.task(&witness::next).remote());
  EXPECT_FALSE(stop_runtime(1ms));
  opened.open();
  EXPECT_TRUE(stop_runtime(1min));
  EXPECT_EQ(narke::get(std::vector{running, placed, without_cpu}), (std::vector{1, 1, 1}));
  for (auto& ref : dropped) {
    ASSERT_TRUE(narke::is_ready(ref));
    EXPECT_THROW(narke::get(ref), narke::error);
  }
}

TEST_F(engine, has_everything_free_after_each_of_many_starts) {
  for (int round = 0; round != 60; ++round) {
    start_two_cpus();
    auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);
    auto queued = narke::task([](int x) { return x; }).remote(round);
    EXPECT_EQ(narke::get(a.task(&witness::next).remote()), 0);
    EXPECT_EQ(narke::get(queued), round);
    if (round % 3 == 0) {
      a = {};
      narke_test::expect_nothing_held();
    }
    EXPECT_TRUE(stop_runtime(1min));
    ASSERT_EQ(seen_->alive, 0) << "an actor outlived shutdown in round " << round;
  }
}

// The call runs in place, here, while a worker is being woken for the actor's turn.
TEST_F(engine, destroys_an_actor_whose_turn_no_worker_has_taken_yet) {
  for (int round = 0; round != stress_rounds(60); ++round) {
    start_two_cpus();
    auto a = narke::actor<witness>({.resources = {{"license", 1}}}).remote(seen_);
    narke::get(a.task(&witness::next).remote());
    narke::get(a.task(&witness::next).remote());
    stop_runtime(1min);
    ASSERT_EQ(seen_->alive, 0) << "round " << round;
  }
}

TEST_F(engine, drops_the_handles_of_others_while_it_stops) {
  for (int round = 0; round != stress_rounds(100); ++round) {
    start_two_cpus();
    std::vector<narke::actor_handle<witness>> handles;
    for (int i = 0; i != 4; ++i) {
      handles.push_back(
          i % 2 == 0 ? narke::actor<witness>({.resources = {{"license", 0.1}}}).remote(seen_)
                     : narke::actor<witness>({.num_cpus = 0.1}).remote(seen_));
    }
    narke_test::on_threads(2, [&](int index) {
      if (index == 0) {
        stop_runtime(1min);
      } else {
        for (auto& handle : handles) handle = {};
      }
    });
    ASSERT_TRUE(narke_test::eventually([&] { return seen_->alive == 0; })) << "round " << round;
  }
}

// Who submits while another thread shuts down gets a value or an error, never a wait without end.
TEST_F(engine, loses_no_task_of_a_submitter_that_shutdown_overtakes) {
  for (int round = 0; round != stress_rounds(60); ++round) {
    start_two_cpus();
    narke_test::on_threads(3, [&](int index) {
      if (index == 0) {
        narke_test::spin_for(round * 250);
        stop_runtime(1min);
        return;
      }
      std::vector<object_ref<int>> refs;
      try {
        for (int i = 0;; ++i) {
          refs.push_back(
              index == 1 ? narke::task([](int x) { return x; }).remote(i)
                         : narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(i));
        }
      } catch (const narke::error&) {
      }
      narke::wait(refs, {.num_returns = std::max<std::size_t>(refs.size(), 1)});
    });
  }
}

TEST_F(engine, may_be_left_running_when_the_process_ends) {
  narke_test::in_fresh_process([] {
    static auto last = narke::put(std::string{"kept"});
    start_count();
    narke::task([] { return 1; }).remote();
    narke::task([] { return 1; }, {.num_cpus = 0.5}).remote();
    narke::actor<witness>({.lifetime = narke::actor_lifetime::detached})
        .remote(narke_test::new_traffic());
  });
}

// The end of the process drops what waits: on the main thread, whose thread_locals are gone.
TEST_F(engine, may_end_with_the_process_while_placed_tasks_wait) {
  narke_test::in_fresh_process([] {
    start_two_cpus();
    auto failed = narke::task([]() -> int { throw std::runtime_error{"no"}; }).remote();
    narke::wait(std::vector{failed});
    // Fails at once, on this thread.
    auto at_once = narke::task([](int x) { return x; }).remote(failed);
    EXPECT_THROW(narke::get(at_once), std::runtime_error);
    for (int i = 0; i != 5; ++i) {
      narke::task([] { std::this_thread::sleep_for(20ms); }, {.num_cpus = 2}).remote();
    }
  });
}

TEST_F(engine, counts_tasks_of_this_runtime_only) {
  start_two_cpus();
  narke::get(narke::task([] {}).remote());
  stop_runtime(1min);
  start_two_cpus();
  auto failed = narke::task([] { throw 1; }).remote();
  narke::wait(std::vector{failed});
  narke::get(narke::task([] {}).remote());
  EXPECT_TRUE(narke_test::eventually([] {
    return narke::internal::facts_now(*narke::internal::current_settings()).tasks_finished == 2;
  }));
  const auto facts = narke::internal::facts_now(*narke::internal::current_settings());
  EXPECT_EQ(facts.tasks_submitted, 2U);
  EXPECT_EQ(facts.tasks_failed, 1U);
  EXPECT_EQ(facts.tasks_pending, 0U);
}

TEST_F(engine, shows_cpus_as_taken_while_tasks_run_and_as_free_while_they_wait) {
  start_two_cpus();
  gate opened;
  const tally begun;
  auto held = narke::task([wait = opened.waiter(), begun] {
                begun.add();
                wait();
              }).remote();
  begun.wait_for(1);
  EXPECT_EQ(narke_test::available("CPU"), 1.0);
  auto waiting = narke::task([=] {
                   begun.add();
                   static_cast<void>(narke::wait(std::vector{held}));
                 }).remote();
  begun.wait_for(2);
  EXPECT_TRUE(narke_test::eventually([] { return narke_test::available("CPU") == 1.0; }));
  opened.open();
  narke::get(waiting);
}

}  // namespace
