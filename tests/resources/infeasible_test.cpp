// What a machine of 4 CPUs, 2 GPUs of 8 GiB on NUMA node 0, 16 GiB and two licences can never give.
#include "resources/ledger.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narke::internal {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr double gib = 1 << 30;

ledger books() {
  constexpr std::int64_t bytes = 8LL << 30;
  return ledger{{.cpus = 4,
                 .gpus = {{.id = 0, .memory_bytes = bytes, .numa_node = 0},
                          {.id = 1, .memory_bytes = bytes, .numa_node = 0}},
                 .memory_bytes = 16LL << 30,
                 .custom = {{"license", quantity::from_whole(2)}, {"scanner", quantity::one()}},
                 .numa_nodes = {0, 1}}};
}

std::string reason_for(const resource_request& request) {
  return books().infeasible_reason(request).value_or("feasible");
}

std::string reason_for(const request_fields& fields) { return reason_for(make_request(fields)); }

TEST(infeasible, all_that_the_machine_has_is_feasible) {
  EXPECT_EQ(reason_for(request_fields{.num_cpus = 4,
                                      .num_gpus = 2,
                                      .gpu_memory = 8 * gib,
                                      .memory = 16 * gib,
                                      .resources = {{"license", 2}, {"scanner", 1}}}),
            "feasible");
}

TEST(infeasible, a_request_stays_feasible_while_others_hold_everything) {
  ledger busy = books();
  const auto all = make_request({.num_gpus = 2});
  ASSERT_TRUE(busy.try_allocate(all));
  EXPECT_FALSE(busy.infeasible_reason(all).has_value());
}

TEST(infeasible, too_many_gpus_are_named_with_those_there_are) {
  EXPECT_EQ(reason_for(request_fields{.num_gpus = 3}), "asks GPU: 3; this machine has GPU: 2");
}

TEST(infeasible, every_resource_that_cannot_fit_is_named) {
  EXPECT_EQ(reason_for(request_fields{
                .num_cpus = 4.5, .num_gpus = 3, .resources = {{"fpga", 1}, {"license", 2.5}}}),
            "asks CPU: 4.5, GPU: 3, fpga: 1, license: 2.5; this machine has CPU: 4, GPU: 2, "
            "no fpga (custom resources: license, scanner), license: 2");
}

TEST(infeasible, what_fits_is_not_named) {
  EXPECT_THAT(reason_for(request_fields{.num_cpus = 1, .num_gpus = 3}), Not(HasSubstr("CPU")));
}

TEST(infeasible, gpu_memory_above_every_device_is_named_with_the_devices) {
  EXPECT_THAT(reason_for(request_fields{.num_gpus = 1, .gpu_memory = 9 * gib}),
              AllOf(HasSubstr("gpu_memory: 9663676416 bytes (9 GiB) on each of 1 GPU"),
                    HasSubstr("GPU 1 with 8589934592 bytes (8 GiB)")));
}

TEST(infeasible, memory_above_the_total_is_named) {
  EXPECT_THAT(reason_for(request_fields{.memory = 17 * gib}),
              AllOf(HasSubstr("asks memory: 18253611008 bytes (17 GiB)"),
                    HasSubstr("has memory: 17179869184 bytes (16 GiB)")));
}

TEST(infeasible, a_machine_without_custom_resources_says_none) {
  const ledger bare{{.cpus = 1}};
  EXPECT_EQ(bare.infeasible_reason(make_request({.resources = {{"fpga", 1}}})),
            "asks fpga: 1; this machine has no fpga (custom resources: none)");
}

TEST(infeasible, a_wish_for_a_gpu_that_is_not_there_is_named) {
  auto request = make_request({.num_gpus = 1});
  request.wish = placement_wish::gpu;
  request.wish_index = 7;
  EXPECT_THAT(reason_for(request), AllOf(HasSubstr("to run on GPU 7"), HasSubstr("GPU 0 with")));
}

TEST(infeasible, two_gpus_cannot_both_be_the_one_wished_for) {
  auto request = make_request({.num_gpus = 2});
  request.wish = placement_wish::gpu;
  EXPECT_THAT(reason_for(request), HasSubstr("GPU: 2 on GPU 0"));
}

TEST(infeasible, a_numa_node_without_gpus_cannot_serve_a_request_for_one) {
  auto request = make_request({.num_gpus = 0.5});
  request.wish = placement_wish::numa_node;
  request.wish_index = 1;
  EXPECT_THAT(reason_for(request), AllOf(HasSubstr("on NUMA node 1"), HasSubstr("GPU 0 on")));
  request.gpus = quantity::zero();
  EXPECT_EQ(reason_for(request), "feasible");
}

TEST(infeasible, a_numa_node_that_is_not_there_is_named) {
  auto request = make_request({.num_cpus = 1});
  request.wish = placement_wish::numa_node;
  request.wish_index = 9;
  EXPECT_THAT(reason_for(request), AllOf(HasSubstr("NUMA node 9"), HasSubstr("{0, 1}")));
}

TEST(infeasible, a_group_is_told_with_its_bundles_and_its_strategy) {
  const auto reason = [](group_strategy strategy, int count) {
    const std::vector<request_fields> bundles(static_cast<std::size_t>(count),
                                              request_fields{.num_gpus = 0.6});
    return reason_for(make_group_request(bundles, strategy));
  };
  EXPECT_EQ(reason(group_strategy::strict_pack, 2), "feasible");
  EXPECT_THAT(reason(group_strategy::pack, 3), HasSubstr("by pack; "));
  EXPECT_THAT(reason(group_strategy::spread, 3), HasSubstr("by spread; "));
  EXPECT_THAT(reason(group_strategy::strict_pack, 3),
              AllOf(HasSubstr("by strict_pack; "), HasSubstr("{GPU: 0.6}, {GPU: 0.6}"),
                    HasSubstr("the NUMA nodes {0, 1}")));
  EXPECT_THAT(reason(group_strategy::strict_spread, 3), HasSubstr("by strict_spread; "));
}

TEST(infeasible, a_machine_without_custom_resources_says_so) {
  const ledger plain{{.cpus = 1}};
  EXPECT_THAT(plain.infeasible_reason(make_request({.resources = {{"fpga", 1}}})).value_or(""),
              HasSubstr("no fpga (custom resources: none)"));
}

}  // namespace
}  // namespace narke::internal
