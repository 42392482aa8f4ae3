// GPUs by where the input bytes lie, GPUs that are lost, and GPUs beside what others hold for good.
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resources/ledger.hpp"

namespace narke::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

resource_totals machine_with(int gpu_count) {
  resource_totals totals{.cpus = 4};
  for (int id = 0; id < gpu_count; ++id) {
    totals.gpus.push_back({.id = id, .memory_bytes = 100, .numa_node = id % 2});
  }
  totals.numa_nodes = {0, 1};
  return totals;
}

resource_request gpus(double count, double gpu_memory = 0) {
  return make_request({.num_gpus = count, .gpu_memory = gpu_memory});
}

std::vector<int> ids_for(ledger& books, const resource_request& request,
                         const input_bytes& inputs = {}) {
  const auto granted = books.try_allocate(request, inputs);
  return granted ? granted->gpu_ids() : std::vector<int>{};
}

TEST(ledger_gpus, the_gpu_with_the_most_input_bytes_goes_before_the_best_fit) {
  ledger books{machine_with(3)};
  (void)books.try_allocate(gpus(0.5));
  EXPECT_THAT(ids_for(books, gpus(0.5), {{2, 10}, {1, 9}}), ElementsAre(2));
  EXPECT_THAT(ids_for(books, gpus(0.5)), ElementsAre(0));
}

TEST(ledger_gpus, between_equal_input_bytes_the_best_fit_decides) {
  ledger books{machine_with(3)};
  (void)books.try_allocate(gpus(0.5), {{1, 1}});
  EXPECT_THAT(ids_for(books, gpus(0.25), {{0, 10}, {1, 10}}), ElementsAre(1));
}

TEST(ledger_gpus, whole_gpus_are_those_with_the_most_input_bytes) {
  ledger books{machine_with(4)};
  EXPECT_THAT(ids_for(books, gpus(2), {{3, 10}, {2, 20}}), ElementsAre(2, 3));
  EXPECT_THAT(ids_for(books, gpus(2), {{3, 10}}), ElementsAre(0, 1));
}

TEST(ledger_gpus, the_rest_of_whole_gpus_are_the_lowest) {
  ledger books{machine_with(4)};
  EXPECT_THAT(ids_for(books, gpus(3), {{3, 10}}), ElementsAre(0, 1, 3));
}

TEST(ledger_gpus, a_gpu_that_is_too_small_is_not_taken_for_its_input_bytes) {
  ledger books{machine_with(2)};
  (void)books.try_allocate(gpus(0.1, 90), {{1, 1}});
  EXPECT_THAT(ids_for(books, gpus(0.1, 20), {{1, 50}}), ElementsAre(0));
}

TEST(ledger_gpus, a_wish_to_spread_goes_before_input_bytes) {
  ledger books{machine_with(2)};
  auto request = gpus(0.25);
  (void)books.try_allocate(request);
  request.wish = placement_wish::spread;
  EXPECT_THAT(ids_for(books, request, {{0, 50}}), ElementsAre(1));
}

TEST(ledger_gpus, choose_gpus_names_what_try_allocate_takes) {
  ledger books{machine_with(3)};
  std::vector<int> chosen{7};
  ASSERT_TRUE(books.choose_gpus(gpus(2), {{2, 10}}, chosen));
  EXPECT_THAT(chosen, ElementsAre(0, 2));
  EXPECT_THAT(ids_for(books, gpus(2), {{2, 10}}), ElementsAre(0, 2));
  EXPECT_FALSE(books.choose_gpus(gpus(2), {}, chosen));
  EXPECT_THAT(chosen, ElementsAre());
}

TEST(ledger_gpus, a_lost_one_gives_and_takes_nothing) {
  ledger books{machine_with(2)};
  const auto half = books.try_allocate(gpus(0.5, 10));
  books.lose_gpu(0);
  EXPECT_TRUE(books.totals().gpus[0].is_lost);
  EXPECT_TRUE(books.available().gpus[0].share.is_zero());
  EXPECT_EQ(books.available().gpus[0].memory_bytes, 0);
  books.release(*half);
  EXPECT_EQ(books.available(), full_amounts(books.totals()));
  EXPECT_EQ(books.available().gpu_sum(), quantity::one());
  EXPECT_THAT(ids_for(books, gpus(0.5), {{0, 10}}), ElementsAre(1));
  EXPECT_FALSE(books.missing(gpus(1)).empty());
}

TEST(ledger_gpus, no_request_fits_on_a_lost_one_by_asking_for_little) {
  ledger books{machine_with(1)};
  books.lose_gpu(0);
  EXPECT_TRUE(books.missing(gpus(0.0001)).gpus);
  EXPECT_FALSE(books.try_allocate(gpus(0.0001)).has_value());
}

TEST(ledger_gpus, the_reason_tells_of_the_loss) {
  ledger books{machine_with(3)};
  books.lose_gpu(1);
  EXPECT_FALSE(books.infeasible_reason(gpus(2)).has_value());
  EXPECT_EQ(books.infeasible_reason(gpus(3)),
            "asks GPU: 3; this machine has GPU: 2 (GPU 1 was lost)");
  auto wish = gpus(1);
  wish.wish = placement_wish::gpu;
  wish.wish_index = 1;
  EXPECT_EQ(books.infeasible_reason(wish),
            "asks to run on GPU 1; this machine has GPU 0 with 100 bytes, GPU 2 with 100 bytes "
            "(GPU 1 was lost)");
  wish.wish = placement_wish::numa_node;
  EXPECT_THAT(books.infeasible_reason(wish).value(), HasSubstr("(GPU 1 was lost)"));
  books.lose_gpu(0);
  EXPECT_THAT(books.infeasible_reason(gpus(2)).value(), HasSubstr("(GPUs 0, 1 were lost)"));
}

TEST(ledger_gpus, memory_that_only_a_lost_one_had_is_told) {
  auto totals = machine_with(2);
  totals.gpus[0].memory_bytes = 1000;
  ledger books{totals};
  EXPECT_FALSE(books.infeasible_reason(gpus(1, 500)).has_value());
  books.lose_gpu(0);
  EXPECT_THAT(books.infeasible_reason(gpus(1, 500)).value(),
              HasSubstr("has GPU 1 with 100 bytes (GPU 0 was lost)"));
}

TEST(ledger_gpus, losing_twice_does_nothing_and_one_that_is_not_there_is_a_logic_error) {
  ledger books{machine_with(2)};
  books.lose_gpu(0);
  books.lose_gpu(0);
  EXPECT_EQ(books.available().gpu_sum(), quantity::one());
  EXPECT_THROW(books.lose_gpu(2), std::logic_error);
  EXPECT_THROW(books.lose_gpu(-1), std::logic_error);
}

TEST(ledger_gpus, fitting_beside_what_is_held_is_by_instance) {
  ledger books{machine_with(2)};
  std::vector<gpu_amount> held(2);
  EXPECT_TRUE(books.gpus_fit_beside(held, gpus(2)));
  held[0] = {.share = quantity::from_steps(5'000), .memory_bytes = 60};
  EXPECT_FALSE(books.gpus_fit_beside(held, gpus(2)));
  EXPECT_TRUE(books.gpus_fit_beside(held, gpus(1)));
  held[1] = held[0];
  EXPECT_FALSE(books.gpus_fit_beside(held, gpus(1)));
  EXPECT_FALSE(books.gpus_fit_beside(held, gpus(0.75)));
  EXPECT_TRUE(books.gpus_fit_beside(held, gpus(0.5, 40)));
  EXPECT_FALSE(books.gpus_fit_beside(held, gpus(0.5, 41)));
  books.lose_gpu(0);
  books.lose_gpu(1);
  EXPECT_FALSE(books.gpus_fit_beside(held, gpus(0.5)));
}

}  // namespace
}  // namespace narke::internal
