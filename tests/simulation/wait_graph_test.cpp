// The detector's decision against a model that tries every set of waits: random pictures, without
// threads. NARKE_SIMULATION_SEED and NARKE_SIMULATION_SEEDS as in seeds.hpp.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <iterator>
#include <random>
#include <vector>

#include <support/watchdog.hpp>

#include "simulation/seeds.hpp"
#include "worker/wait_graph.hpp"

namespace narke_test {
namespace {

using namespace narke::internal;

class random_picture {
 public:
  explicit random_picture(std::uint64_t seed) : random_{seed} {
    graph.resize(1 + below(7));
    for (pictured_wait& each : graph) {
      each.wanted.resize(1 + below(3));
      for (wanted_result& wanted : each.wanted) fill(wanted);
      each.goal = 1 + below(each.wanted.size());
      each.until_failure = below(4) == 0;
      each.has_timeout = below(12) == 0;
    }
  }

  wait_graph graph;

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  void fill(wanted_result& wanted) {
    if (below(8) == 0) {
      wanted.is_there = true;
      wanted.has_failed = below(3) == 0;
      return;
    }
    wanted.needs.resize(below(8) == 0 ? 0 : 1 + below(2));
    for (wait_need& need : wanted.needs) {
      need.lacking = static_cast<double>(below(4));
      need.holders.resize(1 + below(3));
      for (wait_holder& holder : need.holders) {
        holder.amount = static_cast<double>(below(3));
        for (std::size_t i = below(6) == 0 ? 0 : 1 + below(2); i > 0; --i) {
          holder.waits.push_back(below(graph.size()));
        }
      }
    }
  }

  std::mt19937 random_;
};

using wait_set = std::uint32_t;

bool has(wait_set set, std::size_t wait) { return ((set >> wait) & 1U) != 0; }

// Whether the wait could end if all waits but those of the set were over.
bool could_end_beside(const pictured_wait& wait, wait_set set) {
  if (wait.has_timeout) return true;
  std::size_t possible = 0;
  bool all_are_there = true;
  for (const wanted_result& wanted : wait.wanted) {
    bool comes = true;
    for (const wait_need& need : wanted.needs) {
      double let_go = 0;
      int letting_go = 0;
      for (const wait_holder& holder : need.holders) {
        bool lets_go = holder.waits.empty();
        for (const std::size_t other : holder.waits) lets_go = lets_go || !has(set, other);
        let_go += lets_go ? holder.amount : 0;
        letting_go += lets_go ? 1 : 0;
      }
      comes = comes && letting_go != 0 && let_go >= need.lacking;
    }
    if (wait.until_failure && (wanted.is_there ? wanted.has_failed : comes)) return true;
    all_are_there = all_are_there && wanted.is_there;
    possible += wanted.is_there || comes ? 1 : 0;
  }
  return wait.until_failure ? all_are_there : possible >= wait.goal;
}

// A set whose waits can end only by one another can never end; so can all such sets together.
wait_set without_end_by_model(const wait_graph& graph) {
  wait_set all = 0;
  for (wait_set set = 1; set < (1U << graph.size()); ++set) {
    bool is_closed = true;
    for (std::size_t i = 0; is_closed && i != graph.size(); ++i) {
      is_closed = !has(set, i) || !could_end_beside(graph[i], set);
    }
    if (is_closed) all |= set;
  }
  return all;
}

TEST(wait_graph, says_deadlock_exactly_when_the_model_does) {
  const seed_range seeds = seeds_from_environment(100'000);
  std::uint64_t deadlocks = 0;
  std::uint64_t partial = 0;
  for (std::uint64_t seed = seeds.first; seed != seeds.first + seeds.count; ++seed) {
    const random_picture one{seed};
    const std::vector<bool> found = waits_without_end(one.graph);
    wait_set found_set = 0;
    for (std::size_t i = 0; i != found.size(); ++i) found_set |= found[i] ? 1U << i : 0U;
    ASSERT_EQ(found_set, without_end_by_model(one.graph)) << command_for_seed(seed);
    deadlocks += found_set != 0 ? 1 : 0;
    partial += found_set != 0 && std::popcount(found_set) != std::ssize(found) ? 1 : 0;
  }
  if (seeds.count >= 1'000) {
    EXPECT_GT(deadlocks, seeds.count / 20);
    EXPECT_LT(deadlocks, seeds.count - seeds.count / 20);
    EXPECT_GT(partial, seeds.count / 100);
  }
}

// The worked example of wait_graph.hpp.
TEST(wait_graph, what_will_be_let_go_may_be_too_little) {
  const wait_need two_licenses{.lacking = 2,
                               .holders = {{.waits = {0}, .amount = 1},
                                           {.waits = {1}, .amount = 1},
                                           {.waits = {2}, .amount = 1}}};
  const wait_graph graph{{.wanted = {{.needs = {two_licenses}}}},
                         {.wanted = {{.needs = {two_licenses}}}},
                         {.wanted = {{}}}};
  EXPECT_EQ(waits_without_end(graph), (std::vector{true, true, false}));
}

TEST(wait_graph, nobody_waits_in_an_empty_picture) {
  EXPECT_TRUE(waits_without_end({}).empty());
}

}  // namespace
}  // namespace narke_test
