// What workloads compute besides results: efficiency curves, caches to compare with, work of a
// known length.
#include <gtest/gtest.h>

#include <cmath>

#include "gpu_working_set/lru_cache.hpp"
#include "harness/cpu.hpp"
#include "stencil/workload.hpp"

namespace bench {
namespace {

using stencil::efficiency;
using stencil::task_ns_at;

TEST(metg, is_where_the_curve_crosses_a_half_by_logarithms) {
  EXPECT_NEAR(task_ns_at({{1600, 0.9}, {400, 0.75}, {100, 0.25}}, 0.5), 200, 1e-9);
  EXPECT_NEAR(task_ns_at({{1600, 0.9}, {400, 0.5}, {100, 0.25}}, 0.5), 400, 1e-9);
}

TEST(metg, is_the_last_crossing_of_a_curve_that_wavers) {
  EXPECT_NEAR(task_ns_at({{1600, 0.9}, {800, 0.4}, {400, 0.6}, {200, 0.4}}, 0.5),
              400 / std::sqrt(2.0), 1e-9);
}

TEST(metg, is_the_shortest_task_of_a_curve_that_never_falls) {
  EXPECT_EQ(task_ns_at({{1600, 0.9}, {400, 0.8}}, 0.5), 400);
}

TEST(metg, is_the_longest_task_of_a_curve_that_never_rises) {
  EXPECT_EQ(task_ns_at({{1600, 0.3}, {400, 0.2}}, 0.5), 1600);
  EXPECT_EQ(task_ns_at({}, 0.5), 0);
}

TEST(stencil_grid, each_cell_is_made_of_its_neighbours) {
  const auto two = [](std::uint64_t inputs) { return stencil::value_of(inputs, 3); };
  const std::vector<std::uint64_t> once = stencil::run_serially({.columns = 3, .steps = 1}, 3);
  EXPECT_EQ(once, (std::vector<std::uint64_t>{two(1 + 2), two(1 + 2 + 3), two(2 + 3)}));
  const std::vector<std::uint64_t> twice = stencil::run_serially({.columns = 3, .steps = 2}, 3);
  EXPECT_EQ(twice[0], two(once[0] + once[1]));
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
