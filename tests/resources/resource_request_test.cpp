#include "resources/resource_request.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narke::internal {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const request_fields& fields) {
  try {
    (void)make_request(fields);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "accepted";
}

TEST(resource_request, numbers_become_fixed_point_and_bytes) {
  const auto request = make_request({.num_cpus = 0.5,
                                     .num_gpus = 0.25,
                                     .gpu_memory = 1 << 20,
                                     .memory = 1e9,
                                     .resources = {{"license", 2}}});
  EXPECT_EQ(request.cpus.steps(), 5'000);
  EXPECT_EQ(request.gpus.steps(), 2'500);
  EXPECT_EQ(request.gpu_memory_bytes, 1 << 20);
  EXPECT_EQ(request.memory_bytes, 1'000'000'000);
  ASSERT_EQ(request.custom.size(), 1u);
  EXPECT_EQ(request.custom[0], (custom_amount{"license", quantity::from_whole(2)}));
}

TEST(resource_request, custom_resources_are_sorted_and_zeros_left_out) {
  const auto request = make_request({.resources = {{"b", 1}, {"c", 0}, {"a", 0.5}}});
  EXPECT_EQ(request.to_string(), "a: 0.5, b: 1");
}

TEST(resource_request, the_order_of_resources_makes_no_other_shape) {
  const auto one = make_request({.resources = {{"a", 1}, {"b", 2}}});
  const auto other = make_request({.resources = {{"b", 2}, {"a", 1}}});
  EXPECT_EQ(one, other);
  EXPECT_EQ(resource_request_hash{}(one), resource_request_hash{}(other));
}

TEST(resource_request, gpus_above_one_must_be_whole) {
  EXPECT_THAT(refusal({.num_gpus = 1.5}), HasSubstr("num_gpus: 1.5 is above 1 and not whole"));
  EXPECT_EQ(make_request({.num_gpus = 2}).gpus, quantity::from_whole(2));
  EXPECT_EQ(make_request({.num_gpus = 1}).gpus, quantity::one());
}

TEST(resource_request, reserved_words_are_refused_as_custom_resources) {
  for (const char* word : {"CPU", "GPU", "memory", "gpu_memory", "object_store_memory"}) {
    EXPECT_THAT(refusal({.resources = {{word, 1}}}),
                AllOf(HasSubstr("resources"), HasSubstr(word), HasSubstr("use the field")));
  }
}

TEST(resource_request, a_reserved_word_is_refused_even_with_zero) {
  EXPECT_THAT(refusal({.resources = {{"GPU", 0}}}), HasSubstr("num_gpus"));
}

TEST(resource_request, each_field_is_named_when_it_is_negative) {
  EXPECT_THAT(refusal({.num_cpus = -1}), HasSubstr("num_cpus: -1"));
  EXPECT_THAT(refusal({.num_gpus = -1}), HasSubstr("num_gpus: -1"));
  EXPECT_THAT(refusal({.num_gpus = 1, .gpu_memory = -1}), HasSubstr("gpu_memory: -1"));
  EXPECT_THAT(refusal({.memory = -1}), HasSubstr("memory: -1"));
  EXPECT_THAT(refusal({.resources = {{"license", -1}}}), HasSubstr("resources[\"license\"]: -1"));
}

TEST(resource_request, nan_and_infinity_are_refused_in_each_field) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(refusal({.num_cpus = bad}), "accepted");
    EXPECT_NE(refusal({.num_gpus = bad}), "accepted");
    EXPECT_NE(refusal({.num_gpus = 1, .gpu_memory = bad}), "accepted");
    EXPECT_NE(refusal({.memory = bad}), "accepted");
    EXPECT_NE(refusal({.resources = {{"license", bad}}}), "accepted");
  }
}

TEST(resource_request, bytes_beyond_64_bits_are_refused) {
  EXPECT_THAT(refusal({.memory = 1e30}), HasSubstr("memory: 1e+30 is above the maximum"));
}

TEST(resource_request, gpu_memory_without_a_gpu_is_refused) {
  EXPECT_THAT(refusal({.gpu_memory = 100}), HasSubstr("num_gpus is 0"));
}

TEST(resource_request, a_resource_without_a_name_is_refused) {
  EXPECT_THAT(refusal({.resources = {{"", 1}}}), HasSubstr("without a name"));
}

TEST(resource_request, a_resource_named_twice_is_refused) {
  EXPECT_THAT(refusal({.resources = {{"a", 1}, {"b", 1}, {"a", 2}}}), HasSubstr("named twice"));
}

TEST(resource_request, a_request_may_name_its_node_but_totals_may_not) {
  EXPECT_EQ(make_request({.resources = {{"node:here", 0.001}}}).custom[0].amount.steps(), 10);
  EXPECT_THROW(make_custom_totals({{"node:here", 1}}), std::invalid_argument);
  EXPECT_THROW(make_custom_totals({{"accelerator_type:H100", 1}}), std::invalid_argument);
  EXPECT_EQ(make_custom_totals({{"license", 2}}).front().amount, quantity::from_whole(2));
}

TEST(resource_request, one_cpu_and_nothing_else_is_for_the_fast_lane) {
  EXPECT_TRUE(make_request({.num_cpus = 1}).is_one_cpu_only());
  EXPECT_FALSE(make_request({.num_cpus = 0.5}).is_one_cpu_only());
  EXPECT_FALSE(make_request({.num_cpus = 1, .num_gpus = 1}).is_one_cpu_only());
  EXPECT_FALSE(make_request({.num_cpus = 1, .resources = {{"a", 1}}}).is_one_cpu_only());
  auto wishing = make_request({.num_cpus = 1});
  wishing.wish = placement_wish::numa_node;
  EXPECT_FALSE(wishing.is_one_cpu_only());
}

TEST(resource_request, an_empty_request_says_so) {
  EXPECT_EQ(make_request({}).to_string(), "nothing");
}

}  // namespace
}  // namespace narke::internal
