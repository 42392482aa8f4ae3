#include <worker/pool_fixture.hpp>

#include <optional>
#include <string>

#include <task/task_info.hpp>
#include <worker/placed_task.hpp>

namespace {

using narke::object_ref;
using narke::task_options;
using narke_test::busy_workers;
using narke_test::gate;
using narke_test::level;
using narke_test::stress_rounds;
using narke_test::tally;

class placement_lane : public narke_test::pool_test {};
class placement_lane_stress : public narke_test::pool_test {};

TEST_F(placement_lane, says_what_this_machine_can_never_do) {
  start(2);
  const auto reason = [this](const task_options& options) {
    const narke::detail::task_info_ref info{options};
    return lane().infeasible_reason(info.get()->request());
  };
  EXPECT_EQ(reason({.num_cpus = 2}), std::nullopt);
  EXPECT_NE(reason({.num_cpus = 3}), std::nullopt);
  EXPECT_NE(reason({.resources = {{"license", 3}}}), std::nullopt);
  EXPECT_NE(reason({.num_gpus = 1}), std::nullopt);
}

TEST_F(placement_lane, runs_a_task_of_several_cpus) {
  start(2);
  EXPECT_EQ(narke::get(narke::task([] { return 5; }, {.num_cpus = 2}).remote()), 5);
}

TEST_F(placement_lane, runs_a_task_without_cpus_though_all_are_busy) {
  start(1);
  const busy_workers busy{1};
  EXPECT_EQ(narke::get(narke::task([] { return 5; }, {.num_cpus = 0}).remote()), 5);
}

TEST_F(placement_lane, fractions_share_a_permit) {
  start(1);
  const tally here;
  std::vector<object_ref<void>> refs;
  for (int i = 0; i != 4; ++i) {
    refs.push_back(narke::task(
                       [here] {
                         here.add();
                         here.wait_for(4);
                       },
                       {.num_cpus = 0.25})
                       .remote());
  }
  narke::wait(refs, {.num_returns = 4});
}

TEST_F(placement_lane, a_custom_resource_is_held_while_its_task_runs) {
  start(2);
  const auto held = std::make_shared<level>();
  std::vector<object_ref<void>> refs;
  for (int i = 0; i != 50; ++i) {
    refs.push_back(narke::task(
                       [held] {
                         held->enter();
                         std::this_thread::yield();
                         held->leave();
                       },
                       {.num_cpus = 0, .resources = {{"license", 1}}})
                       .remote());
  }
  narke::wait(refs, {.num_returns = refs.size()});
  EXPECT_LE(held->most(), 2);
}

TEST_F(placement_lane, waits_for_busy_workers_and_then_has_all_cpus) {
  start(2);
  busy_workers busy{2};
  auto both = narke::task([] { return 1; }, {.num_cpus = 2}).remote();
  EXPECT_TRUE(lane().wants_permits());
  EXPECT_FALSE(narke::is_ready(both));
  busy.release();
  EXPECT_EQ(narke::get(both), 1);
}

// A fast lane that is never empty, until the task of the other lane has run.
void keep_going(const std::shared_ptr<std::atomic<bool>>& done) {
  if (!*done) narke::task(keep_going).remote(done);
}

TEST_F(placement_lane, a_stream_of_fast_tasks_does_not_starve_a_task_of_several_cpus) {
  start(2);
  const auto done = std::make_shared<std::atomic<bool>>(false);
  for (int i = 0; i != 4; ++i) narke::task(keep_going).remote(done);
  auto both = narke::task([done] { *done = true; }, {.num_cpus = 2}).remote();
  narke::wait(std::vector{both});
}

// The same with the lanes exchanged.
void keep_both_cpus(const std::shared_ptr<std::atomic<bool>>& done) {
  if (!*done) narke::task(keep_both_cpus, {.num_cpus = 2}).remote(done);
}

TEST_F(placement_lane, a_stream_of_tasks_of_several_cpus_does_not_starve_a_fast_task) {
  start(2);
  const auto done = std::make_shared<std::atomic<bool>>(false);
  for (int i = 0; i != 3; ++i) narke::task(keep_both_cpus, {.num_cpus = 2}).remote(done);
  auto fast = narke::task([done] { *done = true; }).remote();
  const auto waited = narke::wait(std::vector{fast}, {.timeout = std::chrono::seconds{20}});
  EXPECT_EQ(waited.ready.size(), 1U) << "it never got a CPU";
  *done = true;
}

void keep_half_a_cpu(const std::shared_ptr<std::atomic<bool>>& done) {
  if (!*done) narke::task(keep_half_a_cpu, {.num_cpus = 0.5}).remote(done);
}

TEST_F(placement_lane, streams_of_fractional_tasks_do_not_starve_a_fast_task) {
  start(1);
  const auto done = std::make_shared<std::atomic<bool>>(false);
  for (int i = 0; i != 3; ++i) narke::task(keep_half_a_cpu, {.num_cpus = 0.5}).remote(done);
  auto fast = narke::task([done] { *done = true; }).remote();
  const auto waited = narke::wait(std::vector{fast}, {.timeout = std::chrono::seconds{20}});
  EXPECT_EQ(waited.ready.size(), 1U) << "it never got a CPU";
  *done = true;
}

TEST_F(placement_lane, an_older_fast_queue_and_a_younger_wide_task_do_not_chase_each_other) {
  start(2);
  const auto hold = std::make_unique<busy_workers>(1);
  // The root is from outside; what it submits is younger than the wide task.
  auto root = narke::task([] {
    auto wide = narke::task([] { return 1; }, {.num_cpus = 2}).remote();
    auto child = narke::task([] { return 2; }).remote();
    return std::vector<object_ref<int>>{wide, child};
  }).remote();
  auto both = narke::get(narke::wait(std::vector{root}).ready[0]);
  hold->release();
  narke::wait(both, {.num_returns = 2});
}

TEST_F(placement_lane, a_blocked_task_lends_its_cpus) {
  start(2);
  auto outer = narke::task(
      [] {
        auto inner = narke::task([] { return 3; }, {.num_cpus = 2}).remote();
        return narke::get(inner);
      },
      {.num_cpus = 2});
  EXPECT_EQ(narke::get(outer.remote()), 3);
}

TEST_F(placement_lane, a_blocked_task_keeps_its_custom_resources) {
  start(2);
  gate opened;
  auto slow = narke::task([wait = opened.waiter()] { wait(); });
  const tally begun;
  auto holder = narke::task(
                    [=] {
                      auto child = slow.remote();
                      begun.add();
                      static_cast<void>(narke::wait(std::vector{child}));
                    },
                    {.resources = {{"license", 2}}})
                    .remote();
  begun.wait_for(1);
  auto next = narke::task([] {}, {.num_cpus = 0, .resources = {{"license", 1}}}).remote();
  EXPECT_TRUE(narke::wait(std::vector{next}, {.timeout = std::chrono::milliseconds{20}})
                  .ready.empty());
  opened.open();
  narke::wait(std::vector{holder, next}, {.num_returns = 2});
}

TEST_F(placement_lane, drops_what_waits_and_only_that) {
  start(1);
  auto hold = std::make_unique<busy_workers>(1);
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 3; ++i) {
    refs.push_back(narke::task([] { return 1; }, {.num_cpus = 1, .memory = 1}).remote());
  }
  lane().drop_pending();
  for (auto& ref : refs) EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  hold->release();
}

// A chain in which each waits for the one before: the failure of the first goes down all of it.
TEST_F(placement_lane, the_failure_of_a_long_chain_needs_no_long_stack) {
  constexpr int length = 100'000;
  start(2);
  auto hold = std::make_unique<busy_workers>(2);
  auto first = narke::task([]() -> int { throw std::runtime_error{"no"}; }).remote();
  auto step = narke::task([](int x) { return x; }, {.num_cpus = 2});
  auto last = step.remote(first);
  for (int i = 0; i != length; ++i) last = step.remote(std::move(last));
  hold->release();
  EXPECT_THROW(narke::get(last), std::runtime_error);
}

// What cancel does with a task of this lane, at each moment of the task's life.
class withdrawing : public narke_test::pool_test {
 protected:
  static bool cancel(narke::detail::task_node& node) {
    if (!node.claim(narke::detail::task_state::ready)) return false;
    const bool was_waiting = narke::internal::withdraw_placed(node);
    narke::internal::finish_with_error(node, std::make_exception_ptr(1));
    if (was_waiting) node.release_ref();
    return true;
  }
  static narke::detail::task_node& node_of(const object_ref<int>& ref) {
    return *narke::detail::ref_access::slot(ref)->producer();
  }
};

TEST_F(withdrawing, a_task_that_waits_in_the_lane_is_out) {
  start(1);
  const busy_workers busy{1};
  auto one = narke::task([] { return 1; }, {.num_cpus = 1, .memory = 1}).remote();
  EXPECT_EQ(lane().usage().pending, 1U);
  EXPECT_TRUE(cancel(node_of(one)));
  EXPECT_EQ(lane().usage().pending, 0U);
  EXPECT_TRUE(narke::is_ready(one));
}

TEST_F(withdrawing, the_next_in_line_runs) {
  start(2);
  busy_workers busy{1};
  auto wide = narke::task([] { return 1; }, {.num_cpus = 2}).remote();
  auto narrow = narke::task([] { return 2; }, {.num_cpus = 1, .memory = 1}).remote();
  EXPECT_TRUE(cancel(node_of(wide)));
  EXPECT_EQ(narke::get(narrow), 2);
}

// Cancelled while workers are granted, run and forget such tasks, whose memory comes back as that
// of others.
TEST_F(withdrawing, takes_no_other_task_out) {
  start(2);
  for (int round = 0; round != stress_rounds(60); ++round) {
    std::vector<object_ref<int>> refs;
    for (int i = 0; i != 20; ++i) {
      refs.push_back(narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(i));
    }
    std::atomic<int> cancelled{0};
    narke_test::on_threads(2, [&](int index) {
      for (int i = 0; i != 20; ++i) {
        if (index == 0) {
          cancelled += cancel(node_of(refs[static_cast<std::size_t>(19 - i)])) ? 1 : 0;
        } else {
          narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(i);
        }
      }
    });
    // If another task had been taken out, this would wait for ever.
    narke::wait(refs, {.num_returns = refs.size()});
    int failed = 0;
    for (auto& ref : refs) failed += narke::detail::ref_access::slot(ref)->failed() ? 1 : 0;
    ASSERT_EQ(failed, cancelled);
  }
}

// Cancelled while the last argument makes them ready.
TEST_F(withdrawing, may_come_while_the_arguments_become_ready) {
  start(2);
  for (int round = 0; round != stress_rounds(100); ++round) {
    gate opened;
    auto source = narke::task([wait = opened.waiter()] {
                    wait();
                    return 1;
                  }).remote();
    std::vector<object_ref<int>> refs;
    for (int i = 0; i != 8; ++i) {
      refs.push_back(narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(source));
    }
    source = {};
    opened.open();
    for (auto& ref : refs) {
      while (!narke::is_ready(ref) && !cancel(node_of(ref))) std::this_thread::yield();
    }
    narke::wait(refs, {.num_returns = refs.size()});
  }
}

TEST_F(placement_lane_stress, both_lanes_together_never_exceed_the_cpus) {
  constexpr int cpus = 3;
  start(cpus);
  const auto halves = std::make_shared<level>();
  const auto body = [halves](int amount) {
    halves->enter(amount);
    std::this_thread::yield();
    halves->leave(amount);
  };
  std::vector<object_ref<void>> refs;
  for (int i = 0; i != stress_rounds(1'500); ++i) {
    const int amount = i % 7 == 0 ? 2 * cpus : i % 5 == 0 ? 1 : i % 3 == 0 ? 4 : 2;
    refs.push_back(narke::task(body, {.num_cpus = amount / 2.0}).remote(amount));
  }
  narke::wait(refs, {.num_returns = refs.size()});
  EXPECT_LE(halves->most(), 2 * cpus);
}

// Submitted while workers are on their way to sleep, at every distance.
TEST_F(placement_lane_stress, a_single_wide_task_always_finds_its_permits) {
  start(2);
  for (int i = 0; i != stress_rounds(2'000); ++i) {
    auto fast = narke::task([] {}).remote();
    narke::wait(std::vector{fast});
    narke_test::spin_for(i % 200 * 100);
    auto wide = narke::task([] {}, {.num_cpus = 2}).remote();
    narke::wait(std::vector{wide});
  }
}

TEST_F(placement_lane_stress, tasks_of_both_lanes_that_wait_for_each_other_all_end) {
  start(2);
  std::vector<object_ref<int>> refs;
  const auto leaf = [](int x) { return x; };
  const auto middle = [=](int x) {
    auto child = narke::task(leaf, {.num_cpus = 1.0 + x % 2}).remote(x);
    return narke::get(child);
  };
  for (int i = 0; i != stress_rounds(400); ++i) {
    const double cpus[] = {0, 0.5, 1, 2};
    refs.push_back(narke::task(middle, {.num_cpus = cpus[i % 4]}).remote(i));
  }
  narke::wait(refs, {.num_returns = refs.size()});
}

}  // namespace
