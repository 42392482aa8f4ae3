// What workloads compute besides results: efficiency curves, caches to compare with, work of a
// known length.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>
#include <vector>

#include "gpu_working_set/lru_cache.hpp"
#include "harness/cpu.hpp"
#include "metg/workload.hpp"

namespace bench {
namespace {

using metg::efficiency;
using metg::granularity_at;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(metg, is_where_the_curve_crosses_a_half_by_logarithms) {
  EXPECT_NEAR(granularity_at({{1600, 0.9}, {400, 0.75}, {100, 0.25}}, 0.5), 200, 1e-9);
  EXPECT_NEAR(granularity_at({{1600, 0.9}, {400, 0.5}, {100, 0.25}}, 0.5), 400, 1e-9);
}

TEST(metg, is_the_last_crossing_of_a_curve_that_wavers) {
  EXPECT_NEAR(granularity_at({{1600, 0.9}, {800, 0.4}, {400, 0.6}, {200, 0.4}}, 0.5),
              400 / std::sqrt(2.0), 1e-9);
}

TEST(metg, is_the_shortest_granularity_of_a_curve_that_never_falls) {
  EXPECT_EQ(granularity_at({{1600, 0.9}, {400, 0.8}}, 0.5), 400);
}

TEST(metg, is_the_longest_granularity_of_a_curve_that_never_rises) {
  EXPECT_EQ(granularity_at({{1600, 0.3}, {400, 0.2}}, 0.5), 1600);
  EXPECT_EQ(granularity_at({}, 0.5), 0);
}

/// By column, the columns of the step before whose results the tasks of a step take.
std::vector<std::vector<std::size_t>> columns_taken(metg::pattern which, std::size_t step) {
  constexpr std::size_t columns = 4;
  const metg::grid all{which, columns, step + 1};
  std::vector<std::vector<std::size_t>> taken(columns);
  for (std::size_t column = 0; column != columns; ++column) {
    for (const std::size_t each : all.inputs_of(step * columns + column)) {
      EXPECT_EQ(each / columns, step - 1);
      taken[column].push_back(each % columns);
    }
  }
  return taken;
}

TEST(metg_grid, first_step_takes_nothing) {
  const metg::grid all{metg::pattern::stencil, 4, 2};
  EXPECT_EQ(all.size(), 8U);
  EXPECT_THAT(all.inputs_of(0), IsEmpty());
}

TEST(metg_grid, patterns_take_what_task_bench_says) {
  using list = std::vector<std::size_t>;
  EXPECT_THAT(columns_taken(metg::pattern::trivial, 1),
              ElementsAre(list{}, list{}, list{}, list{}));
  EXPECT_THAT(columns_taken(metg::pattern::stencil, 1),
              ElementsAre(list{0, 1}, list{0, 1, 2}, list{1, 2, 3}, list{2, 3}));
  EXPECT_THAT(columns_taken(metg::pattern::tree, 1),
              ElementsAre(list{0}, list{0}, list{1}, list{1}));
  EXPECT_THAT(columns_taken(metg::pattern::fft, 1),
              ElementsAre(list{0, 1}, list{0, 1, 2}, list{1, 2, 3}, list{2, 3}));
  EXPECT_THAT(columns_taken(metg::pattern::fft, 2),
              ElementsAre(list{0, 2}, list{1, 3}, list{0, 2}, list{1, 3}));
  EXPECT_EQ(columns_taken(metg::pattern::fft, 3), columns_taken(metg::pattern::fft, 1));
}

TEST(metg_grid, random_takes_one_to_three_and_the_same_each_time) {
  std::set<std::size_t> sizes;
  for (std::size_t step = 1; step != 20; ++step) {
    const auto taken = columns_taken(metg::pattern::random, step);
    EXPECT_EQ(taken, columns_taken(metg::pattern::random, step));
    for (const auto& each : taken) {
      EXPECT_EQ(std::set<std::size_t>(each.begin(), each.end()).size(), each.size());
      sizes.insert(each.size());
    }
  }
  EXPECT_THAT(sizes, ElementsAre(1, 2, 3));
}

TEST(metg_grid, each_value_is_made_of_those_it_takes) {
  const metg::grid all{metg::pattern::tree, 2, 2};
  const std::vector<std::uint64_t> values = metg::run_serially(all, 3);
  EXPECT_EQ(values[1], metg::value_of(1, 0, 3));
  EXPECT_EQ(values[3], metg::value_of(3, values[0], 3));
}

TEST(metg_grid, columns_are_a_power_of_two) {
  EXPECT_THROW(metg::grid(metg::pattern::fft, 3, 2), std::invalid_argument);
}

TEST(metg_of_a_runtime, is_told_with_its_curve_and_wrong_results_are_found) {
  const metg::grid all{metg::pattern::stencil, 2, 2};
  run measured;
  metg::metg_of("serial", all, metg::run_serially).body(measured);
  EXPECT_GT(measured.real_time().count(), 0);
  EXPECT_GT(measured.counters().at("efficiency_at_64000_ns"), 0);
  EXPECT_GT(measured.counters().at("granularity_at_125_ns"), 0);
  const contender wrong = metg::metg_of("wrong", all, [](const metg::grid& grid, std::uint64_t) {
    return std::vector<std::uint64_t>(grid.size());
  });
  EXPECT_THROW(wrong.body(measured), wrong_result);
}

TEST(lru_cache, takes_the_place_of_what_was_used_longest_ago) {
  gpu_working_set::lru_cache cache{2};
  const auto first = cache.use(1);
  EXPECT_FALSE(first.was_there);
  EXPECT_FALSE(cache.use(2).was_there);
  EXPECT_TRUE(cache.use(1).was_there);
  EXPECT_FALSE(cache.use(3).was_there);
  const auto again = cache.use(1);
  EXPECT_TRUE(again.was_there);
  EXPECT_EQ(again.place, first.place);
  EXPECT_FALSE(cache.use(2).was_there);
}

TEST(spinning, takes_more_rounds_for_more_time_and_depends_on_its_seed) {
  EXPECT_GE(rounds_for(std::chrono::nanoseconds{1}), 1U);
  EXPECT_GT(rounds_for(std::chrono::microseconds{100}), rounds_for(std::chrono::microseconds{10}));
  EXPECT_NE(spin(10, 3), spin(11, 3));
  EXPECT_NE(spin(10, 3), spin(10, 5));
}

}  // namespace
}  // namespace bench
