// GPU shares that are handed over in stream order.
#include <random>
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

TEST(placement_shares, a_share_of_several_gpus_is_handed_over_whole) {
  scene s;
  const auto first = s.order_one(gpus(2));
  const auto second = s.start_in_order(gpus(2));
  EXPECT_EQ(second.share, first.share);
  EXPECT_THAT(second.granted->gpu_ids(), ElementsAre(0, 1));
}

TEST(placement_shares, only_equal_requests_take_a_share_over) {
  scene s{machine_with_gpus(1)};
  (void)s.order_one(make_request({.num_gpus = 0.75, .gpu_memory = 10}));
  (void)s.submit_in_order(gpus(0.75));
  (void)s.submit_in_order(make_request({.num_gpus = 0.75, .gpu_memory = 20}));
  (void)s.submit(make_request({.num_gpus = 0.75, .gpu_memory = 10}));
  EXPECT_THAT(s.step(), IsEmpty());
}

TEST(placement_shares, what_asks_for_more_than_gpus_has_a_share_of_its_own) {
  for (const auto& request : {gpus(0.5, 1), make_request({.num_gpus = 0.5, .memory = 10}),
                              make_request({.num_gpus = 0.5, .resources = {{"a", 1}}})}) {
    auto totals = machine_with_gpus(1);
    totals.custom["a"] = quantity::from_whole(9);
    scene s{std::move(totals)};
    s.core.on_permits_granted(1);
    const auto first = s.order_one(request);
    s.core.on_permits_granted(1);
    const auto second = s.order_one(request);
    EXPECT_NE(second.share, 0u);
    EXPECT_NE(second.share, first.share);
    EXPECT_FALSE(second.is_successor);
    (void)s.submit_in_order(request);
    s.core.on_permits_granted(1);
    EXPECT_THAT(s.step(), IsEmpty()) << request.to_string();
    s.core.on_finished(first.id);
    EXPECT_EQ(s.core.share_count(), 1u) << request.to_string();
  }
}

TEST(placement_shares, ordinary_tickets_have_none) {
  scene s;
  (void)s.start(gpus(1));
  EXPECT_EQ(s.last.assignments[0].share, 0u);
  EXPECT_EQ(s.core.share_count(), 0u);
}

TEST(placement_shares, a_member_that_finishes_without_being_ordered_leaves_the_share_passable) {
  scene s{machine_with_gpus(1)};
  const auto first = s.order_one(gpus(1));
  const auto thrown = s.start_in_order(gpus(1));
  s.core.on_finished(thrown.id);
  EXPECT_EQ(s.start_in_order(gpus(1)).share, first.share);
}

TEST(placement_shares, an_only_member_that_finishes_without_being_ordered_gives_the_share_back) {
  scene s{machine_with_gpus(1)};
  const auto thrown = s.start_in_order(gpus(1));
  s.core.on_finished(thrown.id);
  EXPECT_EQ(s.core.share_count(), 0u);
  EXPECT_EQ(s.core.available(), full_amounts(s.core.totals()));
}

TEST(placement_shares, events_that_contradict_each_other_are_logic_errors) {
  scene s;
  const auto ordinary = s.start(gpus(1));
  EXPECT_THROW(s.core.on_ordered(ordinary), std::logic_error);
  const auto member = s.order_one(gpus(1));
  EXPECT_THROW(s.core.on_ordered(member.id), std::logic_error);
  s.core.on_finished(member.id);
  EXPECT_THROW(s.core.on_ordered(member.id), std::logic_error);
  EXPECT_THROW(s.core.on_finished(member.id), std::logic_error);
  EXPECT_THROW(s.core.on_ordered(99), std::logic_error);
  const auto pending = s.submit_in_order(gpus(2));
  EXPECT_THAT(s.step(), IsEmpty());
  EXPECT_THROW(s.core.on_ordered(pending), std::logic_error);
}

TEST(placement_shares, cancelled_ones_take_nothing_over) {
  scene s{machine_with_gpus(1)};
  (void)s.order_one(gpus(1));
  const auto cancelled = s.submit_in_order(gpus(1));
  EXPECT_TRUE(s.core.on_cancelled(cancelled));
  EXPECT_THAT(s.step(), IsEmpty());
  (void)s.start_in_order(gpus(1));
}

// A chain never waits for completion, and its memory does not grow with its length.
TEST(placement_shares, a_chain_of_a_hundred_thousand_stays_on_one_share) {
  scene s;
  const auto first = s.order_one(gpus(1));
  ticket_id finished = 0;
  for (ticket_id id = 2; id <= 100'000; ++id) {
    const auto next = s.order_one(gpus(1), {}, id - 1);
    ASSERT_EQ(next.share, first.share);
    ASSERT_TRUE(next.is_successor);
    if (id - finished > 128) {
      s.core.on_finished(++finished);
    }
  }
  EXPECT_EQ(s.core.running_count(), 128u);
}

// Where it goes.

class placement_choice : public testing::Test {
 protected:
  // That many members, all ordered, on a share of the GPU, of requests for one GPU.
  assignment share_on(int gpu, int members) {
    auto only = gpus(1);
    assignment newest;
    for (int i = 0; i < members; ++i) {
      newest = s.order_one(only, {{gpu, 1'000'000}}, newest.id);
    }
    EXPECT_THAT(newest.granted->gpu_ids(), ElementsAre(gpu));
    return newest;
  }

  scene s{machine_with_gpus(2)};
};

TEST_F(placement_choice, a_fresh_allocation_comes_before_a_share) {
  (void)share_on(0, 1);
  const auto next = s.start_in_order(gpus(1));
  EXPECT_FALSE(next.is_successor);
  EXPECT_THAT(next.granted->gpu_ids(), ElementsAre(1));
}

TEST_F(placement_choice, a_share_whose_newest_member_it_follows_comes_before_a_fresh_allocation) {
  const auto first = share_on(0, 1);
  EXPECT_EQ(s.start_in_order(gpus(1), {}, first.id).share, first.share);
}

TEST_F(placement_choice, a_share_that_went_on_since_is_not_followed) {
  const auto first = share_on(0, 1);
  (void)s.order_one(gpus(1), {}, first.id);
  EXPECT_FALSE(s.start_in_order(gpus(1), {}, first.id).is_successor);
}

TEST_F(placement_choice, input_bytes_come_before_a_fresh_allocation_elsewhere) {
  const auto first = share_on(1, 1);
  EXPECT_EQ(s.start_in_order(gpus(1), {{1, 10}}).share, first.share);
}

TEST_F(placement_choice, a_fresh_allocation_goes_to_the_gpu_with_the_input_bytes) {
  EXPECT_THAT(s.start_in_order(gpus(1), {{0, 10}, {1, 11}}).granted->gpu_ids(), ElementsAre(1));
}

TEST_F(placement_choice, the_share_with_the_fewest_members_is_next) {
  const auto longer = share_on(0, 3);
  const auto shorter = share_on(1, 2);
  EXPECT_EQ(s.order_one(gpus(1)).share, shorter.share);
  EXPECT_EQ(s.order_one(gpus(1)).share, longer.share);  // 3 each
  EXPECT_EQ(s.order_one(gpus(1)).share, shorter.share);
}

TEST_F(placement_choice, a_queue_eight_longer_still_wins_by_its_input_bytes) {
  const auto busy = share_on(0, 11);
  (void)share_on(1, 3);
  EXPECT_EQ(s.start_in_order(gpus(1), {{0, 1'000'000}}).share, busy.share);
}

TEST_F(placement_choice, a_queue_nine_longer_loses) {
  (void)share_on(0, 12);
  const auto idle = share_on(1, 3);
  EXPECT_EQ(s.start_in_order(gpus(1), {{0, 1'000'000}}).share, idle.share);
}

TEST_F(placement_choice, a_long_queue_does_not_count_for_what_follows_its_end) {
  const auto busy = share_on(0, 12);
  (void)share_on(1, 3);
  EXPECT_EQ(s.start_in_order(gpus(1), {{0, 1'000'000}}, busy.id).share, busy.share);
}

TEST_F(placement_choice, a_share_that_is_not_ordered_is_no_candidate) {
  (void)share_on(0, 1);
  (void)s.start_in_order(gpus(1), {{0, 10}});
  EXPECT_THAT(s.start_in_order(gpus(1), {{0, 10}}).granted->gpu_ids(), ElementsAre(1));
}

TEST_F(placement_choice, waits_for_a_share_that_is_much_shorter_and_about_to_be_ordered) {
  const auto longer = share_on(0, 1 + placement_core::handing_lead_max);
  const auto shorter = s.start_in_order(gpus(1));  // on GPU 1; its body is being called
  const auto other = s.order_one(gpus(1));
  EXPECT_EQ(other.share, longer.share) << "two longer is not much";
  const auto waiting = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_ordered(shorter.id);
  EXPECT_THAT(s.step(), ElementsAre(waiting));
  EXPECT_EQ(s.last.assignments[0].share, shorter.share);
}

TEST_F(placement_choice, goes_on_with_the_longer_share_when_that_gets_shorter) {
  const auto newest = share_on(0, 2 + placement_core::handing_lead_max);
  (void)s.start_in_order(gpus(1));
  const auto waiting = s.submit_in_order(gpus(1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(newest.id - 1);
  EXPECT_THAT(s.step(), ElementsAre(waiting));
  EXPECT_EQ(s.last.assignments[0].share, newest.share);
}

TEST_F(placement_choice, a_wish_to_spread_goes_before_input_bytes) {
  auto request = gpus(0.5);
  request.wish = placement_wish::spread;
  EXPECT_THAT(s.order_one(request).granted->gpu_ids(), ElementsAre(0));
  EXPECT_THAT(s.start_in_order(request, {{0, 10}}).granted->gpu_ids(), ElementsAre(1));
}

TEST_F(placement_choice, fractions_fill_a_gpu_before_they_queue) {
  const auto first = s.order_one(gpus(0.5), {{0, 10}});
  const auto second = s.order_one(gpus(0.5), {{0, 10}});
  EXPECT_NE(second.share, first.share);
  EXPECT_THAT(second.granted->gpu_ids(), ElementsAre(0));
  EXPECT_EQ(s.start_in_order(gpus(0.5), {{0, 10}}).share, first.share);
}

// The short way of a chain's link.

TEST_F(placement_choice, a_link_of_a_chain_is_placed_without_a_step) {
  const auto first = share_on(0, 1);
  const input_bytes there{{0, 10}};
  const auto* next = s.core.try_follow(gpus(1), {1'000, first.id, there});
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id, 1'000u);
  EXPECT_EQ(next->share, first.share);
  EXPECT_EQ(next->granted, first.granted);
  EXPECT_TRUE(next->is_successor);
  EXPECT_EQ(s.core.try_follow(gpus(1), {1'001, first.id, there}), nullptr) << "it went on";
  EXPECT_EQ(s.core.try_follow(gpus(1), {1'001, 1'000, there}), nullptr) << "not ordered";
  s.core.on_ordered(1'000);
  EXPECT_EQ(s.core.try_follow(gpus(0.5), {1'001, 1'000, there}), nullptr) << "another request";
  const input_bytes elsewhere{{0, 10}, {1, 1}};
  EXPECT_EQ(s.core.try_follow(gpus(1), {1'001, 1'000, elsewhere}), nullptr) << "inputs elsewhere";
  (void)s.submit_in_order(gpus(1), {{0, 10}});
  EXPECT_EQ(s.core.try_follow(gpus(1), {1'001, 1'000, there}), nullptr) << "another waits";
}

// Two cores see the same history, and only one of them is asked for the short way.
class two_ways {
 public:
  explicit two_ways(std::uint64_t seed) : random_{seed} {}

  void submit() {
    const ticket_id id = ++last_id_;
    auto request = gpus(below(3) == 0 ? 0.5 : 1);
    if (below(8) == 0) request.wish = placement_wish::spread;
    input_bytes inputs;
    for (int i = below(3); i > 0; --i) inputs.add(below(gpu_count), 1 + below(3));
    const ticket_id follows = below(4) == 0 || running_.empty() ? 0
                              : below(2) == 0                       ? running_.back().id
                                                                    : pick();
    const auto* made = short_.try_follow(request, {id, follows, inputs});
    const ticket asked{.id = id,
                       .request = request,
                       .submitted_ticks = id,
                       .in_stream_order = true,
                       .inputs = inputs,
                       .follows = follows};
    long_.on_submitted(asked);
    if (made != nullptr) {
      ++short_ways;
      const auto& result = long_.step(no_ticks);
      ASSERT_EQ(result.assignments.size(), 1u);
      EXPECT_EQ(result.assignments[0].id, id);
      EXPECT_EQ(result.assignments[0].share, made->share);
      running_.push_back({id, false});
    } else {
      short_.on_submitted(asked);
      step();
    }
  }

  void order_or_finish() {
    if (running_.empty()) return;
    member& one = running_[static_cast<std::size_t>(below(static_cast<int>(running_.size())))];
    if (!one.ordered) {
      one.ordered = true;
      short_.on_ordered(one.id);
      long_.on_ordered(one.id);
    } else {
      short_.on_finished(one.id);
      long_.on_finished(one.id);
      std::swap(one, running_.back());
      running_.pop_back();
    }
    step();
  }

  void check() const {
    EXPECT_EQ(short_.pending_ids(), long_.pending_ids());
    EXPECT_EQ(short_.running_count(), long_.running_count());
    EXPECT_EQ(short_.share_count(), long_.share_count());
  }
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

  int short_ways = 0;

 private:
  static constexpr int gpu_count = 3;
  struct member {
    ticket_id id;
    bool ordered;
  };

  ticket_id pick() {
    return running_[static_cast<std::size_t>(below(static_cast<int>(running_.size())))].id;
  }
  void step() {
    const auto& one = short_.step(no_ticks).assignments;
    const auto& other = long_.step(no_ticks).assignments;
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i != one.size(); ++i) {
      EXPECT_EQ(one[i].id, other[i].id);
      EXPECT_EQ(one[i].share, other[i].share);
      running_.push_back({one[i].id, false});
    }
  }

  std::mt19937_64 random_;
  placement_core short_{machine_with_gpus(gpu_count)};
  placement_core long_{machine_with_gpus(gpu_count)};
  std::vector<member> running_;
  ticket_id last_id_ = 0;
};

TEST(placement_shares, the_short_way_comes_to_what_a_step_would) {
  int short_ways = 0;
  for (std::uint64_t seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    two_ways both{seed};
    for (int i = 0; i != 200; ++i) {
      if (both.below(3) == 0) {
        both.submit();
      } else {
        both.order_or_finish();
      }
      both.check();
    }
    short_ways += both.short_ways;
  }
  EXPECT_GT(short_ways, 300);
}

}  // namespace
}  // namespace narke_test
