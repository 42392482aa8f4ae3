#include "resources/ledger.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narke::internal {
namespace {

using testing::ElementsAre;

constexpr std::int64_t gib = 1 << 30;

resource_totals machine_with(int gpu_count, std::int64_t gpu_bytes = 8 * gib) {
  resource_totals totals{.cpus = 4, .memory_bytes = 16 * gib, .numa_nodes = {0, 1}};
  for (int id = 0; id < gpu_count; ++id) {
    totals.gpus.push_back({.id = id, .memory_bytes = gpu_bytes, .numa_node = id % 2});
  }
  totals.custom = {{"license", quantity::from_whole(2)}};
  return totals;
}

resource_request gpus(double count, std::int64_t gpu_memory_bytes = 0) {
  return make_request(
      {.num_gpus = count, .gpu_memory = static_cast<double>(gpu_memory_bytes)});
}

resource_request wishing(resource_request request, placement_wish wish, int index = 0) {
  request.wish = wish;
  request.wish_index = index;
  return request;
}

std::vector<int> ids_for(ledger& books, const resource_request& request) {
  const auto granted = books.try_allocate(request);
  return granted ? granted->gpu_ids() : std::vector<int>{-1};
}

TEST(ledger, halves_fill_one_gpu_before_the_next) {
  ledger books{machine_with(3)};
  EXPECT_THAT(ids_for(books, gpus(0.5)), ElementsAre(0));
  EXPECT_THAT(ids_for(books, gpus(0.5)), ElementsAre(0));
  EXPECT_THAT(ids_for(books, gpus(0.5)), ElementsAre(1));
}

TEST(ledger, whole_gpus_take_untouched_ones_from_the_lowest_index) {
  ledger books{machine_with(4)};
  EXPECT_THAT(ids_for(books, gpus(0.1)), ElementsAre(0));
  EXPECT_THAT(ids_for(books, gpus(2)), ElementsAre(1, 2));
  EXPECT_THAT(ids_for(books, gpus(1)), ElementsAre(3));
}

TEST(ledger, a_whole_gpu_waits_though_the_sum_of_free_shares_is_enough) {
  ledger books{machine_with(2)};
  (void)books.try_allocate(gpus(0.7));
  (void)books.try_allocate(gpus(0.7));
  EXPECT_FALSE(books.try_allocate(gpus(0.5)).has_value());
  (void)books.try_allocate(gpus(0.3));
  EXPECT_FALSE(books.try_allocate(gpus(1)).has_value());
}

TEST(ledger, a_fraction_takes_the_smallest_leftover) {
  ledger books{machine_with(3)};
  (void)books.try_allocate(gpus(0.6));                        // 0.4, 1, 1
  const auto blocker = books.try_allocate(gpus(1));           // 0.4, 0, 1
  EXPECT_THAT(ids_for(books, gpus(0.7)), ElementsAre(2));     // 0.4, 0, 0.3
  books.release(*blocker);                                    // 0.4, 1, 0.3
  EXPECT_THAT(ids_for(books, gpus(0.3)), ElementsAre(2));     // 0.4, 1, 0
  EXPECT_THAT(ids_for(books, gpus(0.5)), ElementsAre(1));     // 0.4, 0.5, 0
  EXPECT_THAT(ids_for(books, gpus(0.4)), ElementsAre(0));
}

TEST(ledger, equal_leftovers_go_to_the_lowest_index) {
  ledger books{machine_with(3)};
  (void)books.try_allocate(wishing(gpus(0.5), placement_wish::gpu, 2));
  (void)books.try_allocate(wishing(gpus(0.5), placement_wish::gpu, 1));  // 1, 0.5, 0.5
  EXPECT_THAT(ids_for(books, gpus(0.2)), ElementsAre(1));
}

TEST(ledger, eight_gpus_hold_48_tasks_of_fifteen_hundredths) {
  ledger books{machine_with(8)};
  int count = 0;
  while (books.try_allocate(gpus(0.15))) {
    ++count;
  }
  EXPECT_EQ(count, 48);  // six on each: 6 × 0.15 = 0.9
}

TEST(ledger, eighty_tasks_of_eighteen_hundredths_pass_through_sixteen_gpus) {
  ledger books{machine_with(16)};
  int count = 0;
  while (books.try_allocate(gpus(0.18))) {
    ++count;
  }
  EXPECT_EQ(count, 80);
}

TEST(ledger, ten_tenths_fit_in_one_gpu) {
  ledger books{machine_with(1)};
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(books.try_allocate(gpus(0.1)).has_value()) << i;
  }
  EXPECT_TRUE(books.available().gpus[0].share.is_zero());
  EXPECT_FALSE(books.try_allocate(gpus(0.0001)).has_value());
}

TEST(ledger, gpu_memory_must_fit_on_the_gpu_that_is_chosen) {
  ledger books{machine_with(2)};
  EXPECT_THAT(ids_for(books, gpus(0.25, 6 * gib)), ElementsAre(0));
  EXPECT_THAT(ids_for(books, gpus(0.25, 3 * gib)), ElementsAre(1));  // 2 GiB left on GPU 0
  EXPECT_THAT(ids_for(books, gpus(0.25, 2 * gib)), ElementsAre(0));
}

TEST(ledger, whole_gpus_skip_one_whose_memory_is_too_small) {
  auto totals = machine_with(3);
  totals.gpus[0].memory_bytes = gib;
  ledger books{totals};
  EXPECT_THAT(ids_for(books, gpus(2, 2 * gib)), ElementsAre(1, 2));
}

TEST(ledger, a_failed_allocation_takes_nothing) {
  ledger books{machine_with(1)};
  const auto before = books.available();
  EXPECT_FALSE(books.try_allocate(make_request({.num_gpus = 1, .resources = {{"license", 3}}})));
  EXPECT_FALSE(books.try_allocate(make_request({.num_gpus = 2, .resources = {{"license", 1}}})));
  EXPECT_EQ(books.available(), before);
}

TEST(ledger, what_is_given_back_is_free_again) {
  ledger books{machine_with(2)};
  const auto all = make_request(
      {.num_gpus = 2, .gpu_memory = 8.0 * gib, .memory = 1e9, .resources = {{"license", 1.5}}});
  const auto granted = books.try_allocate(all);
  ASSERT_TRUE(granted);
  EXPECT_EQ(books.available().custom.at("license").to_string(), "0.5");
  books.release(*granted);
  EXPECT_EQ(books.available(), full_amounts(books.totals()));
}

TEST(ledger, giving_back_twice_is_a_logic_error) {
  ledger books{machine_with(1)};
  const auto granted = books.try_allocate(gpus(0.5));
  books.release(*granted);
  EXPECT_THROW(books.release(*granted), std::logic_error);
  EXPECT_EQ(books.available(), full_amounts(books.totals()));
}

TEST(ledger, a_request_for_nothing_holds_nothing) {
  ledger books{machine_with(1)};
  const auto granted = books.try_allocate(make_request({.num_cpus = 2}));
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->serial, 0u);
  books.release(*granted);
  EXPECT_EQ(books.available(), full_amounts(books.totals()));
}

TEST(ledger, missing_names_the_kinds_that_are_short) {
  ledger books{machine_with(1)};
  (void)books.try_allocate(
      make_request({.num_gpus = 0.5, .memory = 16.0 * gib, .resources = {{"license", 2}}}));
  const auto wanted =
      make_request({.num_gpus = 1, .memory = 1, .resources = {{"license", 1}}});
  EXPECT_EQ(books.missing(wanted),
            (resource_kinds{.gpus = true, .memory = true, .custom = {"license"}}));
  EXPECT_TRUE(books.missing(gpus(0.5)).empty());
}

TEST(ledger, a_wish_for_a_gpu_waits_for_that_one) {
  ledger books{machine_with(2)};
  const auto wish = wishing(gpus(0.6), placement_wish::gpu, 1);
  EXPECT_THAT(ids_for(books, wish), ElementsAre(1));
  EXPECT_FALSE(books.try_allocate(wish).has_value());
}

TEST(ledger, a_wish_for_a_numa_node_takes_its_gpus_only) {
  ledger books{machine_with(4)};
  EXPECT_THAT(ids_for(books, wishing(gpus(2), placement_wish::numa_node, 1)), ElementsAre(1, 3));
}

TEST(ledger, spread_shares_go_to_the_emptiest_gpu) {
  ledger books{machine_with(3)};
  const auto wish = wishing(gpus(0.25), placement_wish::spread);
  EXPECT_THAT(ids_for(books, wish), ElementsAre(0));
  EXPECT_THAT(ids_for(books, wish), ElementsAre(1));
  EXPECT_THAT(ids_for(books, wish), ElementsAre(2));
  EXPECT_THAT(ids_for(books, wish), ElementsAre(0));
}

TEST(ledger, negative_totals_are_refused) {
  EXPECT_THROW(ledger{resource_totals{.cpus = -1}}, std::invalid_argument);
  EXPECT_THROW(ledger{resource_totals{.memory_bytes = -1}}, std::invalid_argument);
}

TEST(ledger, totals_below_zero_are_refused_with_what_is_wrong) {
  const auto reason = [](resource_totals totals) -> std::string {
    try {
      const ledger books{std::move(totals)};
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "taken";
  };
  EXPECT_EQ(reason(machine_with(2)), "taken");
  resource_totals bad = machine_with(2);
  bad.gpus[1].memory_bytes = -5;
  EXPECT_EQ(reason(bad), "totals: GPU 1 has -5 bytes of memory; give 0 or more");
  bad = machine_with(0);
  bad.custom["license"] = quantity::zero() - quantity::one();
  EXPECT_EQ(reason(bad), "totals: -1 of license; give 0 or more");
  EXPECT_NE(reason({.cpus = -1}).find("CPU -1"), std::string::npos);
  EXPECT_NE(reason({.memory_bytes = -1}).find("memory -1"), std::string::npos);
}

TEST(ledger, gpus_come_once) {
  ledger books{machine_with(0)};
  books.add_gpus(machine_with(2));
  EXPECT_THAT(ids_for(books, gpus(2)), ElementsAre(0, 1));
  EXPECT_THROW(books.add_gpus(machine_with(2)), std::logic_error);
}

TEST(ledger, a_part_of_a_second_gpu_cannot_be_had) {
  ledger books{machine_with(2)};
  resource_request request = gpus(1);
  request.gpus = request.gpus + quantity::from_double(0.5, "test");
  EXPECT_THROW((void)books.try_allocate(request), std::logic_error);
  EXPECT_THAT(ids_for(books, gpus(2)), ElementsAre(0, 1)) << "nothing was taken";
}

}  // namespace
}  // namespace narke::internal
