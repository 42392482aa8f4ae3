// Placement groups in the core: where bundles go, and what runs in them.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "resources/group_placement.hpp"
#include "resources/ledger.hpp"
#include "scheduler/placement_core.hpp"

namespace {

using namespace narke::internal;

quantity units(double amount) { return quantity::from_double(amount, "test"); }

/// GPUs 0 and 1 on node 0, 2 and 3 on node 1, of 1,000 bytes each; 4 CPUs a node.
resource_totals two_nodes() {
  resource_totals totals;
  totals.cpus = 8;
  totals.memory_bytes = 1'000;
  totals.numa_nodes = {0, 1};
  totals.numa_cpus = {{0, 4}, {1, 4}};
  for (int gpu = 0; gpu != 4; ++gpu) {
    totals.gpus.push_back({.id = gpu, .memory_bytes = 1'000, .numa_node = gpu / 2});
  }
  totals.custom = {{"license", quantity::from_whole(3)}, {"scanner", quantity::one()}};
  return totals;
}

group_request group_of(std::vector<double> gpus, group_strategy strategy) {
  group_request group{.strategy = strategy};
  for (const double each : gpus) group.bundles.push_back({.gpus = units(each)});
  return group;
}

std::vector<std::vector<int>> placed(const group_request& group,
                                     std::vector<double> free = {1, 1, 1, 1}) {
  const resource_totals totals = two_nodes();
  auto amounts = full_amounts(totals).gpus;
  for (std::size_t i = 0; i != free.size(); ++i) amounts[i].share = units(free[i]);
  std::vector<std::vector<int>> all;
  const auto places = place_group(group, totals, amounts);
  if (places) {
    for (const auto& each : *places) all.push_back(each.gpus);
  }
  return all;
}

using gpus = std::vector<std::vector<int>>;

TEST(group_placement, packs_shares_onto_as_few_gpus_as_they_fit_on) {
  for (const auto strategy : {group_strategy::pack, group_strategy::strict_pack}) {
    EXPECT_EQ(placed(group_of({0.5, 0.5, 0.5, 0.5}, strategy)), (gpus{{0}, {0}, {1}, {1}}));
    EXPECT_EQ(placed(group_of({0.25, 1}, strategy)), (gpus{{1}, {0}}));
    EXPECT_EQ(placed(group_of({1, 1}, strategy), {1, 0.5, 1, 1}), (gpus{{2}, {3}}))
        << "the first node has only one whole GPU";
  }
}

TEST(group_placement, packs_strictly_onto_one_node_or_not_at_all) {
  EXPECT_EQ(placed(group_of({1, 1, 1}, group_strategy::strict_pack)), gpus{});
  EXPECT_EQ(placed(group_of({1, 1, 1}, group_strategy::pack)), (gpus{{0}, {1}, {2}}));
  EXPECT_EQ(placed(group_of({2, 1}, group_strategy::pack), {1, 0, 1, 1}), (gpus{{0, 2}, {3}}));
}

TEST(group_placement, spreads_strictly_over_gpus_or_not_at_all) {
  EXPECT_EQ(placed(group_of({0.5, 0.5}, group_strategy::strict_spread)), (gpus{{0}, {1}}));
  EXPECT_EQ(placed(group_of({0.1, 0.1, 0.1, 0.1, 0.1}, group_strategy::strict_spread)), gpus{});
  EXPECT_EQ(placed(group_of({0.1, 0.1, 0.1, 0.1, 0.1}, group_strategy::spread)),
            (gpus{{0}, {1}, {2}, {3}, {0}}));
  EXPECT_EQ(placed(group_of({0.5, 0.5}, group_strategy::strict_spread), {0.4, 0.6, 0.4, 0.6}),
            (gpus{{1}, {3}}));
}

TEST(group_placement, puts_bundles_without_gpus_on_nodes) {
  group_request group{.bundles = {{.cpus = units(2)}, {.cpus = units(2)}},
                      .strategy = group_strategy::strict_spread};
  const auto totals = two_nodes();
  const auto free = full_amounts(totals).gpus;
  auto places = place_group(group, totals, free);
  ASSERT_TRUE(places);
  EXPECT_NE((*places)[0].numa_node, (*places)[1].numa_node);
  group.strategy = group_strategy::strict_pack;
  places = place_group(group, totals, free);
  ASSERT_TRUE(places);
  EXPECT_EQ((*places)[0].numa_node, (*places)[1].numa_node);
  group.bundles.push_back({.cpus = units(1)});
  EXPECT_FALSE(place_group(group, totals, free)) << "five CPUs are more than a node has";
  group.strategy = group_strategy::strict_spread;
  EXPECT_FALSE(place_group(group, totals, free)) << "three bundles on two nodes";
}

/// A core with a group, and the ids of what the last step began.
class groups_in_core : public testing::Test {
 protected:
  ticket_id ask_for(std::vector<request_fields> bundles,
                    group_strategy strategy = group_strategy::pack) {
    core.on_submitted({.id = ++last,
                       .request = make_group_request(bundles, strategy),
                       .submitted_ticks = last,
                       .for_life = true});
    return last;
  }
  ticket_id submit(ticket_id group, int bundle, const request_fields& fields,
                   bool for_life = false) {
    resource_request request = make_request(fields);
    request.in_group = group;
    request.bundle = bundle;
    core.on_submitted(
        {.id = ++last, .request = request, .submitted_ticks = last, .for_life = for_life});
    return last;
  }
  std::vector<ticket_id> begun() {
    std::vector<ticket_id> ids;
    for (int round = 0; round != 2; ++round) {
      for (const auto& each : core.step(no_ticks).assignments) ids.push_back(each.id);
      core.on_permits_granted(core.permits_wanted());
    }
    for (const auto& each : core.step(no_ticks).assignments) ids.push_back(each.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  // All that anything ever held is back.
  void expect_all_free() {
    static_cast<void>(core.step(no_ticks));
    EXPECT_EQ(core.available(), full_amounts(core.totals()));
    EXPECT_EQ(core.cpus_in_use(), quantity::zero());
    EXPECT_EQ(core.running_count(), 0U);
    EXPECT_EQ(core.pending_count(), 0U);
  }

  placement_core core{two_nodes(), 2};
  ticket_id last = 0;
};

using ids = std::vector<ticket_id>;

TEST_F(groups_in_core, run_when_reserved_and_go_back_when_released) {
  const auto group = ask_for({{.num_cpus = 2, .num_gpus = 1}});
  const auto first = submit(group, 0, {.num_cpus = 1, .num_gpus = 0.5});
  const auto second = submit(group, 0, {.num_cpus = 1, .num_gpus = 0.5});
  const auto third = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), (ids{group, first, second}));
  core.on_finished(first);
  EXPECT_EQ(begun(), ids{third});
  core.on_group_released(group);
  EXPECT_TRUE(core.take_empty_groups().empty());
  core.on_finished(second);
  core.on_finished(third);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

TEST_F(groups_in_core, that_wait_are_cancelled_with_their_last_ticket) {
  const auto first = ask_for({{.num_gpus = 4}});
  const auto second = ask_for({{.num_gpus = 2}});
  const auto waits = submit(second, 0, {.num_cpus = 0, .num_gpus = 1});
  EXPECT_EQ(begun(), ids{first});
  core.on_group_released(second);
  EXPECT_TRUE(core.take_empty_groups().empty());
  EXPECT_TRUE(core.on_cancelled(waits));
  EXPECT_EQ(core.take_empty_groups(), ids{second});
  core.on_group_released(first);
  EXPECT_EQ(core.take_empty_groups(), ids{first});
  expect_all_free();
}

TEST_F(groups_in_core, lend_the_cpus_of_who_waits_to_the_same_bundle) {
  const auto group = ask_for({{.num_cpus = 1}});
  const auto outer = submit(group, 0, {.num_cpus = 1});
  const auto inner = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), (ids{group, outer}));
  core.on_blocked(outer);
  EXPECT_EQ(begun(), ids{inner});
  core.on_unblocked(outer);
  core.on_finished(inner);
  core.on_finished(outer);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

TEST_F(groups_in_core, let_small_tickets_pass_a_large_one_only_so_often) {
  const auto group = ask_for({{.num_cpus = 2}});
  const auto small = submit(group, 0, {.num_cpus = 1});
  const auto large = submit(group, 0, {.num_cpus = 2});
  const auto passes = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), (ids{group, small, passes}));
  core.on_finished(passes);
  const auto second = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), ids{second});
  core.on_finished(second);
  const auto third = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), ids{}) << "the large one was passed twice, which is the limit here";
  core.on_finished(small);
  EXPECT_EQ(begun(), ids{large});
  core.on_finished(large);
  EXPECT_EQ(begun(), ids{third});
  core.on_finished(third);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

TEST_F(groups_in_core, that_lose_a_gpu_tell_who_can_never_run) {
  const auto group = ask_for({{.num_cpus = 1, .num_gpus = 1}});
  const auto runs = submit(group, 0, {.num_cpus = 0, .num_gpus = 1});
  const auto waits = submit(group, 0, {.num_cpus = 0, .num_gpus = 1});
  const auto on_cpu = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), (ids{group, runs, on_cpu}));
  core.on_device_lost(core.places_of(group)[0].gpus[0]);
  EXPECT_EQ(core.take_infeasible(), ids{waits});
  resource_request more = make_request({.num_gpus = 1});
  more.in_group = group;
  EXPECT_TRUE(core.infeasible_reason(more).has_value());
  core.on_finished(runs);
  core.on_finished(on_cpu);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

// A group that is not granted yet, and never will be: who waits in it is told too.
TEST_F(groups_in_core, that_wait_for_a_lost_gpu_tell_who_waits_in_them) {
  const auto holder = ask_for({{.num_gpus = 1}});
  const auto group = ask_for({{.num_gpus = 4}, {.num_cpus = 1}});
  const auto in_first = submit(group, 0, {.num_gpus = 1});
  const auto in_second = submit(group, 1, {.num_cpus = 1});
  const auto released = ask_for({{.num_gpus = 4}});
  const auto in_released = submit(released, 0, {.num_gpus = 1});
  core.on_group_released(released);
  EXPECT_EQ(begun(), ids{holder});
  core.on_device_lost(core.places_of(holder)[0].gpus[0]);
  EXPECT_EQ(core.take_infeasible(), (ids{group, released, in_first, in_second, in_released}));
  EXPECT_EQ(core.take_empty_groups(), ids{released});
  resource_request more = make_request({.num_cpus = 1});
  more.in_group = group;
  more.bundle = 1;
  EXPECT_NE(core.infeasible_reason(more).value_or("").find("was lost"), std::string::npos);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  EXPECT_EQ(core.pending_count(), 0U);
  core.on_group_released(holder);
  EXPECT_EQ(core.take_empty_groups(), ids{holder});
  expect_all_free();
}

TEST_F(groups_in_core, refuse_what_is_not_theirs_to_give) {
  const auto group = ask_for({{.num_cpus = 1}, {.num_gpus = 0.5}});
  const auto reason = [&](int bundle, const request_fields& fields) {
    resource_request request = make_request(fields);
    request.in_group = group;
    request.bundle = bundle;
    return core.infeasible_reason(request).value_or("");
  };
  EXPECT_EQ(reason(0, {.num_cpus = 1}), "");
  EXPECT_EQ(reason(1, {.num_gpus = 0.5}), "");
  EXPECT_NE(reason(0, {.num_cpus = 1.5}).find("bundle 0"), std::string::npos);
  EXPECT_NE(reason(1, {.num_gpus = 0.6}).find("GPU: 0.5"), std::string::npos);
  EXPECT_NE(reason(2, {.num_cpus = 1}).find("2 bundles"), std::string::npos);
  core.on_group_released(group);
  EXPECT_NE(reason(0, {.num_cpus = 1}).find("released"), std::string::npos);
}

TEST_F(groups_in_core, give_out_custom_resources_and_memory_of_their_bundles) {
  const auto group = ask_for({{.num_cpus = 3, .memory = 100, .resources = {{"license", 2}}}});
  const auto first = submit(group, 0, {.num_cpus = 1, .memory = 60, .resources = {{"license", 1}}});
  const auto second = submit(group, 0, {.num_cpus = 1, .resources = {{"license", 1}}});
  const auto no_license = submit(group, 0, {.num_cpus = 1, .resources = {{"license", 1}}});
  const auto no_memory = submit(group, 0, {.num_cpus = 0.5, .memory = 50});
  EXPECT_EQ(begun(), (ids{group, first, second}));
  core.on_finished(second);
  EXPECT_EQ(begun(), ids{no_license});
  core.on_finished(first);
  EXPECT_EQ(begun(), ids{no_memory});
  core.on_finished(no_license);
  core.on_finished(no_memory);
  resource_request more = make_request({.num_cpus = 1, .resources = {{"license", 2.5}}});
  more.in_group = group;
  EXPECT_NE(core.infeasible_reason(more).value_or("").find("license"), std::string::npos);
  more = make_request({.resources = {{"scanner", 1}}});
  more.in_group = group;
  EXPECT_NE(core.infeasible_reason(more).value_or("").find("scanner"), std::string::npos);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

TEST_F(groups_in_core, tell_how_it_stands_with_their_tickets) {
  const auto group = ask_for({{.num_cpus = 1}});
  const auto runs = submit(group, 0, {.num_cpus = 1});
  const auto waits = submit(group, 0, {.num_cpus = 1});
  EXPECT_EQ(begun(), (ids{group, runs}));
  EXPECT_EQ(core.explain(runs).state, ticket_state::running);
  EXPECT_EQ(core.explain(waits).state, ticket_state::pending);
  EXPECT_EQ(core.explain(waits).cause, wait_cause::bundle);
  core.on_blocked(runs);
  EXPECT_EQ(core.explain(runs).state, ticket_state::blocked);
  EXPECT_THROW(core.on_blocked(runs), std::logic_error);
  core.on_unblocked(runs);
  EXPECT_THROW(core.on_unblocked(runs), std::logic_error);
  core.on_finished(runs);
  EXPECT_EQ(begun(), ids{waits});
  core.on_finished(waits);
  core.on_group_released(group);
  EXPECT_EQ(core.take_empty_groups(), ids{group});
  expect_all_free();
}

// An actor that keeps a GPU for life may keep a group from ever coming: nothing is set aside for
// it.
TEST_F(groups_in_core, that_may_never_come_hold_nobody_up) {
  const auto holder = ask_for({{.num_gpus = 1}});
  const auto actor = submit(holder, 0, {.num_cpus = 0, .num_gpus = 1}, true);
  EXPECT_EQ(begun(), (ids{holder, actor}));
  const auto all = ask_for({{.num_gpus = 1}, {.num_gpus = 3}});
  for (int i = 0; i != 5; ++i) {
    const auto one = ask_for({{.num_gpus = 1}});
    EXPECT_EQ(begun(), ids{one}) << "the fifth too, though the limit of passing is two";
    core.on_group_released(one);
    EXPECT_EQ(core.take_empty_groups(), ids{one});
  }
  core.on_finished(actor);
  core.on_group_released(holder);
  EXPECT_EQ(core.take_empty_groups(), ids{holder});
  EXPECT_EQ(begun(), ids{all});
  core.on_group_released(all);
  EXPECT_EQ(core.take_empty_groups(), ids{all});
  expect_all_free();
}

}  // namespace
