// A GPU that is lost while tickets wait and run.
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(placement_loss, nothing_more_is_given_out_there) {
  scene s;
  s.core.on_device_lost(0);
  (void)s.start(gpus(1));
  EXPECT_THAT(s.last.assignments[0].granted->gpu_ids(), ElementsAre(1));
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
}

TEST(placement_loss, what_was_held_there_returns_nowhere) {
  scene s;
  const auto on_0 = s.start(gpus(1));
  const auto on_1 = s.order_one(gpus(1));
  const auto behind = s.order_one(gpus(1));
  s.core.on_device_lost(0);
  s.core.on_device_lost(1);
  for (const auto id : {on_0, on_1.id, behind.id}) {
    s.core.on_finished(id);
  }
  EXPECT_TRUE(s.core.available().gpu_sum().is_zero());
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
  EXPECT_EQ(s.core.running_count(), 0u);
  EXPECT_EQ(s.core.share_count(), 0u);
}

TEST(placement_loss, the_other_gpu_of_a_share_returns) {
  scene s;
  const auto both = s.order_one(gpus(2));
  s.core.on_device_lost(0);
  s.core.on_finished(both.id);
  EXPECT_EQ(s.core.available().gpus[1].share, quantity::one());
  EXPECT_EQ(s.core.available().gpus[1].memory_bytes, 1000);
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
}

TEST(placement_loss, a_share_there_is_not_handed_over) {
  scene s;
  const auto lost = s.order_one(gpus(1));
  const auto unordered = s.start_in_order(gpus(1), {}, lost.id);
  s.core.on_device_lost(0);
  EXPECT_THAT(s.start_in_order(gpus(1)).granted->gpu_ids(), ElementsAre(1));
  const auto waiting = s.submit_in_order(gpus(1), {{0, 10}}, lost.id);
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_ordered(unordered.id);
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(lost.id);
  s.core.on_finished(unordered.id);
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.explain(waiting).cause, wait_cause::share_not_ordered);
}

// It would wait for a lost share for ever, were it not counted as passed.
TEST(placement_loss, beside_a_lost_share_of_its_shape_a_request_ages) {
  scene s{small_machine(), 2};
  (void)s.order_one(gpus(1));
  s.core.on_device_lost(0);
  const auto holder = s.start(gpus(0.5));
  const auto waiting = s.submit_in_order(gpus(1));
  s.pass_by(2, gpus(0.5));
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(holder);
  EXPECT_THAT(s.step(), ElementsAre(waiting));
}

TEST(placement_loss, what_can_never_be_met_is_told_once_oldest_first) {
  scene s;
  (void)s.start(gpus(2));
  const auto pair = s.submit(gpus(2));
  const auto one = s.submit(gpus(1));
  const auto ordered_pair = s.submit_in_order(gpus(2));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_THAT(s.core.take_infeasible(), IsEmpty());
  s.core.on_device_lost(1);
  EXPECT_THAT(s.core.pending_ids(), ElementsAre(one));
  EXPECT_FALSE(s.core.on_cancelled(pair));
  EXPECT_THAT(s.core.take_infeasible(), ElementsAre(pair, ordered_pair));
  EXPECT_THAT(s.core.take_infeasible(), IsEmpty());
}

TEST(placement_loss, what_is_not_taken_at_once_is_told_with_the_next_loss) {
  scene s;
  (void)s.start(gpus(2));
  const auto pair = s.submit(gpus(2));
  const auto one = s.submit(gpus(1));
  s.core.on_device_lost(1);
  s.core.on_device_lost(0);
  EXPECT_THAT(s.core.take_infeasible(), ElementsAre(pair, one));
  EXPECT_EQ(s.core.pending_count(), 0u);
}

TEST(placement_loss, later_requests_for_it_are_not_taken) {
  scene s;
  const auto pair = s.order_one(gpus(2));
  s.core.on_finished(pair.id);
  s.core.on_device_lost(1);
  EXPECT_EQ(s.core.infeasible_reason(gpus(2)),
            "asks GPU: 2; this machine has GPU: 1 (GPU 1 was lost)");
  EXPECT_THROW(s.submit_in_order(gpus(2)), std::logic_error);
  s.core.on_device_lost(0);
  EXPECT_THAT(s.core.infeasible_reason(gpus(1)).value(), HasSubstr("(GPUs 0, 1 were lost)"));
  (void)s.start_with_permits(cpus(1));
}

TEST(placement_loss, a_collector_that_can_never_run_collects_no_more) {
  scene s;
  const auto both = s.submit(gpus(2, 3));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.collector(), both);
  s.core.on_device_lost(0);
  EXPECT_EQ(s.core.collector(), std::nullopt);
  EXPECT_EQ(s.core.permits_wanted(), 0);
}

TEST(placement_loss, an_aged_request_that_can_never_run_reserves_no_more) {
  scene s{small_machine(), 1};
  (void)s.start(gpus(1));
  const auto pair = s.submit(gpus(2));
  s.pass_by(1, gpus(0.5));
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_device_lost(0);
  EXPECT_THAT(s.core.take_infeasible(), ElementsAre(pair));
  EXPECT_EQ(s.step().size(), 1u);
}

TEST(placement_loss, a_second_report_of_the_same_loss_does_nothing) {
  scene s;
  const auto running = s.order_one(gpus(1));
  s.core.on_device_lost(0);
  s.core.on_device_lost(0);
  s.core.on_finished(running.id);
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
  EXPECT_THROW(s.core.on_device_lost(2), std::logic_error);
  EXPECT_THROW(s.core.on_device_lost(-1), std::logic_error);
}

TEST(placement_loss, an_actor_that_holds_a_lost_gpu_keeps_nobody_waiting) {
  scene s{small_machine(), 1};
  (void)s.start(gpus(1), true);
  (void)s.order_one(gpus(1));
  s.core.on_device_lost(0);
  const auto older = s.submit(gpus(1));
  (void)s.order_one(gpus(1));
  (void)s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_EQ(s.core.explain(older).cause, wait_cause::shares_drain);
}

}  // namespace
}  // namespace narke_test
