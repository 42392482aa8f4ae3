// Who runs when CPUs are not what is short.
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(placement_order, a_request_without_cpus_runs_without_a_permit) {
  scene s;
  const auto id = s.submit(gpus(1));
  EXPECT_THAT(s.step(), ElementsAre(id));
  EXPECT_THAT(s.last.assignments[0].granted->gpu_ids(), ElementsAre(0));
  EXPECT_EQ(s.core.permits_wanted(), 0);
}

TEST(placement_order, equal_requests_run_oldest_first) {
  scene s;
  const auto first = s.submit(gpus(1));
  const auto second = s.submit(gpus(1));
  const auto third = s.submit(gpus(1));
  EXPECT_THAT(s.step(), ElementsAre(first, second));
  s.core.on_finished(second);
  EXPECT_THAT(s.step(), ElementsAre(third));
  EXPECT_THAT(s.last.assignments[0].granted->gpu_ids(), ElementsAre(1));
}

TEST(placement_order, different_requests_run_oldest_first) {
  scene s;
  const auto one = s.submit(custom("a", 1));
  const auto two = s.submit(gpus(0.5));
  const auto three = s.submit(custom("a", 1));
  EXPECT_THAT(s.step(), ElementsAre(one, two, three));
}

TEST(placement_order, age_is_by_ticks_and_not_by_arrival) {
  placement_core core{small_machine()};
  core.on_submitted({.id = 1, .request = gpus(2), .submitted_ticks = 20});
  core.on_submitted({.id = 2, .request = gpus(2), .submitted_ticks = 10});
  const auto& result = core.step(no_ticks);
  ASSERT_EQ(result.assignments.size(), 1u);
  EXPECT_EQ(result.assignments[0].id, 2u);
}

TEST(placement_order, a_request_that_does_not_fit_lets_later_ones_pass) {
  scene s;
  (void)s.start(gpus(1));
  (void)s.submit(gpus(2));
  const auto small = s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), ElementsAre(small));
}

TEST(placement_order, what_a_finished_one_held_goes_to_the_next) {
  scene s;
  const auto running = s.start(custom("a", 2));
  const auto waiting = s.submit(custom("a", 1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(running);
  EXPECT_THAT(s.step(), ElementsAre(waiting));
}

TEST(placement_order, a_blocked_one_keeps_all_but_its_cpus) {
  scene s;
  const auto running = s.start_with_permits(gpus(2, 1));
  s.core.on_blocked(running);
  EXPECT_TRUE(s.core.cpus_in_use().is_zero());
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
}

TEST(placement_order, cancelled_ones_never_run) {
  scene s;
  const auto id = s.submit(gpus(1));
  EXPECT_TRUE(s.core.on_cancelled(id));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.pending_count(), 0u);
}

TEST(placement_order, one_that_was_cancelled_and_submitted_again_runs_once_and_in_its_place) {
  scene s;
  const auto running = s.start(gpus(2));
  const auto first = s.submit(gpus(2));
  const auto again = s.submit(gpus(2));
  const auto last = s.submit(gpus(2));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(s.core.on_cancelled(again));
    s.core.on_submitted({.id = again, .request = gpus(2), .submitted_ticks = again});
  }
  EXPECT_EQ(s.core.pending_count(), 3u);
  ticket_id before = running;
  for (const auto next : {first, again, last}) {
    s.core.on_finished(before);
    EXPECT_THAT(s.step(), ElementsAre(next));
    before = next;
  }
  EXPECT_EQ(s.core.pending_count(), 0u);
}

TEST(placement_order, only_pending_ones_can_be_cancelled) {
  scene s;
  const auto running = s.start(gpus(1));
  EXPECT_FALSE(s.core.on_cancelled(running));
  EXPECT_FALSE(s.core.on_cancelled(99));
  s.core.on_finished(running);
  EXPECT_FALSE(s.core.on_cancelled(running));
}

TEST(placement_order, pending_ids_are_listed_oldest_first) {
  scene s;
  (void)s.start(gpus(2));
  const auto one = s.submit(gpus(1));
  const auto two = s.submit(gpus(0.5));
  const auto three = s.submit(gpus(1));
  (void)s.step();
  EXPECT_THAT(s.core.pending_ids(), ElementsAre(one, two, three));
}

TEST(placement_order, events_that_contradict_each_other_are_logic_errors) {
  scene s;
  const auto running = s.start(gpus(1));
  EXPECT_THROW(s.core.on_submitted({.id = running}), std::logic_error);
  EXPECT_THROW(s.core.on_unblocked(running), std::logic_error);
  s.core.on_blocked(running);
  EXPECT_THROW(s.core.on_blocked(running), std::logic_error);
  s.core.on_finished(running);
  EXPECT_THROW(s.core.on_finished(running), std::logic_error);
  EXPECT_THROW(s.core.on_permits_granted(-1), std::logic_error);
  const auto pending = s.submit(gpus(1));
  EXPECT_THROW(s.core.on_submitted({.id = pending}), std::logic_error);
  EXPECT_THROW(s.core.on_finished(pending), std::logic_error);
}

TEST(placement_order, what_can_never_run_is_not_taken) {
  scene s;
  EXPECT_TRUE(s.core.infeasible_reason(gpus(3)).has_value());
  EXPECT_THROW(s.submit(gpus(3)), std::logic_error);
  EXPECT_EQ(s.core.pending_count(), 0u);
}

// Quadratic work would run into the time limit of the test.
TEST(placement_order, a_hundred_thousand_equal_requests_are_placed_one_by_one) {
  constexpr int count = 100'000;
  scene s;
  ticket_id running = s.start(gpus(2));
  for (int i = 0; i < count; ++i) {
    (void)s.submit(gpus(2));
    ASSERT_THAT(s.step(), IsEmpty());
  }
  for (int i = 0; i < count; ++i) {
    s.core.on_finished(running);
    ASSERT_THAT(s.step(), ElementsAre(running + 1));
    ++running;
  }
  EXPECT_EQ(s.core.pending_count(), 0u);
}

}  // namespace
}  // namespace narke_test
