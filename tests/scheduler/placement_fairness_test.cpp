// Tickets that take GPU shares over pass older ones that need the GPUs for real, but not for ever.
// The limit is 3 here.
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int limit = 3;

class placement_fairness : public testing::Test {
 protected:
  // Successors, each behind the one before; none finishes.
  void hand_over(int count, const resource_request& request) {
    for (int i = 0; i < count; ++i) {
      const auto next = s.order_one(request);
      ASSERT_TRUE(next.is_successor);
      members.push_back(next.id);
    }
  }

  void open(const resource_request& request) {
    const auto first = s.order_one(request);
    ASSERT_FALSE(first.is_successor);
    members.push_back(first.id);
  }

  void finish_members() {
    for (const auto id : members) {
      s.core.on_finished(id);
    }
    members.clear();
  }

  scene s{{.cpus = 4,
           .gpus = {{.id = 0, .memory_bytes = 1000}},
           .custom = {{"a", quantity::from_whole(2)}}},
          limit};
  std::vector<ticket_id> members;  // in flight
};

TEST_F(placement_fairness, after_the_limit_a_share_runs_empty_for_the_older_request) {
  open(gpus(1));
  const auto older = s.submit(gpus(1));
  hand_over(limit, gpus(1));
  const auto later = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), ElementsAre(older));
  s.core.on_finished(older);
  EXPECT_THAT(s.step(), ElementsAre(later));
}

TEST_F(placement_fairness, one_short_of_the_limit_shares_are_handed_over) {
  open(gpus(1));
  (void)s.submit(gpus(1));
  hand_over(limit, gpus(1));
}

TEST_F(placement_fairness, an_actor_gets_its_gpu) {
  open(gpus(1));
  const auto actor = s.submit(gpus(1), true);
  hand_over(limit, gpus(1));
  (void)s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), ElementsAre(actor));
}

TEST_F(placement_fairness, another_shape_gets_its_turn) {
  open(gpus(1));
  const auto half = s.submit_in_order(gpus(0.5));
  hand_over(limit, gpus(1));
  (void)s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), ElementsAre(half));
}

TEST_F(placement_fairness, a_request_that_lacks_cpus_as_well_gets_both) {
  open(gpus(1));
  const auto older = s.submit(gpus(1, 2));
  hand_over(limit, gpus(1));
  const auto later = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.permits_wanted(), 2);
  s.core.on_permits_granted(2);
  EXPECT_THAT(s.step(), ElementsAre(older));
  s.core.on_finished(older);
  EXPECT_THAT(s.step(), ElementsAre(later));
}

TEST_F(placement_fairness, what_waits_for_a_share_of_its_shape_to_be_ordered_reserves_nothing) {
  const auto first = s.start_in_order(gpus(0.5));
  (void)s.start(gpus(0.25));
  const auto waiting = s.submit_in_order(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  s.pass_by(limit, custom("a", 1));
  (void)s.start(gpus(0.25));
  s.core.on_ordered(first.id);
  EXPECT_THAT(s.step(), ElementsAre(waiting));
}

TEST_F(placement_fairness, shares_are_handed_over_while_the_older_request_waits_for_an_actor) {
  (void)s.start(gpus(0.5), true);
  open(gpus(0.5));
  (void)s.submit(gpus(1));
  hand_over(3 * limit, gpus(0.5));
}

TEST_F(placement_fairness, shares_are_handed_over_while_it_waits_for_a_blocked_one) {
  const auto parent = s.start(gpus(0.5));
  open(gpus(0.5));
  const auto older = s.submit(gpus(1));
  hand_over(limit, gpus(0.5));
  s.core.on_blocked(parent);
  hand_over(limit, gpus(0.5));  // perhaps what the parent waits for
  s.core.on_unblocked(parent);
  (void)s.submit_in_order(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  s.core.on_finished(parent);
  EXPECT_THAT(s.step(), ElementsAre(older));
}

TEST_F(placement_fairness, an_actor_that_leaves_room_enough_does_not_keep_a_request_waiting) {
  (void)s.start(gpus(0.5), true);
  open(gpus(0.5));
  const auto older = s.submit(gpus(0.5));
  hand_over(limit, gpus(0.5));
  const auto later = s.submit_in_order(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), ElementsAre(older));
  s.core.on_finished(older);
  EXPECT_THAT(s.step(), ElementsAre(later));
}

// The GPU stays reserved while its CPUs are collected, though an actor holds some of it.
TEST_F(placement_fairness, beside_an_actor_too_the_gpu_is_kept_while_cpus_are_collected) {
  (void)s.start(gpus(0.5), true);
  open(gpus(0.5));
  const auto older = s.submit(gpus(0.5, 1));
  hand_over(limit, gpus(0.5));
  (void)s.submit_in_order(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  finish_members();
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_permits_granted(1);
  EXPECT_THAT(s.step(), ElementsAre(older));
}

TEST_F(placement_fairness, a_blocked_member_is_a_holder_that_may_never_let_go) {
  open(gpus(1));
  (void)s.submit(gpus(1));
  s.core.on_blocked(members.front());
  hand_over(2 * limit, gpus(1));
  s.core.on_unblocked(members.front());
  (void)s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
}

// Why it waits.

TEST_F(placement_fairness, explain_tells_of_a_share_that_is_not_ordered) {
  const auto first = s.start_in_order(gpus(1));
  const auto waiting = s.submit_in_order(gpus(1));
  (void)s.step();
  const auto why = s.core.explain(waiting);
  EXPECT_EQ(why.cause, wait_cause::share_not_ordered);
  EXPECT_EQ(why.waits_behind, first.id);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_THAT(why.missing[0].holders, ElementsAre(first.id));
  s.core.on_ordered(first.id);
  EXPECT_EQ(s.core.explain(waiting).cause, wait_cause::nothing);
}

TEST_F(placement_fairness, explain_tells_of_shares_that_run_empty) {
  open(gpus(1));
  const auto older = s.submit(gpus(1));
  (void)s.step();
  EXPECT_EQ(s.core.explain(older).cause, wait_cause::resources);
  hand_over(limit, gpus(1));
  const auto later = s.submit_in_order(gpus(1));
  (void)s.step();
  const auto why = s.core.explain(older);
  EXPECT_EQ(why.cause, wait_cause::shares_drain);
  EXPECT_EQ(why.passed_by, limit);
  ASSERT_EQ(why.missing.size(), 1u);
  EXPECT_THAT(why.missing[0].holders, testing::ElementsAreArray(members));
  EXPECT_EQ(s.core.explain(later).cause, wait_cause::reserved);
  EXPECT_EQ(s.core.explain(later).waits_behind, older);
}

}  // namespace
}  // namespace narke_test
