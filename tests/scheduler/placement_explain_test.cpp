// Why does my task not run?
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(placement_explain, says_what_is_missing_and_who_holds_it) {
  scene s;
  const auto one = s.start(custom("a", 0.5));
  const auto two = s.start(custom("a", 1));
  const auto waiting = s.submit(custom("a", 2));
  (void)s.step();
  const auto why = s.core.explain(waiting);
  EXPECT_EQ(why.state, ticket_state::pending);
  EXPECT_EQ(why.cause, wait_cause::resources);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_EQ(why.missing[0].name, "a");
  EXPECT_EQ(why.missing[0].wanted, 2);
  EXPECT_EQ(why.missing[0].available, 0.5);
  EXPECT_THAT(why.missing[0].holders, ElementsAre(one, two));
}

TEST(placement_explain, lists_every_kind_that_is_missing) {
  scene s;
  (void)s.start(make_request({.num_gpus = 2, .memory = 900, .resources = {{"a", 2}}}));
  const auto waiting = s.submit(
      make_request({.num_cpus = 1, .num_gpus = 1, .memory = 200, .resources = {{"a", 1}}}));
  (void)s.step();
  std::vector<std::string> names;
  for (const auto& entry : s.core.explain(waiting).missing) {
    names.push_back(entry.name);
  }
  EXPECT_THAT(names, ElementsAre("CPU", "GPU", "memory", "a"));
}

TEST(placement_explain, tells_gpu_memory_from_shares) {
  scene s;
  const auto holder = s.start(make_request({.num_gpus = 0.1, .gpu_memory = 800}));
  const auto other = s.start(make_request({.num_gpus = 0.1, .gpu_memory = 700}));
  const auto waiting = s.submit(make_request({.num_gpus = 0.1, .gpu_memory = 400}));
  (void)s.step();
  const auto why = s.core.explain(waiting);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_EQ(why.missing[0].name, "gpu_memory");
  EXPECT_EQ(why.missing[0].wanted, 400);
  EXPECT_EQ(why.missing[0].available, 500);
  EXPECT_THAT(why.missing[0].holders, ElementsAre(holder, other));
}

TEST(placement_explain, the_collector_waits_for_cpus) {
  scene s;
  const auto running = s.start_with_permits(cpus(2));
  const auto large = s.submit(cpus(4));
  (void)s.step();
  const auto why = s.core.explain(large);
  EXPECT_EQ(why.cause, wait_cause::cpus);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_EQ(why.missing[0].name, "CPU");
  EXPECT_EQ(why.missing[0].wanted, 4);
  EXPECT_EQ(why.missing[0].available, 0);
  EXPECT_THAT(why.missing[0].holders, ElementsAre(running));
}

TEST(placement_explain, later_requests_wait_behind_the_collector) {
  scene s;
  const auto large = s.submit(cpus(4));
  s.core.on_permits_granted(2);
  const auto small = s.submit(cpus(1));
  (void)s.step();
  const auto why = s.core.explain(small);
  EXPECT_EQ(why.cause, wait_cause::collector);
  EXPECT_EQ(why.waits_behind, large);
  EXPECT_THAT(why.missing, IsEmpty());
}

TEST(placement_explain, equal_requests_wait_behind_their_oldest) {
  scene s;
  (void)s.start(gpus(2));
  const auto first = s.submit(gpus(1));
  const auto second = s.submit(gpus(1));
  (void)s.step();
  EXPECT_EQ(s.core.explain(second).cause, wait_cause::equal_ahead);
  EXPECT_EQ(s.core.explain(second).waits_behind, first);
}

TEST(placement_explain, an_aged_request_is_named_to_those_it_holds_back) {
  scene s{small_machine(), 1};
  (void)s.start(gpus(1));
  const auto aged = s.submit(gpus(2));
  s.pass_by(1, gpus(0.5));
  const auto later = s.submit(gpus(0.5));
  (void)s.step();
  EXPECT_EQ(s.core.explain(aged).passed_by, 1);
  EXPECT_EQ(s.core.explain(later).cause, wait_cause::reserved);
  EXPECT_EQ(s.core.explain(later).waits_behind, aged);
}

TEST(placement_explain, cpus_held_by_actors_are_told_from_others) {
  scene s;
  const auto actor = s.start_with_permits(cpus(1), true);
  const auto all = s.submit(cpus(4));
  (void)s.step();
  const auto why = s.core.explain(all);
  EXPECT_EQ(why.cause, wait_cause::held_for_life);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_THAT(why.missing[0].holders, ElementsAre(actor));
}

TEST(placement_explain, knows_running_blocked_and_unknown_tickets) {
  scene s;
  const auto id = s.start(gpus(1));
  EXPECT_EQ(s.core.explain(id).state, ticket_state::running);
  s.core.on_blocked(id);
  EXPECT_EQ(s.core.explain(id).state, ticket_state::blocked);
  s.core.on_finished(id);
  EXPECT_EQ(s.core.explain(id).state, ticket_state::unknown);
}

}  // namespace
}  // namespace narke_test
