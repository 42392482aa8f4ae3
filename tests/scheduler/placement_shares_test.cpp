// GPU shares that are handed over in stream order.
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

resource_totals machine_with_gpus(int count) {
  resource_totals totals{.cpus = 4, .memory_bytes = 1000};
  for (int id = 0; id < count; ++id) {
    totals.gpus.push_back({.id = id, .memory_bytes = 1000});
  }
  return totals;
}

TEST(placement_shares, the_first_ticket_gets_a_fresh_share) {
  scene s;
  const auto first = s.start_in_order(gpus(1));
  EXPECT_NE(first.share, 0u);
  EXPECT_FALSE(first.is_successor);
  EXPECT_THAT(first.granted->gpu_ids(), ElementsAre(0));
}

TEST(placement_shares, an_ordered_share_is_handed_over_before_it_is_complete) {
  scene s{machine_with_gpus(1)};
  const auto first = s.order_one(gpus(1));
  const auto second = s.start_in_order(gpus(1));
  EXPECT_TRUE(second.is_successor);
  EXPECT_EQ(second.share, first.share);
  EXPECT_EQ(second.granted, first.granted);
  EXPECT_EQ(s.core.running_count(), 2u);
  EXPECT_EQ(s.core.share_count(), 1u);
}

TEST(placement_shares, a_share_is_not_handed_over_before_its_newest_member_is_ordered) {
  scene s{machine_with_gpus(1)};
  const auto first = s.start_in_order(gpus(1));
  const auto second = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_ordered(first.id);
  const auto third = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), ElementsAre(second));
  s.core.on_finished(first.id);
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_ordered(second);
  EXPECT_THAT(s.step(), ElementsAre(third));
}

TEST(placement_shares, the_allocation_returns_when_the_last_member_has_finished) {
  scene s{machine_with_gpus(1)};
  const auto first = s.order_one(gpus(1));
  const auto second = s.order_one(gpus(1));
  s.core.on_finished(second.id);
  EXPECT_TRUE(s.core.available().gpu_sum().is_zero());
  s.core.on_finished(first.id);
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
  EXPECT_EQ(s.core.share_count(), 0u);
}

TEST(placement_shares, ids_of_shares_are_never_used_again) {
  scene s{machine_with_gpus(1)};
  const auto first = s.order_one(gpus(1));
  s.core.on_finished(first.id);
  EXPECT_NE(s.start_in_order(gpus(1)).share, first.share);
}

}  // namespace
}  // namespace narke_test
