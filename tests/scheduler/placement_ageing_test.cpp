// Requests that were passed too often. The limit is 3 here.
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scene.hpp"

namespace narke_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int limit = 3;

class placement_ageing : public testing::Test {
 protected:
  scene s{small_machine(), limit};
};

TEST_F(placement_ageing, a_request_that_was_passed_to_the_limit_reserves_what_it_lacks) {
  const auto holder = s.start(gpus(1));
  const auto large = s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  const auto later = s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(holder);
  EXPECT_THAT(s.step(), ElementsAre(large));
  s.core.on_finished(large);
  EXPECT_THAT(s.step(), ElementsAre(later));
}

TEST_F(placement_ageing, one_short_of_the_limit_reserves_nothing) {
  (void)s.start(gpus(1));
  (void)s.submit(gpus(2));
  s.pass_by(limit - 1, gpus(0.5));
  (void)s.start(gpus(0.5));
}

TEST_F(placement_ageing, requests_for_other_things_still_pass) {
  (void)s.start(gpus(1));
  (void)s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  (void)s.start(custom("a", 1));
}

TEST_F(placement_ageing, nothing_is_reserved_while_a_holder_is_blocked) {
  const auto parent = s.start(gpus(1));
  (void)s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  s.core.on_blocked(parent);
  const auto child = s.start(gpus(0.5));  // perhaps what the parent waits for
  s.core.on_finished(child);
  s.core.on_unblocked(parent);
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
}

TEST_F(placement_ageing, nothing_is_reserved_while_an_actor_holds_some) {
  (void)s.start(gpus(1), true);
  (void)s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  (void)s.start(gpus(0.5));
}

TEST_F(placement_ageing, what_it_could_have_at_once_is_not_kept_while_a_holder_is_blocked) {
  const auto parent = s.start(gpus(1));
  (void)s.submit(make_request({.num_gpus = 2, .resources = {{"a", 2}}}));
  s.pass_by(limit, custom("a", 1));
  s.core.on_blocked(parent);
  (void)s.start(custom("a", 1));  // perhaps what the parent waits for
}

TEST_F(placement_ageing, a_blocked_holder_of_something_else_does_not_matter) {
  const auto bystander = s.start(custom("b", 1));
  (void)s.start(gpus(1));
  (void)s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  s.core.on_blocked(bystander);
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
}

TEST_F(placement_ageing, what_it_could_have_at_once_is_kept_too) {
  const auto holder = s.start(gpus(1));
  const auto both = s.submit(make_request({.num_gpus = 2, .resources = {{"a", 2}}}));
  s.pass_by(limit, gpus(0.5));
  (void)s.submit(custom("a", 1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_finished(holder);
  EXPECT_THAT(s.step(), ElementsAre(both));
}

TEST_F(placement_ageing, what_it_could_have_at_once_is_not_kept_from_a_blocked_holder) {
  const auto parent = s.start(custom("a", 1));
  (void)s.start(gpus(1));
  (void)s.submit(make_request({.num_gpus = 2, .resources = {{"a", 1}}}));
  s.pass_by(limit, gpus(0.5));
  s.core.on_blocked(parent);
  (void)s.start(custom("a", 1));
}

TEST_F(placement_ageing, licences_are_kept_while_cpus_are_collected) {
  const auto wanted = s.submit(custom("a", 2, 2));
  s.pass_by(limit, custom("a", 1));
  (void)s.submit(custom("a", 1));
  EXPECT_THAT(s.step(), IsEmpty());
  s.core.on_permits_granted(2);
  EXPECT_THAT(s.step(), ElementsAre(wanted));
}

TEST_F(placement_ageing, nothing_is_kept_for_cpus_that_an_actor_holds) {
  (void)s.start_with_permits(cpus(1), true);
  (void)s.submit(custom("a", 2, 4));
  s.pass_by(limit, custom("a", 1));
  (void)s.start(custom("a", 1));
}

TEST_F(placement_ageing, the_next_of_the_same_shape_starts_to_count_anew) {
  const auto holder = s.start(gpus(1));
  const auto first = s.submit(gpus(2));
  const auto second = s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  EXPECT_EQ(s.core.explain(first).passed_by, limit);
  s.core.on_finished(holder);
  EXPECT_THAT(s.step(), ElementsAre(first));
  EXPECT_EQ(s.core.explain(second).passed_by, 0);
}

TEST_F(placement_ageing, a_cancelled_one_reserves_nothing) {
  (void)s.start(gpus(1));
  const auto large = s.submit(gpus(2));
  s.pass_by(limit, gpus(0.5));
  EXPECT_TRUE(s.core.on_cancelled(large));
  (void)s.start(gpus(0.5));
}

TEST_F(placement_ageing, of_two_aged_ones_the_older_goes_first) {
  const auto holder = s.start(gpus(1));
  const auto older = s.submit(gpus(2));
  const auto younger = s.submit(make_request({.num_gpus = 2, .resources = {{"a", 1}}}));
  s.pass_by(limit, gpus(0.5));
  s.core.on_finished(holder);
  EXPECT_THAT(s.step(), ElementsAre(older));
  s.core.on_finished(older);
  EXPECT_THAT(s.step(), ElementsAre(younger));
}

TEST(placement_ageing_default, is_sixty_four) {
  scene s;
  (void)s.start(gpus(1));
  (void)s.submit(gpus(2));
  s.pass_by(64, gpus(0.5));
  (void)s.submit(gpus(0.5));
  EXPECT_THAT(s.step(), IsEmpty());
}

}  // namespace
}  // namespace narke_test
