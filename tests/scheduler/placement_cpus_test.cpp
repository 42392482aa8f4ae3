// Permits between the lanes, fractions of CPUs, and the collector.
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(placement_cpus, a_request_for_cpus_waits_for_permits_and_asks_for_them) {
  scene s;
  const auto id = s.submit(cpus(2));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.permits_wanted(), 2);
  EXPECT_EQ(s.core.head_ticks(), id);
  s.core.on_permits_granted(2);
  EXPECT_THAT(s.step(), ElementsAre(id));
  EXPECT_EQ(s.core.permits_wanted(), 0);
  EXPECT_EQ(s.core.head_ticks(), no_ticks);
}

TEST(placement_cpus, permits_go_back_when_nobody_here_can_use_them) {
  scene s;
  const auto id = s.start_with_permits(cpus(2));
  EXPECT_EQ(s.last.permits_to_return, 0);
  s.core.on_finished(id);
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.last.permits_to_return, 2);
  EXPECT_EQ(s.core.permits_held(), 0);
}

TEST(placement_cpus, permits_that_came_too_late_go_back) {
  scene s;
  const auto id = s.submit(cpus(1));
  (void)s.step();
  EXPECT_TRUE(s.core.on_cancelled(id));
  EXPECT_EQ(s.core.permits_wanted(), 0);
  s.core.on_permits_granted(1);
  (void)s.step();
  EXPECT_EQ(s.last.permits_to_return, 1);
}

TEST(placement_cpus, two_halves_share_one_permit) {
  scene s;
  const auto one = s.submit(cpus(0.5));
  const auto two = s.submit(cpus(0.5));
  (void)s.step();
  EXPECT_EQ(s.core.permits_wanted(), 1);
  s.core.on_permits_granted(1);
  EXPECT_THAT(s.step(), ElementsAre(one, two));
  EXPECT_EQ(s.last.permits_to_return, 0);
}

TEST(placement_cpus, a_permit_that_is_used_in_part_stays) {
  scene s;
  const auto one = s.start_with_permits(cpus(0.5));
  const auto two = s.start(cpus(0.5));
  s.core.on_finished(one);
  (void)s.step();
  EXPECT_EQ(s.last.permits_to_return, 0);
  s.core.on_finished(two);
  (void)s.step();
  EXPECT_EQ(s.last.permits_to_return, 1);
}

TEST(placement_cpus, ten_tenths_share_one_permit) {
  scene s;
  s.core.on_permits_granted(1);
  for (int i = 0; i < 11; ++i) {
    (void)s.submit(cpus(0.1));
  }
  EXPECT_EQ(s.step().size(), 10u);
  EXPECT_EQ(s.core.permits_wanted(), 1);
}

TEST(placement_cpus, what_is_left_of_a_permit_counts_for_the_next_request) {
  scene s;
  (void)s.start_with_permits(cpus(0.5));
  (void)s.submit(cpus(1.5));
  (void)s.step();
  EXPECT_EQ(s.core.permits_wanted(), 1);
}

TEST(placement_cpus, the_collector_keeps_what_is_free_from_later_requests) {
  scene s;
  const auto large = s.submit(cpus(3));
  (void)s.step();
  s.core.on_permits_granted(2);
  const auto small = s.submit(cpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.collector(), large);
  EXPECT_EQ(s.last.permits_to_return, 0);
  EXPECT_EQ(s.core.permits_wanted(), 1);
  s.core.on_permits_granted(2);
  EXPECT_THAT(s.step(), ElementsAre(large, small));
}

TEST(placement_cpus, requests_without_cpus_pass_the_collector) {
  scene s;
  (void)s.submit(cpus(3));
  const auto gpu_only = s.submit(gpus(1));
  EXPECT_THAT(s.step(), ElementsAre(gpu_only));
}

TEST(placement_cpus, a_request_that_lacks_more_than_cpus_does_not_collect) {
  scene s;
  (void)s.start(gpus(2));
  (void)s.submit(gpus(1, 4));
  const auto small = s.submit(cpus(1));
  s.core.on_permits_granted(1);
  EXPECT_THAT(s.step(), ElementsAre(small));
}

TEST(placement_cpus, the_collector_changes_when_its_licence_is_taken) {
  scene s;
  const auto licensed = s.submit(custom("a", 2, 2));
  const auto plain = s.submit(cpus(2));
  (void)s.step();
  EXPECT_EQ(s.core.collector(), licensed);
  const auto thief = s.submit(custom("a", 1));
  EXPECT_THAT(s.step(), ElementsAre(thief));
  (void)s.step();
  EXPECT_EQ(s.core.collector(), plain);
}

TEST(placement_cpus, an_older_request_that_fits_again_becomes_the_collector) {
  scene s;
  const auto holder = s.start(custom("a", 2));
  const auto older = s.submit(custom("a", 1, 3));
  const auto younger = s.submit(cpus(2));
  (void)s.step();
  EXPECT_EQ(s.core.collector(), younger);
  s.core.on_finished(holder);
  (void)s.step();
  EXPECT_EQ(s.core.collector(), older);
}

TEST(placement_cpus, an_older_head_of_the_other_lane_gets_what_was_collected) {
  scene s;
  (void)s.submit(gpus(0.1));
  const auto large = s.submit(cpus(3));
  (void)s.step();
  s.core.on_permits_granted(2);
  (void)s.step(large - 1);
  EXPECT_EQ(s.last.permits_to_return, 2);
  EXPECT_EQ(s.core.permits_wanted(), 3);
}

TEST(placement_cpus, a_younger_head_of_the_other_lane_gets_nothing_from_the_collector) {
  scene s;
  const auto large = s.submit(cpus(3));
  (void)s.step();
  s.core.on_permits_granted(2);
  (void)s.step(large + 1);
  EXPECT_EQ(s.last.permits_to_return, 0);
}

TEST(placement_cpus, only_whole_free_cpus_go_back) {
  scene s;
  const auto half = s.start_with_permits(cpus(0.5));
  const auto large = s.submit(cpus(4));
  s.core.on_permits_granted(2);
  (void)s.step(half);
  EXPECT_EQ(s.core.collector(), large);
  EXPECT_EQ(s.last.permits_to_return, 2);
  EXPECT_EQ(s.core.cpu_balance().to_string(), "0.5");
}

TEST(placement_cpus, a_blocked_task_gives_its_cpus_to_the_next) {
  scene s;
  const auto parent = s.start_with_permits(cpus(2));
  const auto child = s.submit(cpus(2));
  s.core.on_blocked(parent);
  EXPECT_THAT(s.step(), ElementsAre(child));
}

TEST(placement_cpus, a_task_that_resumes_makes_a_deficit_that_is_asked_for_first) {
  scene s;
  const auto parent = s.start_with_permits(cpus(1.5));
  s.core.on_blocked(parent);
  (void)s.step();
  EXPECT_EQ(s.last.permits_to_return, 2);
  (void)s.submit(cpus(4));
  s.core.on_unblocked(parent);
  (void)s.step();
  EXPECT_EQ(s.core.cpu_balance().to_string(), "-1.5");
  EXPECT_EQ(s.core.permits_wanted(), 2);
  EXPECT_EQ(s.core.head_ticks(), 0u);
}

TEST(placement_cpus, nothing_that_needs_cpus_starts_in_a_deficit) {
  scene s;
  const auto parent = s.start_with_permits(cpus(2));
  s.core.on_blocked(parent);
  (void)s.step();
  s.core.on_unblocked(parent);
  (void)s.submit(cpus(0.5));
  const auto without = s.submit(gpus(1));
  EXPECT_THAT(s.step(), ElementsAre(without));
}

TEST(placement_cpus, a_deficit_ends_when_the_task_does) {
  scene s;
  const auto parent = s.start_with_permits(cpus(2));
  s.core.on_blocked(parent);
  (void)s.step();
  s.core.on_unblocked(parent);
  s.core.on_finished(parent);
  EXPECT_EQ(s.core.permits_wanted(), 0);
  EXPECT_TRUE(s.core.cpu_balance().is_zero());
}

TEST(placement_cpus, a_task_that_ends_while_blocked_frees_its_cpus_once) {
  scene s;
  const auto id = s.start_with_permits(gpus(1, 2));
  s.core.on_blocked(id);
  s.core.on_finished(id);
  (void)s.step();
  EXPECT_EQ(s.last.permits_to_return, 2);
  EXPECT_TRUE(s.core.cpu_balance().is_zero());
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
}

TEST(placement_cpus, cpus_that_actors_hold_for_life_are_not_collected_for) {
  scene s;
  const auto actor = s.start_with_permits(cpus(1), true);
  const auto all = s.submit(cpus(4));
  s.core.on_permits_granted(3);
  const auto small = s.submit(cpus(1));
  EXPECT_THAT(s.step(), ElementsAre(small));
  EXPECT_EQ(s.last.permits_to_return, 2);
  s.core.on_finished(small);
  s.core.on_finished(actor);
  (void)s.step();
  EXPECT_EQ(s.core.collector(), all);
}

TEST(placement_cpus, an_actor_that_waits_lends_its_cpus_to_those_it_may_wait_for) {
  scene s;
  const auto actor = s.start_with_permits(cpus(4), true);
  s.core.on_blocked(actor);
  const auto child = s.submit(cpus(4));
  EXPECT_THAT(s.step(), ElementsAre(child));
  s.core.on_finished(child);
  (void)s.step();
  (void)s.submit(cpus(4));
  (void)s.step();
  EXPECT_EQ(s.core.permits_wanted(), 4);
}

}  // namespace
}  // namespace narke_test
